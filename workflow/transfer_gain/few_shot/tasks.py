"""Draw the pairs, tasks and episodes of one-shot and few-shot learning from a seed."""

from typing import NamedTuple

import numpy as np

from transfer_gain.data.sources.base import SourceError

CANDIDATES = 7  # per task in the 2018 paper: one of the query's class and six of others
TASKS_2018 = 320
SEEN, UNSEEN, ALL = "seen", "unseen", "all"  # groups of the target's classes


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
    labels: np.ndarray,
    tasks: int,
    rng: np.random.Generator,
    candidates: int = CANDIDATES,
    groups: np.ndarray | None = None,
) -> Tasks:
    """Draw tasks: a query, one image of its class and images of other classes, all different.

    Args:
        labels: class of each image, (images,); all classes are equally frequent.
        tasks: number of tasks.
        rng: random generator.
        candidates: images that the query is compared with.
        groups: number of the group of each image, (images,), if there are any: the image of the
            query's class is then of another group. Every class has two groups or more.
    """
    groups = np.arange(len(labels)) if groups is None else groups
    query = rng.integers(len(labels), size=tasks)
    keys = rng.random((tasks, len(labels)))
    own_class = labels[query][:, None] == labels
    of_own, of_others = np.where(own_class, keys, np.inf), np.where(own_class, np.inf, keys)
    of_own[groups[query][:, None] == groups] = np.inf
    others = np.argsort(of_others, axis=1)[:, : candidates - 1]
    return Tasks(query, np.column_stack([of_own.argmin(axis=1), others]))


def draw_episodes(
    labels: np.ndarray,
    way: int,
    shot: int,
    queries: int,
    episodes: int,
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
) -> Episodes:
    """Draw episodes: random classes, with support images and queries of each.

    Args:
        labels: class of each image, (images,).
        way: classes per episode, at most the number of classes.
        shot: support images per class.
        queries: queries per class; `shot` + `queries` must not exceed the images of a class.
        episodes: number of episodes.
        rng: random generator.
        groups: number of the group of each image, (images,), if there are any: support and queries
            of a class are then of different groups.

    Raises:
        SourceError: the groups of a class are too few or too large for that.
    """
    groups = np.arange(len(labels)) if groups is None else groups
    classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    drawn = np.array(
        [
            [
                _support_and_queries(rng.permutation(classes[label]), groups, shot, queries)
                for label in rng.permutation(len(classes))[:way]
            ]
            for _ in range(episodes)
        ]
    )
    return Episodes(drawn[:, :, :shot], drawn[:, :, shot:])


def _support_and_queries(
    rows: np.ndarray, groups: np.ndarray, shot: int, queries: int
) -> np.ndarray:
    """Return `shot` support images and then the queries, of other groups, in the order of `rows`.

    If too few images are of other groups, the support is taken from as few groups as possible.
    """
    _, first, number = np.unique(groups[rows], return_index=True, return_inverse=True)
    for order in (rows, rows[np.argsort(first[number], kind="stable")]):
        support, rest = order[:shot], order[shot:]
        others = rest[~np.isin(groups[rest], groups[support])]
        if len(others) >= queries:
            return np.concatenate([support, others[:queries]])
    raise SourceError(
        f"found {len(first)} groups in {len(rows)} test images of a class, expected enough of them "
        f"for {shot} support images and {queries} queries of other groups"
    )
