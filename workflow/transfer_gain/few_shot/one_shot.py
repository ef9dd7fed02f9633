"""One-shot and few-shot tasks: pairs, tasks and episodes drawn by seed, and how they are scored.

Scores are similarities, larger where two images are more alike. A tie is a failure: a method that
finds all candidates equally alike has recognised nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from transfer_gain.data import store
from transfer_gain.data.sources.base import SourceError
from transfer_gain.seeds import generator

CANDIDATES = 7  # of a task of the report: one of the query's class and six of others
REPORT_TASKS = 320
SEEN, UNSEEN, ALL = "seen", "unseen", "all"  # which classes of the target a task is about
# An epoch is one batch, or a pass over the training images; what is not trained has none.
UNTRAINED_EPOCH = "none"


class Pairs(NamedTuple):
    """Pairs of images for training.

    Attributes:
        left: int32 (batches, batch size), rows of images.
        right: int32 (batches, batch size), the images that they are paired with.
        same: float32 (batches, batch size), 1 where both are of one class, else 0.
    """

    left: np.ndarray
    right: np.ndarray
    same: np.ndarray


class Tasks(NamedTuple):
    """One-shot tasks: which candidate is of the query's class?

    Attributes:
        query: int64 (tasks,), rows of images.
        candidates: int64 (tasks, candidates), the one of the query's class first.
    """

    query: np.ndarray
    candidates: np.ndarray


class Episodes(NamedTuple):
    """N-way K-shot episodes.

    Attributes:
        support: int64 (episodes, way, shot), rows of images.
        query: int64 (episodes, way, queries), of the same classes in the same order.
    """

    support: np.ndarray
    query: np.ndarray


def draw_pairs(
    labels: np.ndarray, batches: int, batch_size: int, rng: np.random.Generator
) -> Pairs:
    """Draw pairs of different images, half of each batch of one class, half of two.

    Classes are drawn uniformly, then images of the class; where the batch is odd, one pair more is
    of two classes.

    Args:
        labels: class of each image, (images,); two classes or more, of two images or more.
        batches: how many batches.
        batch_size: pairs in a batch.
        rng: draws.
    """
    classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    counts = np.array([len(rows) for rows in classes])
    by_class = np.concatenate(classes)
    starts = np.cumsum(counts) - counts
    shape = (batches, batch_size)
    same = np.broadcast_to(np.arange(batch_size) < batch_size // 2, shape)
    first = rng.integers(len(classes), size=shape)
    other = (first + rng.integers(1, len(classes), size=shape)) % len(classes)
    second = np.where(same, first, other)
    left = rng.integers(counts[first])
    # Of the same class: any image but the left one.
    right = np.where(
        same, (left + rng.integers(1, counts[first])) % counts[first], rng.integers(counts[second])
    )
    rows = [by_class[starts[c] + i].astype(np.int32) for c, i in ((first, left), (second, right))]
    return Pairs(rows[0], rows[1], same.astype(np.float32))


def draw_tasks(
    labels: np.ndarray, tasks: int, rng: np.random.Generator, candidates: int = CANDIDATES
) -> Tasks:
    """Draw tasks: a query, an image of its class and others of other classes, all different.

    Args:
        labels: class of each image, (images,), every class as often.
        tasks: how many.
        rng: draws.
        candidates: images that the query is compared with.
    """
    query = rng.integers(len(labels), size=tasks)
    keys = rng.random((tasks, len(labels)))
    own_class = labels[query][:, None] == labels
    of_own, of_others = np.where(own_class, keys, np.inf), np.where(own_class, np.inf, keys)
    of_own[np.arange(tasks), query] = np.inf
    others = np.argsort(of_others, axis=1)[:, : candidates - 1]
    return Tasks(query, np.column_stack([of_own.argmin(axis=1), others]))


def draw_episodes(
    labels: np.ndarray,
    way: int,
    shot: int,
    queries: int,
    episodes: int,
    rng: np.random.Generator,
) -> Episodes:
    """Draw episodes: some classes, of each some images as support and others as queries.

    Args:
        labels: class of each image, (images,).
        way: classes of an episode, at most those there are.
        shot: support images of a class.
        queries: queries of a class; with `shot` at most its images.
        episodes: how many.
        rng: draws.
    """
    classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    drawn = np.array(
        [
            [
                rng.permutation(classes[label])[: shot + queries]
                for label in rng.permutation(len(classes))[:way]
            ]
            for _ in range(episodes)
        ]
    )
    return Episodes(drawn[:, :, :shot], drawn[:, :, shot:])


def solved(scores: np.ndarray) -> np.ndarray:
    """Tell which tasks are solved: the first score is larger than every other; a tie is a failure.

    Args:
        scores: (..., candidates).
    """
    return scores[..., 0] > scores[..., 1:].max(axis=-1)


def episode_accuracy(scores: np.ndarray) -> np.ndarray:
    """Return the share of each episode's queries that are given their class.

    Args:
        scores: (episodes, way, queries, way): of the queries of each class with each class.

    Returns:
        float64 (episodes,)
    """
    way = scores.shape[1]
    own_first = (np.arange(way)[:, None] + np.arange(way)) % way  # (way, way), the own class first
    ordered = np.take_along_axis(scores, own_first[None, :, None, :], axis=-1)
    return solved(ordered).mean(axis=(1, 2))


def mean_over_shots(scores: np.ndarray, episodes: Episodes) -> np.ndarray:
    """Return each query's mean similarity with each class's support.

    Args:
        scores: (images, images), of every pair.
        episodes: rows of these images.

    Returns:
        (episodes, way, queries, way)
    """
    support, query = episodes
    return scores[query[..., None, None], support[:, None, None]].mean(axis=-1)


def to_prototypes(products: np.ndarray, episodes: Episodes) -> np.ndarray:
    """Return each query's similarity with each class's mean: minus their squared distance.

    The query's own square is left out: it is the same for all classes.

    Args:
        products: scalar products of every pair of images, (images, images).
        episodes: rows of these images.

    Returns:
        (episodes, way, queries, way)
    """
    support = episodes.support
    squares = products[support[..., None], support[..., None, :]].mean(axis=(-2, -1))
    return 2 * mean_over_shots(products, episodes) - squares[:, None, None, :]


def l1_scores(features: np.ndarray) -> np.ndarray:
    """Return minus the L1 distance of every pair of images, (images, images)."""
    return -np.stack([np.abs(features - image).sum(axis=1) for image in features])


def cosine_scores(features: np.ndarray) -> np.ndarray:
    """Return the cosine of every pair of images, (images, images)."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    unit = features / np.maximum(lengths, np.finfo(features.dtype).tiny)
    return unit @ unit.T


