"""How a metric is shown: its words in sentences, labels and captions, and limits of its axes."""

import math
from dataclasses import dataclass

from transfer_gain.metrics import Metric, UnknownMetricError

MARGIN = 0.02  # of an axis beyond the best score, so that a marker there is not clipped
BEYOND_CHANCE = 0.08  # what an axis shows of the scores that are worse than a guess


@dataclass(frozen=True)
class MetricWords:
    """What a metric is called.

    Attributes:
        noun: its name in sentences and on axes.
        plural: several scores.
        best: what the method with the best score is, at the beginning of a sentence.
    """

    noun: str
    plural: str
    best: str


WORDS = {
    "accuracy": MetricWords(noun="accuracy", plural="accuracies", best="Most accurate"),
    "loss": MetricWords(noun="log-loss", plural="log-losses", best="Lowest log-loss"),
    "balanced_accuracy": MetricWords(
        noun="balanced accuracy",
        plural="balanced accuracies",
        best="Highest balanced accuracy",
    ),
    "macro_f1": MetricWords(
        noun="macro F1 score", plural="macro F1 scores", best="Highest macro F1 score"
    ),
    "brier": MetricWords(noun="Brier score", plural="Brier scores", best="Lowest Brier score"),
    "calibration_error": MetricWords(
        noun="calibration error", plural="calibration errors", best="Best calibrated"
    ),
}


def words(metric: Metric) -> MetricWords:
    """Return the words of a metric.

    Raises:
        UnknownMetricError: there are none.
    """
    if metric.name not in WORDS:
        raise UnknownMetricError(
            f"words of a metric: found none for {metric.name!r}, expected them in "
            "reporting/metric_display.py"
        )
    return WORDS[metric.name]


def limits(metric: Metric, chance: float | None = None) -> tuple[float | None, float | None]:
    """Return the limits of an axis of scores; None is left to the data.

    Args:
        metric: the metric.
        chance: the score of a guess. If it is given, the axis begins a little below it (or ends a
            little above it if a lower score is better).
    """
    low, high = metric.bounds
    if metric.higher_is_better:
        low, high = low if chance is None else max(low, chance - BEYOND_CHANCE), high + MARGIN
    else:
        low, high = low - MARGIN, high if chance is None else min(high, chance + BEYOND_CHANCE)
    return low if math.isfinite(low) else None, high if math.isfinite(high) else None
