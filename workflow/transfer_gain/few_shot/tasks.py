"""Draw the pairs, tasks and episodes of one-shot and few-shot learning from a seed."""

from typing import NamedTuple

import numpy as np

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