def distance_scores(products: np.ndarray) -> np.ndarray:
    """Return minus the squared Euclidean distance of every pair, from their scalar products."""
    squares = np.diag(products)
    return 2 * products - squares - squares[:, None]


class Pool(NamedTuple):
    """The images of the target that one replicate is tested on.

    Attributes:
        features: float32 (images, features).
        labels: int32 (images,).
        image_ids: str (images,).
        classes: which classes tasks are about: name to labels.
    """

    features: np.ndarray
    labels: np.ndarray
    image_ids: np.ndarray
    classes: Mapping[str, np.ndarray]


class Evaluation(NamedTuple):
    """What one replicate is tested by: the same tasks and episodes for every method.

    Attributes:
        tasks: by the name of the classes; rows are the pool's.
        episodes: by the name of the classes, way and shot.
    """

    tasks: Mapping[str, Tasks]
    episodes: Mapping[tuple[str, int, int], Episodes]


class Data(NamedTuple):
    """What an approach trains and is tested on.

    Attributes:
        features: float32 (images, features), of the training images.
        labels: int32 (images,).
        pools: one a replicate.
        evaluations: one a replicate.
    """

    features: np.ndarray
    labels: np.ndarray
    pools: Sequence[Pool]
    evaluations: Sequence[Evaluation]


