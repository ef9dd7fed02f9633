"""The rows that one-shot learning writes: accuracy on tasks, and on few-shot episodes."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from transfer_gain.data import store
from transfer_gain.few_shot.inputs import Evaluation
from transfer_gain.few_shot.scoring import episode_accuracy, mean_over_shots, solved
from transfer_gain.few_shot.tasks import CANDIDATES, TASKS_2018, Episodes

# An epoch is one batch, or a pass over the training images. Untrained methods have no epochs.
UNTRAINED_EPOCH = "none"
# Default values in the rows of methods that are not trained in batches.
UNTRAINED = {
    "epochs": 0,
    "updates": 0,
    "train_accuracy": np.nan,
    "train_loss": np.nan,
}
HISTORY = [
    *["method", "classes", "replicate", "epochs", "updates", "tasks", "accuracy", "accuracy_320"],
    *["chance", "train_accuracy", "train_loss"],
]
FEW_SHOT = [
    *["method", "classes", "way", "shot", "replicate", "epochs", "episodes", "accuracy"],
    *["episode_half_width", "chance"],
]
NAMES = ["approach", "epoch_unit", "trained_on", "tested_on", "backbone", "batch"]


def task_row(correct: np.ndarray, replicate: int, name: str) -> dict[str, object]:
    """Return one row of accuracies on a replicate's tasks from one group of classes.

    Args:
        correct: bool (tasks,).
        replicate: number of the replicate.
        name: name of the group of classes.
    """
    return {
        "classes": name,
        "replicate": replicate,
        "tasks": len(correct),
        "accuracy": correct.mean(),
        "accuracy_320": correct[:TASKS_2018].mean(),
        "chance": 1 / CANDIDATES,
    }


def few_shot_rows(
    score: Callable[[Episodes], np.ndarray], evaluation: Evaluation, replicate: int
) -> list[dict[str, object]]:
    """Return one row per N-way K-shot evaluation of one replicate.

    Args:
        score: function from episodes to similarities (episodes, way, queries, way).
        evaluation: evaluation of the replicate.
        replicate: number of the replicate.
    """
    rows = []
    for (name, way, shot), episodes in evaluation.episodes.items():
        accuracy = episode_accuracy(score(episodes))
        rows.append(
            {
                "classes": name,
                "way": way,
                "shot": shot,
                "replicate": replicate,
                "episodes": len(accuracy),
                "accuracy": accuracy.mean(),
                "episode_half_width": 1.96 * accuracy.std(ddof=1) / np.sqrt(len(accuracy)),
                "chance": 1 / way,
            }
        )
    return rows


def evaluate(
    method: str,
    scores: np.ndarray,
    evaluation: Evaluation,
    replicate: int,
    few_shot_score: Callable[[Episodes], np.ndarray] | None = None,
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Return a replicate's rows of one-shot tasks and of few-shot episodes.

    Args:
        method: name of the method, for the rows.
        scores: (images, images), of every pair of the pool.
        evaluation: evaluation of the replicate.
        replicate: number of the replicate.
        few_shot_score: see `few_shot_rows`; None takes the mean of `scores` over shots.
    """
    score = few_shot_score or partial(mean_over_shots, scores)
    rows = [
        task_row(solved(scores[tasks.query[:, None], tasks.candidates]), replicate, name)
        for name, tasks in evaluation.tasks.items()
    ]
    one_shot, few_shot = (
        [{"method": method, **row} for row in some]
        for some in (rows, few_shot_rows(score, evaluation, replicate))
    )
    return one_shot, few_shot


def write(rows: pd.DataFrame, path: Path | str, names: Mapping[str, str | int]) -> None:
    """Write rows of an approach, preceded by the columns that name it.

    Args:
        rows: columns `HISTORY` or `FEW_SHOT`, in any order; training columns may be missing.
        path: file to write.
        names: values of the columns `NAMES`.
    """
    columns = FEW_SHOT if "way" in rows else HISTORY
    missing = {name: value for name, value in UNTRAINED.items() if name not in rows}
    values = {name: names[name] for name in NAMES} | {"batch": int(names["batch"])}
    store.write_rows(store.with_names(rows.assign(**missing)[columns], values), path)
