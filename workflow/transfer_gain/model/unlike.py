"""Tell images that are unlike anything trained on, by the distance of their features.

An image is flagged if the nearest training image is farther away than it is from 99 % of the
training images themselves, each left out in turn. Features are scaled to length 1 (Sun et al. 2022,
"Out-of-distribution detection with deep nearest neighbors").
"""

import numpy as np

PERCENTILE = 99.0
# Images whose features are kept; more would make the file large and change little.
MOST_KEPT = 2000
_AT_ONCE = 512


def kept(features: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the features of the training images to compare with, scaled to length 1.

    Args:
        features: float32 (images, features).
        rng: draws, if there are more than `MOST_KEPT`.

    Returns:
        float32 (at most `MOST_KEPT`, features).
    """
    rows = np.arange(len(features))
    if len(rows) > MOST_KEPT:
        rows = np.sort(rng.permutation(rows)[:MOST_KEPT])
    return _scaled(features[rows])


def limit(known: np.ndarray) -> float:
    """Return the `PERCENTILE` of the distances of the kept images, each left out in turn."""
    return float(np.percentile(_nearest(known, known, leave_out=True), PERCENTILE))


def distances(features: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return each image's distance from the nearest kept one, float32 (images,), from 0 to 2.

    Args:
        features: float32 (images, features).
        known: see `kept`.
    """
    return _nearest(_scaled(features), known, leave_out=False)


def _scaled(features: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return (features / np.maximum(lengths, 1e-12)).astype(np.float32)


def _nearest(features: np.ndarray, known: np.ndarray, leave_out: bool) -> np.ndarray:
    parts = []
    for start in range(0, len(features), _AT_ONCE):
        part = features[start : start + _AT_ONCE]
        cosines = part @ known.T
        if leave_out:
            rows = np.arange(len(part))
            cosines[rows, start + rows] = -1
        parts.append(np.sqrt(np.maximum(2 - 2 * cosines.max(axis=1), 0)))
    return np.concatenate(parts)
