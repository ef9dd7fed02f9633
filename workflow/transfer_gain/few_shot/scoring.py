"""Score one-shot tasks and few-shot episodes.

Scores are similarities: larger means more similar. A tie counts as a failure, because a method that
rates all candidates equally has recognized nothing.
"""

import numpy as np

from transfer_gain.few_shot.tasks import Episodes


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
