"""The metrics that score predictions, one record per metric.

Training jobs write the scores of all metrics. The config's `metric` decides which of them selects
configurations, is compared and is drawn. To add a metric, add a record to `METRICS`, and how it is
shown to `reporting/metric_display.py`, which no training job reads.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class UnknownMetricError(KeyError):
    """There is no record of a metric."""


class Predictions(NamedTuple):
    """What networks predict for images: all that a metric may be computed from."""

    labels: np.ndarray  # true classes, int (images,), or (replicates, images) if they differ
    classes: np.ndarray  # predicted classes, int (replicates, images)
    losses: np.ndarray  # cross-entropy in nats, float (replicates, images)

    def of(self, images: np.ndarray) -> "Predictions":
        """Return the predictions for some of the images.

        Args:
            images: bool (images,).
        """
        return Predictions(*(values[..., images] for values in self))


@dataclass(frozen=True)
class Metric:
    """Everything that is computed of a metric.

    Attributes:
        name: its name in the config and in columns; a Python identifier.
        score: function from predictions to a score per replicate, float64 (replicates,).
        chance: function from the number of images of each class, int (classes,), to the score of
            the best guess that does not look at the images.
        higher_is_better: whether better predictions have a higher score.
        bounds: the lowest and the highest possible score; an infinite one is no bound.
    """

    name: str
    score: Callable[[Predictions], np.ndarray]
    chance: Callable[[np.ndarray], float]
    higher_is_better: bool = True
    bounds: tuple[float, float] = (0.0, 1.0)

    @property
    def best(self) -> float:
        """Return the score of perfect predictions."""
        return self.bounds[self.higher_is_better]

    @property
    def sign(self) -> int:
        """Return the factor that makes higher scores better: 1 or -1."""
        return 1 if self.higher_is_better else -1


ACCURACY = Metric(
    name="accuracy",
    score=lambda predictions: (predictions.classes == predictions.labels).mean(axis=-1),
    chance=lambda counts: float((counts / counts.sum()).max()),
)
# In the order of the columns of table `runs`.
METRICS = (ACCURACY,)
BY_NAME = {metric.name: metric for metric in METRICS}


def metric(name: str) -> Metric:
    """Return the record of a metric.

    Raises:
        UnknownMetricError: there is none.
    """
    if name not in BY_NAME:
        raise UnknownMetricError(f"metric: found {name!r}, expected one of {', '.join(BY_NAME)}")
    return BY_NAME[name]
