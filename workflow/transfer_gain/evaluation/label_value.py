"""The value of a label: how many labels from scratch one label with another method replaces."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logit

from transfer_gain import seeds
from transfer_gain.evaluation import evidence, image_sampling, statistics
from transfer_gain.evaluation.evidence import Evidence, by_place
from transfer_gain.metrics import Metric
from transfer_gain.names import BASELINE, FROM_SCRATCH

DRAWS = 2000


def columns(metric: Metric) -> list[str]:
    """Return the columns of table `label_value`."""
    return [
        *["dataset", "backbone", "method", "fraction", "protocol", "labels", metric.name],
        *[f"baseline_labels_for_same_{metric.name}", "relation", "ci_low", "ci_high"],
        *["multiplier", "multiplier_low", "multiplier_high", "replicates"],
    ]


def label_value(
    selected: pd.DataFrame,
    predictions: Mapping[str, pd.DataFrame],
    metric: Metric,
    seed: int,
) -> pd.DataFrame:
    """Return how many labels per class the baseline needs to score as well as each method.

    The baseline's learning curve is the non-decreasing curve nearest to its means. Between them a
    score from 0 to 1, such as an accuracy, is interpolated in its logit, clipped at half an image,
    against the logarithm of labels: learning curves are nearly straight there. Intervals are
    percentiles of a bootstrap over replicates and, where predictions are known, over images, or
    over the splits of cross-fitting (`evidence.resampled_means`). Within a fraction, the same
    replicates are drawn for the method and the baseline; fractions are drawn independently, and the
    same images for all. Runs that do not differ vary with their images, where predictions are
    known. If the baseline's spread at a fraction is unknown, the curve may lie anywhere between the
    neighboring fractions, and beyond the last of these the interval is open.

    Args:
        selected: see `comparison`.
        predictions: see `comparison`.
        metric: the metric that is compared.
        seed: the study's seed.

    Returns:
        Columns `columns(metric)`, one row per dataset, protocol, fraction and method except the
        baseline. `relation` is "more than" if the baseline never scores as well; then
        `baseline_labels_for_same_<metric>` is its largest number of labels. It is "fewer than" if
        the baseline always scores as well; then the value is its smallest number of labels.
        Otherwise it is "". `multiplier` is the same value divided by `labels`. An open interval
        ends at 0 or infinity. There is no interval (NaN) if the method or the whole baseline ran
        once, or with equal scores and images that show no difference either.
    """
    labels_of = selected.groupby(["dataset", "fraction"])["labels"].first()
    places: dict[tuple[str, str], dict[float, dict[Any, Evidence]]] = {}
    for place, known in by_place(selected, predictions, metric):
        of_fraction = places.setdefault((place["dataset"], place["protocol"]), {})
        of_fraction[place["fraction"]] = known
    rows = []
    for (dataset, protocol), of_fraction in places.items():
        value = _Baseline.of(
            {
                int(labels_of[dataset, fraction]): known[FROM_SCRATCH, BASELINE]
                for fraction, known in of_fraction.items()
                if (FROM_SCRATCH, BASELINE) in known
            },
            dataset,
            metric,
            seed,
        )
        for fraction, known in of_fraction.items():
            labels = int(labels_of[dataset, fraction])
            for (backbone, method), own in known.items():
                if method == BASELINE:
                    continue
                reached, relation, ends = value.of_method(own, labels)
                row = [dataset, backbone, method, fraction, protocol, labels, own.mean, reached]
                row += [relation, *ends, reached / labels, *ends / labels, len(own.scores)]
                rows.append(row)
    table = pd.DataFrame(rows, columns=columns(metric))
    # In the order of the runs.
    order = selected[["dataset", "protocol", "backbone", "method", "fraction"]].drop_duplicates()
    return order.merge(table)[columns(metric)]


@dataclass(frozen=True)
class _Baseline:
    """The learning curve of training from scratch on a dataset, with bootstrap draws of it.

    Attributes:
        curve: score by labels per class; higher is better.
        lowest: draws of the curve that need the most labels, (draws, points).
        highest: draws of the curve that need the fewest labels.
        drawn: function from evidence and its labels to bootstrap means.
        sign: of the metric.
        scale: function that makes a learning curve nearly straight.
    """

    curve: pd.Series
    lowest: pd.DataFrame
    highest: pd.DataFrame
    drawn: Callable[[Evidence, int], np.ndarray]
    sign: int
    scale: Callable[[np.ndarray], np.ndarray]

    @classmethod
    def of(
        cls, known: Mapping[int, Evidence], dataset: str, metric: Metric, seed: int
    ) -> "_Baseline":
        """Return the baseline of one dataset and protocol, from its evidence by labels."""
        first = next(iter(known.values()))
        weights = None
        if first.labels is not None and first.values is not None:
            rng = seeds.generator(seed, dataset, "images of the label value")
            weights = image_sampling.bootstrap_weights(first.labels, first.groups, DRAWS, rng)

        def drawn(own: Evidence, labels: int) -> np.ndarray:
            rng = seeds.generator(seed, dataset, labels, "label value")
            return metric.sign * evidence.resampled_means(own, DRAWS, rng, weights)

        def scale(values: np.ndarray) -> np.ndarray:
            if metric.bounds != (0, 1):  # no share: compared as it is
                return values
            shares = np.clip(metric.sign * values, first.clip, 1 - first.clip)
            return metric.sign * logit(shares)

        ordered = dict(sorted(known.items()))
        draws = pd.DataFrame(
            {
                labels: drawn(own, labels) if own.is_spread else np.full(DRAWS, np.nan)
                for labels, own in ordered.items()
            }
        )
        highest, lowest = (  # curves that need the fewest and the most labels
            curves.dropna(axis="columns")
            for curves in (draws.bfill(axis="columns"), draws.ffill(axis="columns"))
        )
        curve = pd.Series({labels: metric.sign * own.mean for labels, own in ordered.items()})
        return cls(curve, lowest, highest, drawn, metric.sign, scale)

    def of_method(self, own: Evidence, labels: int) -> tuple[float, str, np.ndarray]:
        """Return the labels that the baseline needs for a method's score, relation and interval."""
        mean = np.asarray(self.sign * own.mean)
        low, high = statistics.labels_for(mean, self.curve.index, self.curve, self.scale)
        reached = float(low if np.isinf(high) else high)
        ends = np.full(2, np.nan)
        if own.is_spread and not self.lowest.empty:
            drawn = self.drawn(own, labels)
            lows, _ = statistics.labels_for(drawn, self.highest.columns, self.highest, self.scale)
            _, highs = statistics.labels_for(drawn, self.lowest.columns, self.lowest, self.scale)
            ends[0] = np.quantile(lows, 0.025, method="lower")
            ends[1] = np.quantile(highs, 0.975, method="higher")
        relation = "more than" if np.isinf(high) else "fewer than" if low == 0 else ""
        return reached, relation, ends
