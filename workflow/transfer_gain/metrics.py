"""The metrics that score predictions, one record per metric.

Training jobs write the scores of all metrics. The config's `metric` decides which of them selects
configurations, is compared and is drawn. To add a metric, add a record to `METRICS`, and how it is
shown to `reporting/metric_display.py`, which no training job reads.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

# Bins of equal width for the calibration error, as Guo et al. (2017) use.
CALIBRATION_BINS = 15
# Where a class is larger than another by more than this factor, always answering the larger one
# reaches a high accuracy.
EVEN = 1.5


class UnknownMetricError(KeyError):
    """There is no record of a metric."""


class Predictions(NamedTuple):
    """What networks predict for images: all that a metric may be computed from."""

    labels: np.ndarray  # true classes, int (images,), or (replicates, images) if they differ
    classes: np.ndarray  # predicted classes, int (replicates, images)
    losses: np.ndarray  # cross-entropy in nats, float (replicates, images)
    probabilities: np.ndarray  # of each class, float (replicates, images, classes)

    def of(self, images: np.ndarray) -> "Predictions":
        """Return the predictions for some of the images.

        Args:
            images: bool (images,).
        """
        if images.all():
            return self
        labels, classes, losses, probabilities = self
        return Predictions(
            labels[..., images], classes[:, images], losses[:, images], probabilities[:, images]
        )

    def by(self, replicates: np.ndarray) -> "Predictions":
        """Return the predictions of some of the replicates, whose images are the same.

        Args:
            replicates: their rows, int (n,).
        """
        return Predictions(self.labels, *(values[replicates] for values in self[1:]))


@dataclass(frozen=True)
class Metric:
    """Everything that is computed of a metric.

    Attributes:
        name: its name in the config and in columns; a Python identifier.
        values: function from predictions to one value per image, (replicates, images). Their mean
            is the score. Where a metric is no mean over images, it is linearized (its value is then
            the score plus the image's influence), so that the variance of the values is that of the
            score.
        chance: function from the number of images of each class, int (classes,), to the score of
            the best guess that does not look at the images.
        higher_is_better: whether better predictions have a higher score.
        bounds: the lowest and the highest possible score; an infinite one is no bound.
        selects: whether configurations may be selected by it.
    """

    name: str
    values: Callable[[Predictions], np.ndarray]
    chance: Callable[[np.ndarray], float]
    higher_is_better: bool = True
    bounds: tuple[float, float] = (0.0, 1.0)
    selects: bool = True

    def score(self, predictions: Predictions) -> np.ndarray:
        """Return the score of each replicate, float64 (replicates,)."""
        return self.values(predictions).mean(axis=-1, dtype=np.float64)

    @property
    def best(self) -> float:
        """Return the score of perfect predictions."""
        return self.bounds[self.higher_is_better]

    @property
    def sign(self) -> int:
        """Return the factor that makes higher scores better: 1 or -1."""
        return 1 if self.higher_is_better else -1


def _by_replicate(
    values: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> Callable[[Predictions], np.ndarray]:
    """Return a function of predictions from one of a replicate's labels and predicted classes."""

    def of_all(predictions: Predictions) -> np.ndarray:
        labels = np.broadcast_to(predictions.labels, predictions.classes.shape)
        return np.stack(list(map(values, labels, predictions.classes)))

    return of_all


def _balanced(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return values whose mean is the mean of the recalls of the classes."""
    counts = np.bincount(labels)
    weights = len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return (classes == labels) * weights[labels]


def _macro_f1(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return values whose mean is the mean F1 of the classes that occur, linearized per image."""
    size = int(max(labels.max(), classes.max())) + 1
    both = np.bincount(labels, minlength=size) + np.bincount(classes, minlength=size)
    right = classes == labels
    hits = np.bincount(labels[right], minlength=size)
    share = 1 / np.maximum(both, 1)
    f1 = 2 * hits * share
    occur = np.count_nonzero(both)
    influence = 2 * right * share[labels] - (f1 * share)[labels] - (f1 * share)[classes]
    return f1.sum() / occur + len(labels) / occur * influence


def _brier(predictions: Predictions) -> np.ndarray:
    """Return the squared distance of the probabilities from the true class (Brier 1950)."""
    _, _, _, probabilities = predictions
    labels = np.broadcast_to(predictions.labels, predictions.classes.shape)
    true = np.take_along_axis(probabilities, labels[..., None].astype(np.int64), -1)[..., 0]
    squares = np.square(probabilities, dtype=np.float64).sum(axis=-1)
    return squares - 2.0 * true + 1


def _calibration(predictions: Predictions) -> np.ndarray:
    """Return values whose mean is the expected calibration error (Guo et al. 2017), linearized.

    It is the distance between the confidence in the predicted class and the accuracy, in bins of
    confidence.
    """
    confidence = predictions.probabilities.max(axis=-1).astype(np.float64)
    distance = confidence - (predictions.classes == predictions.labels)
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    values = np.empty(distance.shape)
    for replicate, (bin_of, own) in enumerate(zip(bins, distance, strict=True)):
        sums = np.bincount(bin_of, own, CALIBRATION_BINS)
        values[replicate] = np.sign(sums)[bin_of] * own
    return values


def _prior(counts: np.ndarray) -> np.ndarray:
    """Return the share of each class that occurs."""
    return counts[counts > 0] / counts.sum()


ACCURACY = Metric(
    name="accuracy",
    values=lambda predictions: predictions.classes == predictions.labels,
    chance=lambda counts: float((counts / counts.sum()).max()),
)
BALANCED_ACCURACY = Metric(
    name="balanced_accuracy",
    values=_by_replicate(_balanced),
    chance=lambda counts: 1 / np.count_nonzero(counts),
)
# The cross-entropy in nats ("log-loss"). Its chance is the entropy of the classes.
LOSS = Metric(
    name="loss",
    values=lambda predictions: predictions.losses,
    chance=lambda counts: float(-(_prior(counts) * np.log(_prior(counts))).sum()),
    higher_is_better=False,
    bounds=(0.0, np.inf),
)
# In the order of the columns of table `runs`.
METRICS = (
    ACCURACY,
    LOSS,
    BALANCED_ACCURACY,
    Metric(
        name="macro_f1",
        values=_by_replicate(_macro_f1),
        # Always the largest class: its F1 is 2 n / (n + all), that of the others zero.
        chance=lambda counts: float(
            2 * counts.max() / (counts.max() + counts.sum()) / np.count_nonzero(counts)
        ),
    ),
    Metric(
        name="brier",
        values=_brier,
        chance=lambda counts: float(1 - np.square(_prior(counts)).sum()),
        higher_is_better=False,
        bounds=(0.0, 2.0),
    ),
    # Always giving the shares of the classes is perfectly calibrated, so it selects nothing.
    Metric(
        name="calibration_error",
        values=_calibration,
        chance=lambda counts: 0.0,
        higher_is_better=False,
        selects=False,
    ),
)
BY_NAME = {metric.name: metric for metric in METRICS}
# Names that the config's `metric` may have.
SELECTING = tuple(metric.name for metric in METRICS if metric.selects)


def fitting(class_sizes: Iterable[Sequence[int]]) -> str:
    """Return the name of the metric that suits classes of these sizes.

    Args:
        class_sizes: images of each class, of each dataset; empty if unknown.

    Returns:
        "accuracy" if no dataset's largest class is more than `EVEN` times its smallest, otherwise
        "balanced_accuracy".
    """
    uneven = any(max(sizes) > EVEN * min(sizes) for sizes in class_sizes if sizes)
    return (BALANCED_ACCURACY if uneven else ACCURACY).name


def metric(name: str) -> Metric:
    """Return the record of a metric.

    Raises:
        UnknownMetricError: there is none.
    """
    if name not in BY_NAME:
        raise UnknownMetricError(f"metric: found {name!r}, expected one of {', '.join(BY_NAME)}")
    return BY_NAME[name]
