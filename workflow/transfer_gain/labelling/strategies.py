"""Which images to label next: one record per strategy.

To add a strategy, add a record to `STRATEGIES`. The replay then tries it, and tables, figure and
answer have it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans

# Of a batch of n images, so many times n of the smallest margins are clustered (Zhdanov 2019).
CLUSTERED = 10


@dataclass(frozen=True)
class Pool:
    """What a strategy chooses from.

    Attributes:
        labelled: features of the labeled images, of length 1 each, (images, values).
        candidates: features of the unlabelled images, likewise, (candidates, values).
        probabilities: of each class for each candidate, (candidates, classes).
    """

    labelled: np.ndarray
    candidates: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True)
class Strategy:
    """A way to choose images to label.

    Attributes:
        name: in tables.
        label: in sentences and figures.
        choose: function from a pool, a number of images and a generator to the places of that many
            different candidates, the first one first, int (images,); of all, if there are fewer.
    """

    name: str
    label: str
    choose: Callable[[Pool, int, np.random.Generator], np.ndarray]


def margins(probabilities: np.ndarray) -> np.ndarray:
    """Return the difference of the two largest probabilities of each image, (images,).

    Args:
        probabilities: (images, classes), of two classes or more.
    """
    largest = np.partition(probabilities, -2, axis=1)[:, -2:]
    return largest[:, 1] - largest[:, 0]


def _random(pool: Pool, count: int, rng: np.random.Generator) -> np.ndarray:
    return rng.permutation(len(pool.candidates))[:count]


def _margin(pool: Pool, count: int, rng: np.random.Generator) -> np.ndarray:
    """Take the smallest margins (Scheffer, Decomain & Wrobel 2001); equal ones by chance."""
    return _by_margin(pool, rng)[:count]


def _coverage(pool: Pool, count: int, rng: np.random.Generator) -> np.ndarray:
    """Take what is farthest from all that is labeled or taken (k-center greedy).

    Sener & Savarese 2018, "Active learning for convolutional neural networks: a core-set approach".
    """
    chosen: list[int] = []
    nearest = _distances(pool.candidates, pool.labelled)
    for _ in range(min(count, len(pool.candidates))):
        farthest = int(nearest.argmax())
        chosen.append(farthest)
        own = np.square(pool.candidates - pool.candidates[farthest]).sum(axis=1)
        nearest = np.minimum(nearest, own)
        nearest[chosen] = -1  # below any distance, also of images that are equal
    return np.array(chosen, np.int64)


def _clustered_margin(pool: Pool, count: int, rng: np.random.Generator) -> np.ndarray:
    """Take the smallest margin of each of as many clusters of uncertain images as are wanted.

    Zhdanov 2019, "Diverse mini-batch active learning", without weights in the clustering.
    """
    uncertain = _by_margin(pool, rng)[: CLUSTERED * count]
    if len(uncertain) <= count:
        return uncertain
    seed = int(rng.integers(2**31))
    features = pool.candidates[uncertain]
    clusters = min(count, len(np.unique(features.round(6), axis=0)))
    cluster = KMeans(clusters, n_init=1, random_state=seed).fit_predict(features)
    # The first of each cluster, then the second of each, and so on, as far as they are needed.
    place = np.empty(len(uncertain), np.int64)
    for number in range(clusters):
        members = np.flatnonzero(cluster == number)
        place[members] = np.arange(len(members))
    return uncertain[np.argsort(place, kind="stable")[:count]]


def _by_margin(pool: Pool, rng: np.random.Generator) -> np.ndarray:
    """Return the candidates, the smallest margin first."""
    shuffled = rng.permutation(len(pool.candidates))
    return shuffled[np.argsort(margins(pool.probabilities)[shuffled], kind="stable")]


def _distances(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return each image's squared distance from the nearest of others, of length 1 all."""
    at_once = 4096
    parts = [
        2 - 2 * (images[start : start + at_once] @ others.T).max(axis=1)
        for start in range(0, len(images), at_once)
    ]
    return np.concatenate([np.empty(0), *parts])


RANDOM = Strategy("random", "random choice", _random)
# In the order of figures. All but the first are compared with it.
STRATEGIES = (
    RANDOM,
    Strategy("margin", "the smallest margin", _margin),
    Strategy("coverage", "coverage", _coverage),
    Strategy("clustered-margin", "the smallest margin of each cluster", _clustered_margin),
)
BY_NAME = {strategy.name: strategy for strategy in STRATEGIES}