def read(
    trained_on: Path | str,
    tested_on: Path | str,
    *,
    seen: int,
    per_class: int | None,
    test_per_class: int,
    replicates: int,
    tasks: int,
    few_shot: Mapping[str, Any],
    seed_names: tuple[int, str],
) -> Data:
    """Read an approach's training images, and draw what it is tested by.

    Tests draw from images of the target that no approach trains on: those for validation.

    Args:
        trained_on: features of the images to train on; those for training are used.
        tested_on: features of the target.
        seen: the first classes of the target are trained on, and no others, if this is not zero;
            otherwise nothing of the target is.
        per_class: training images of a class; None for all.
        test_per_class: images of each class that a replicate is tested on.
        replicates: how many.
        tasks: one-shot tasks of each group of classes.
        few_shot: the N-way K-shot evaluations: ways (all classes where that is fewer), shots,
            queries of a class, episodes.
        seed_names: study seed and target.

    Raises:
        SourceError: there are too few classes or images.
    """
    index = store.read_index(trained_on)
    chosen = index[index["split"] == store.TRAINING]
    if seen:
        chosen = chosen[chosen["label"] < seen]
    if per_class:
        rng = generator(*seed_names, "one-shot training")
        chosen = chosen.iloc[rng.permutation(len(chosen))].groupby("label").head(per_class)
        chosen = chosen.sort_index()  # files are read in order
    target = store.read_index(tested_on)
    target = target[target["split"] == store.VALIDATION]
    labels = np.unique(target["label"])
    classes = {SEEN: labels[labels < seen], UNSEEN: labels[labels >= seen], ALL: labels}
    if not seen:
        classes = {UNSEEN: labels}
    _check(chosen, target, classes, trained_on, tested_on, test_per_class, few_shot)
    pools, evaluations = [], []
    for replicate in range(replicates):
        rng = generator(*seed_names, replicate, "one-shot images")
        rows = np.concatenate(
            [
                rng.permutation(target.index[target["label"] == label])[:test_per_class]
                for label in labels
            ]
        )
        pool = Pool(
            store.read_arrays(tested_on, rows).astype(np.float32),
            target["label"].loc[rows].to_numpy(np.int32),
            target["image_id"].loc[rows].to_numpy(),
            classes,
        )
        pools.append(pool)
        evaluations.append(_draw_evaluation(pool, tasks, few_shot, (*seed_names, replicate)))
    return Data(
        store.read_arrays(trained_on, chosen.index.to_numpy()).astype(np.float32),
        chosen["label"].to_numpy(np.int32),
        pools,
        evaluations,
    )


def _check(
    chosen: pd.DataFrame,
    target: pd.DataFrame,
    classes: Mapping[str, np.ndarray],
    trained_on: Path | str,
    tested_on: Path | str,
    test_per_class: int,
    few_shot: Mapping[str, Any],
) -> None:
    """Refuse images that are too few for pairs, tasks or episodes; see `read`."""
    if (fewest := chosen["label"].value_counts().min()) < 2:
        raise SourceError(f"{trained_on}: found a class of {fewest} training image, expected 2")
    fewest = min(target["label"].value_counts().min(), test_per_class)
    episode = max(few_shot["shots"]) + few_shot["queries"]
    if fewest < episode:
        raise SourceError(
            f"{tested_on}: found a class of {fewest} validation images, expected at least "
            f"{episode}, the shots and queries of an episode"
        )
    for name, some in classes.items():
        if (len(some) - 1) * fewest < CANDIDATES - 1:
            raise SourceError(
                f"{tested_on}: found {len(some)} {name} classes of {fewest} validation images, "
                f"expected {CANDIDATES - 1} images of other classes than the query's"
            )


