"""One-shot and few-shot tasks: draw pairs, tasks and episodes from a seed, and score them.

Scores are similarities: larger means more similar. A tie counts as a failure, because a method that
rates all candidates equally has recognized nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from transfer_gain.data import store
from transfer_gain.data.sampling import has_test_images
from transfer_gain.data.sources.base import SourceError
from transfer_gain.seeds import generator

CANDIDATES = 7  # per task in the 2018 paper: one of the query's class and six of others
REPORT_TASKS = 320
SEEN, UNSEEN, ALL = "seen", "unseen", "all"  # groups of the target's classes
# An epoch is one batch, or a pass over the training images. Untrained methods have no epochs.
UNTRAINED_EPOCH = "none"


class Pairs(NamedTuple):
    """Pairs of images for training.

    Attributes:
        left: int32 (batches, batch size), rows of images.
        right: int32 (batches, batch size), the images that they are paired with.
        same: float32 (batches, batch size), 1 if both are of the same class, otherwise 0.
    """

    left: np.ndarray
    right: np.ndarray
    same: np.ndarray


class Tasks(NamedTuple):
    """One-shot tasks: which candidate is of the query's class?

    Attributes:
        query: int64 (tasks,), rows of images.
        candidates: int64 (tasks, candidates); the first is of the query's class.
    """

    query: np.ndarray
    candidates: np.ndarray


class Episodes(NamedTuple):
    """N-way K-shot episodes.

    Attributes:
        support: int64 (episodes, way, shot), rows of images.
        query: int64 (episodes, way, queries), with the same classes in the same order.
    """

    support: np.ndarray
    query: np.ndarray


def draw_pairs(
    labels: np.ndarray, batches: int, batch_size: int, rng: np.random.Generator
) -> Pairs:
    """Draw pairs of different images: half of each batch from one class, half from two classes.

    Classes are drawn uniformly, then images of the class. In a batch of odd size, the extra pair is
    from two classes.

    Args:
        labels: class of each image, (images,); at least two classes with at least two images each.
        batches: number of batches.
        batch_size: pairs per batch.
        rng: random generator.
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
    # For pairs of the same class, any image except the left one.
    right = np.where(
        same, (left + rng.integers(1, counts[first])) % counts[first], rng.integers(counts[second])
    )
    rows = [by_class[starts[c] + i].astype(np.int32) for c, i in ((first, left), (second, right))]
    return Pairs(rows[0], rows[1], same.astype(np.float32))


def draw_tasks(
    labels: np.ndarray, tasks: int, rng: np.random.Generator, candidates: int = CANDIDATES
) -> Tasks:
    """Draw tasks: a query, one image of its class and images of other classes, all different.

    Args:
        labels: class of each image, (images,); all classes are equally frequent.
        tasks: number of tasks.
        rng: random generator.
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
    """Draw episodes: random classes, with support images and queries of each.

    Args:
        labels: class of each image, (images,).
        way: classes per episode, at most the number of classes.
        shot: support images per class.
        queries: queries per class; `shot` + `queries` must not exceed the images of a class.
        episodes: number of episodes.
        rng: random generator.
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
    """Return which tasks are solved: the first score must be larger than every other.

    Args:
        scores: (..., candidates).
    """
    return scores[..., 0] > scores[..., 1:].max(axis=-1)


def episode_accuracy(scores: np.ndarray) -> np.ndarray:
    """Return the share of each episode's queries that are classified correctly.

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
    """Return each query's mean similarity to each class's support images.

    Args:
        scores: (images, images), of every pair.
        episodes: rows of these images.

    Returns:
        (episodes, way, queries, way)
    """
    support, query = episodes
    return scores[query[..., None, None], support[:, None, None]].mean(axis=-1)


def to_prototypes(products: np.ndarray, episodes: Episodes) -> np.ndarray:
    """Return each query's similarity to each class mean: the negative squared distance.

    The query's own square is omitted, because it is the same for all classes.

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
    """Return the negative L1 distance of every pair of images, (images, images)."""
    return -np.stack([np.abs(features - image).sum(axis=1) for image in features])


def cosine_scores(features: np.ndarray) -> np.ndarray:
    """Return the cosine of every pair of images, (images, images)."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    unit = features / np.maximum(lengths, np.finfo(features.dtype).tiny)
    return unit @ unit.T


def distance_scores(products: np.ndarray) -> np.ndarray:
    """Return the negative squared Euclidean distance of every pair, from their dot products."""
    squares = np.diag(products)
    return 2 * products - squares - squares[:, None]


class Pool(NamedTuple):
    """The test images of one replicate, from the target dataset.

    Attributes:
        features: float32 (images, features).
        labels: int32 (images,).
        image_ids: str (images,).
        classes: groups of classes that tasks draw from: name to labels.
    """

    features: np.ndarray
    labels: np.ndarray
    image_ids: np.ndarray
    classes: Mapping[str, np.ndarray]


class Evaluation(NamedTuple):
    """The tasks and episodes of one replicate, the same for every method.

    Attributes:
        tasks: tasks by group of classes; rows refer to the pool.
        episodes: episodes by group of classes, way and shot.
    """

    tasks: Mapping[str, Tasks]
    episodes: Mapping[tuple[str, int, int], Episodes]


class Data(NamedTuple):
    """The training images of an approach, and its tests.

    Attributes:
        features: float32 (images, features), of the training images.
        labels: int32 (images,).
        pools: one per replicate.
        evaluations: one per replicate.
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
    """Read an approach's training images and draw its tests.

    Tests use the target's test images if it came with any, otherwise its validation images. No
    approach trains on them.

    Args:
        trained_on: file of features to train on; its training images are used.
        tested_on: file of the target's features.
        seen: number of the target's first classes to train on; 0 if the target is not trained on.
        per_class: training images per class; None for all.
        test_per_class: test images per class and replicate.
        replicates: number of replicates.
        tasks: number of one-shot tasks per group of classes.
        few_shot: the N-way K-shot evaluations: ways (capped at the number of classes), shots,
            queries per class, episodes.
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
    part = store.TEST if has_test_images(target) else store.VALIDATION
    target = target[target["split"] == part]
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
    """Raise an error if there are too few images for pairs, tasks or episodes; see `read`."""
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
        "accuracy_320": correct[:REPORT_TASKS].mean(),
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


class ClassSamples(NamedTuple):
    """The same number of images of each class.

    Attributes:
        datasets: dataset of each class.
        classes: name of each class.
        features: float32 (images, features) of each class.
    """

    datasets: list[str]
    classes: list[str]
    features: list[np.ndarray]


def read_classes(files: Mapping[str, Path | str], per_class: int, study_seed: int) -> ClassSamples:
    """Draw images of every class of the datasets, the same number for all classes.

    Validation images are used if a dataset has any, because no approach trains on them.

    Args:
        files: file of features of each dataset.
        per_class: images per class; fewer if the smallest class has fewer.
        study_seed: the study's seed.
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
