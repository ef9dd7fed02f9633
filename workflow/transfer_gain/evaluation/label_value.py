"""The value of a label: how many labels from scratch one label with another method replaces."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from transfer_gain import seeds
from transfer_gain.evaluation import statistics
from transfer_gain.metrics import Metric
from transfer_gain.names import BASELINE

DRAWS = 2000


def columns(metric: Metric) -> list[str]:
    """Return the columns of table `label_value`."""
    return [
        *["dataset", "backbone", "method", "fraction", "protocol", "labels", metric.name],
        *[f"baseline_labels_for_same_{metric.name}", "relation", "ci_low", "ci_high"],
        *["multiplier", "multiplier_low", "multiplier_high", "replicates"],
    ]


def label_value(selected: pd.DataFrame, metric: Metric, seed: int) -> pd.DataFrame:
    """Return how many labels per class the baseline needs to score as well as each method.

    The baseline's learning curve is the non-decreasing curve nearest to its means, linear in the
    logarithm of labels. Intervals are percentiles of a bootstrap over replicates. Within a
    fraction, the same replicates are drawn for the method and the baseline. Fractions are drawn
    independently. If the baseline's runs at a fraction do not differ, their spread is unknown: the
    curve may lie anywhere between the neighboring fractions, and beyond the last of these the
    interval is open. Each mean is spread for its own number of replicates
    (`statistics.resampled_means`), so intervals cover 95 to 99 %, more with fewer replicates (but
    93 % with two).

    Args:
        selected: see `comparison`.
        metric: the metric that is compared.
        seed: the study's seed.

    Returns:
        Columns `columns(metric)`, one row per dataset, protocol, fraction and method except the
        baseline. `relation` is "more than" if the baseline never scores as well; then
        `baseline_labels_for_same_<metric>` is its largest number of labels. It is "fewer than" if
        the baseline always scores as well; then the value is its smallest number of labels.
        Otherwise it is "". `multiplier` is the same value divided by `labels`. An open interval
        ends at 0 or infinity. There is no interval (NaN) if the method or the whole baseline ran
        once or with equal scores.
    """
    rows = []
    for (dataset, protocol), runs in selected.groupby(["dataset", "protocol"], sort=False):
        runs = runs.sort_values("replicate", kind="stable")
        # Higher is better from here on.
        runs = runs.assign(oriented=metric.sign * runs[metric.name])
        is_baseline = runs["method"] == BASELINE
        by_labels = runs[is_baseline].groupby("labels")["oriented"]
        curve = by_labels.mean()
        draws = pd.DataFrame(
            {
                labels: _resampled(values, seed, dataset, labels)
                if statistics.is_spread(values)
                else np.full(DRAWS, np.nan)
                for labels, values in by_labels
            }
        )
        highest, lowest = (  # curves that need the fewest and the most labels
            curves.dropna(axis="columns")
            for curves in (draws.bfill(axis="columns"), draws.ffill(axis="columns"))
        )
        others = runs[~is_baseline].groupby(
            ["backbone", "method", "fraction", "labels"], sort=False
        )["oriented"]
        for (backbone, method, fraction, labels), values in others:
            low, high = statistics.labels_for(values.mean(), curve.index, curve)
            reached = float(low if np.isinf(high) else high)
            ends = np.full(2, np.nan)
            if statistics.is_spread(values) and not lowest.empty:
                drawn = _resampled(values, seed, dataset, labels)
                lows, _ = statistics.labels_for(drawn, highest.columns, highest)
                _, highs = statistics.labels_for(drawn, lowest.columns, lowest)
                ends[0] = np.quantile(lows, 0.025, method="lower")
                ends[1] = np.quantile(highs, 0.975, method="higher")
            row = [dataset, backbone, method, fraction, protocol, labels]
            row += [metric.sign * values.mean(), reached]
            row += ["more than" if np.isinf(high) else "fewer than" if low == 0 else "", *ends]
            row += [reached / labels, *ends / labels, len(values)]
            rows.append(row)
    return pd.DataFrame(rows, columns=columns(metric))


def _resampled(values: Sequence[float], seed: int, dataset: str, labels: int) -> np.ndarray:
    """Return bootstrap means of one fraction's replicates, with the same draws for all methods."""
    rng = seeds.generator(seed, dataset, int(labels), "label value")
    return statistics.resampled_means(values, DRAWS, rng)