def _draw_evaluation(
    pool: Pool, tasks: int, few_shot: Mapping[str, Any], names: tuple[int, str, int]
) -> Evaluation:
    """Draw a replicate's tasks and episodes."""
    drawn, episodes = {}, {}
    for name, classes in pool.classes.items():
        rows = np.flatnonzero(np.isin(pool.labels, classes))
        labels = pool.labels[rows]
        names_of_classes = "-".join(map(str, classes))
        rng = generator(*names, names_of_classes, "one-shot tasks")
        drawn[name] = Tasks(*(rows[part] for part in draw_tasks(labels, tasks, rng)))
        for way in sorted({min(way, len(classes)) for way in few_shot["ways"]}):
            for shot in few_shot["shots"]:
                rng = generator(*names, names_of_classes, way, shot, "episodes")
                some = draw_episodes(
                    labels, way, shot, few_shot["queries"], few_shot["episodes"], rng
                )
                episodes[name, way, shot] = Episodes(*(rows[part] for part in some))
    return Evaluation(drawn, episodes)


def task_row(correct: np.ndarray, replicate: int, name: str) -> dict[str, object]:
    """Return one row of accuracies of a replicate's tasks about some classes.

    Args:
        correct: bool (tasks,).
        replicate: its number.
        name: of the classes.
    """
    return {
        "classes": name,
        "replicate": replicate,
        "tasks": len(correct),
        "accuracy": correct.mean(),
        "accuracy_320": correct[:REPORT_TASKS].mean(),
        "chance": 1 / CANDIDATES,
    }


def few_shot_rows(
    score: Callable[[Episodes], np.ndarray], evaluation: Evaluation, replicate: int
) -> list[dict[str, object]]:
    """Return a row an N-way K-shot evaluation of one replicate.

    Args:
        score: from episodes to the similarities (episodes, way, queries, way).
        evaluation: the replicate's.
        replicate: its number.
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
        method: its name, for the rows.
        scores: (images, images), of every pair of the pool.
        evaluation: the replicate's.
        replicate: its number.
        few_shot_score: see `few_shot_rows`; the mean over shots of `scores` if None.
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


class ClassSamples(NamedTuple):
    """Images of classes, as many of each.

    Attributes:
        datasets: of each class.
        classes: their names.
        features: float32 (images, features) of each class.
    """

    datasets: list[str]
    classes: list[str]
    features: list[np.ndarray]


def read_classes(files: Mapping[str, Path | str], per_class: int, study_seed: int) -> ClassSamples:
    """Draw images of every class of some datasets, as many of each as the smallest class has.

    Images for validation, where a dataset has any: no approach trains on them.

    Args:
        files: features of each dataset.
        per_class: images of a class, at most.
        study_seed: the study's.
    """
    indices = {}
    for dataset, path in files.items():
        index = store.read_index(path)
        validation = index[index["split"] == store.VALIDATION]
        indices[dataset] = validation if len(validation) else index
    smallest = min(index["label"].value_counts().min() for index in indices.values())
    count = min(per_class, smallest)
    samples = ClassSamples([], [], [])
    for dataset, path in files.items():
        for label, name in enumerate(store.read_metadata(path)["classes"]):
            rows = indices[dataset].index[indices[dataset]["label"] == label].to_numpy()
            rng = generator(study_seed, dataset, label, "similarity")
            drawn = store.read_arrays(path, rng.permutation(rows)[:count])
            samples.datasets.append(dataset)
            samples.classes.append(name)
            samples.features.append(drawn.astype(np.float32))
    return samples


# What the rows of a method that is not trained by batches have in the place of its training.
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


def write(rows: pd.DataFrame, path: Path | str, names: Mapping[str, str | int]) -> None:
    """Write rows of an approach, with what it is called in front.

    Args:
        rows: columns `HISTORY` or `FEW_SHOT`, in any order; those of training may be missing.
        path: file to write.
        names: the columns `NAMES`.
    """
    columns = FEW_SHOT if "way" in rows else HISTORY
    missing = {name: value for name, value in UNTRAINED.items() if name not in rows}
    values = {name: names[name] for name in NAMES} | {"batch": int(names["batch"])}
    store.write_rows(store.with_names(rows.assign(**missing)[columns], values), path)
