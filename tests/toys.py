"""Small data with a known structure, for the tests of what learns from it."""

import numpy as np

from transfer_gain.data.sampling import Replicates
from transfer_gain.few_shot import one_shot


def clouds(
    replicates: int = 3,
    images: int = 23,
    *,
    classes: int = 3,
    width: int = 12,
    validation: int = 31,
    distance: float = 1.0,
    scale: float = 1.0,
    permuted: bool = False,
) -> Replicates:
    """Clouds of points, one a class; every replicate samples the same pool of 60 a class."""
    rng = np.random.default_rng(3)
    pool = 60 * classes
    labels = (np.arange(pool + validation) % classes).astype(np.int32)
    centres = distance * rng.normal(size=(classes, width))
    features = scale * (centres[labels] + rng.normal(size=(len(labels), width)))
    return Replicates(
        features=features.astype(np.float32),
        labels=rng.permutation(labels) if permuted else labels,
        samples=np.stack([rng.permutation(pool)[:images] for _ in range(replicates)]),
        validation=np.arange(pool, len(labels)),
        selection=np.arange(validation) % 3 == 0,
        classes=classes,
    )


def one_shot_data(
    features: np.ndarray,
    labels: np.ndarray,
    replicates: int,
    *,
    tasks: int,
    queries: int,
    episodes: int,
) -> one_shot.Data:
    """Return data that is tested on what it is trained on, by 4-way 1-shot episodes."""
    ids = np.arange(len(labels)).astype(str)
    pool = one_shot.Pool(features, labels, ids, {"unseen": np.unique(labels)})
    few_shot = {"ways": (4,), "shots": (1,), "queries": queries, "episodes": episodes}
    evaluations = [
        one_shot._draw_evaluation(pool, tasks, few_shot, (7, replicate))
        for replicate in range(replicates)
    ]
    return one_shot.Data(features, labels, [pool] * replicates, evaluations)
