"""The value of a label: how many labels from scratch one label with another method replaces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit

from transfer_gain.evaluation import evidence, statistics
from transfer_gain.evaluation.evidence import Evidence, by_place
from transfer_gain.metrics import Metric
from transfer_gain.names import BASELINE, FROM_SCRATCH

# Points of a learning curve, each with its weight.
Parts = Sequence[tuple[float, Evidence]]
# Precision of an interval's end, in the natural logarithm of labels.
PRECISION = 1e-9


def columns(metric: Metric) -> list[str]:
    """Return the columns of table `label_value`."""
    return [
        *["dataset", "backbone", "method", "fraction", "protocol", "labels", metric.name],
        *[f"baseline_labels_for_same_{metric.name}", "relation", "ci_low", "ci_high"],
        *["multiplier", "multiplier_low", "multiplier_high", "replicates"],
    ]


def label_value(
    selected: pd.DataFrame, predictions: Mapping[str, pd.DataFrame], metric: Metric
) -> pd.DataFrame:
    """Return how many labels per class the baseline needs to score as well as each method.

    The baseline's learning curve is the non-decreasing curve nearest to its means. Between them a
    score from 0 to 1, such as an accuracy, is interpolated in its logit, clipped at half an image,
    against the logarithm of labels: learning curves are nearly straight there.

    Intervals invert a test, as Fieller's (1954) do: they hold the numbers of labels at which the
    method and the curve are not significantly different. The difference has the interval of a gain
    (`evidence.contrast`), and is that gain at the method's own number of labels. So between the
    smallest and the largest fraction, an interval that holds `labels` and a gain that is not
    significant (by its own 95 % interval) go together; beyond them, the interval begins or ends
    there and is open. Between two of its points, the curve varies with both (delta method). If its
    spread at a point is unknown, the curve may lie anywhere between the neighboring points, and
    beyond the last of these the interval is open.

    Args:
        selected: see `comparison`.
        predictions: see `comparison`.
        metric: the metric that is compared.

    Returns:
        Columns `columns(metric)`, one row per dataset, protocol, fraction and method except the
        baseline. `relation` is "more than" if the baseline never scores as well; then
        `baseline_labels_for_same_<metric>` is its largest number of labels. It is "fewer than" if
        the baseline always scores as well; then the value is its smallest number of labels.
        Otherwise it is "". `multiplier` is the same value divided by `labels`. An open interval
        ends at 0 or infinity. There is no interval (NaN) if the method or the whole baseline ran
        once, or with equal scores and no images that show how much they vary.
    """
    labels_of = selected.groupby(["dataset", "fraction"])["labels"].first()
    baseline = (FROM_SCRATCH, BASELINE)
    places: dict[tuple[str, str], dict[float, dict[tuple[str, str], Evidence]]] = {}
    for place, known in by_place(selected, predictions, metric):
        of_fraction = places.setdefault((place["dataset"], place["protocol"]), {})
        of_fraction[place["fraction"]] = known
    rows = []
    for (dataset, protocol), of_fraction in places.items():
        points = {
            int(labels_of[dataset, fraction]): known[baseline]
            for fraction, known in of_fraction.items()
            if baseline in known
        }
        curve = _Curve(dict(sorted(points.items())), metric)
        for fraction, known in of_fraction.items():
            labels = int(labels_of[dataset, fraction])
            for (backbone, method), own in known.items():
                if method == BASELINE:
                    continue
                reached, relation = curve.labels_for(own)
                ends = curve.interval(own, known.get(baseline))
                row = [dataset, backbone, method, fraction, protocol, labels, own.mean, reached]
                row += [relation, *ends, reached / labels, *ends / labels, len(own.scores)]
                rows.append(row)
    table = pd.DataFrame(rows, columns=columns(metric))
    # In the order of the runs.
    order = selected[["dataset", "protocol", "backbone", "method", "fraction"]].drop_duplicates()
    return order.merge(table)[columns(metric)]


@dataclass(frozen=True)
class _Curve:
    """The learning curve of training from scratch on a dataset.

    Attributes:
        points: what is known of the baseline, by labels per class, ascending.
        metric: of its scores.
    """

    points: Mapping[int, Evidence]
    metric: Metric

    def labels_for(self, own: Evidence) -> tuple[float, str]:
        """Return the labels at which the curve has a method's score, and the relation."""
        sign = self.metric.sign

        def scale(values: np.ndarray) -> np.ndarray:
            if not self._is_share:
                return values
            return sign * logit(np.clip(sign * values, own.clip, 1 - own.clip))

        low, high = statistics.labels_for(
            np.asarray(sign * own.mean),
            list(self.points),
            [sign * point.mean for point in self.points.values()],
            scale,
        )
        relation = "more than" if np.isinf(high) else "fewer than" if low == 0 else ""
        return float(low if np.isinf(high) else high), relation

    def interval(self, own: Evidence, beside: Evidence | None) -> np.ndarray:
        """Return the ends of the interval of the labels that the curve needs for a method's score.

        Args:
            own: evidence of the method.
            beside: that of the baseline at the same fraction, with the same training images.
        """
        unknown = (np.nan, np.nan)
        gains = {
            labels: self._gain(own, beside, [(1.0, point)], point.mean)
            if self._varies(own) and self._varies(point)
            else unknown
            for labels, point in self.points.items()
        }
        known = [labels for labels, ends in gains.items() if np.isfinite(ends).all()]
        if not known:
            return np.array(unknown)

        def crossing(left: int, right: int, knows: Mapping[int, int], end: int) -> float:
            """Return where an end of the gain is zero, between two points of which one knows it."""
            start, stop = np.log([left, right])
            ends = self.points[knows[left]], self.points[knows[right]]

            def height(log_labels: float) -> float:
                parts, score = self._between((log_labels - start) / (stop - start), *ends)
                return float(np.nan_to_num(self._gain(own, beside, parts, score)[end]))

            return float(np.exp(brentq(height, start, stop, xtol=PRECISION)))

        # Up to the last known point, the curve is at most as high as at the next known one.
        knows = {n: min(k for k in known if k >= n) for n in self.points if n <= known[-1]}
        at = list(knows)
        enough = [gains[knows[n]][0] <= 0 for n in at]
        first = enough.index(True) if any(enough) else len(at)
        low = float(at[-1]) if first == len(at) else 0.0
        if 0 < first < len(at):
            low = crossing(at[first - 1], at[first], knows, 0)
        # From the first known point on, it is at least as high as at the one before.
        knows = {n: max(k for k in known if k <= n) for n in self.points if n >= known[0]}
        at = list(knows)
        short = [gains[knows[n]][1] >= 0 for n in at]
        last = max(np.flatnonzero(short), default=-1)
        high = float(at[0]) if last < 0 else np.inf
        if 0 <= last < len(at) - 1:
            high = crossing(at[last], at[last + 1], knows, 1)
        return np.array([low, high])

    @property
    def _is_share(self) -> bool:
        return self.metric.bounds == (0, 1)

    def _varies(self, known: Evidence) -> bool:
        """Return whether it is known how much a mean varies, if only from what images are worth."""
        has_worth = known.values is not None and evidence.worth(known, self.metric) is not None
        return known.is_spread or (has_worth and len(known.scores) > 1)

    def _between(self, share: float, start: Evidence, end: Evidence) -> tuple[Parts, float]:
        """Return the score between two points, and how much it changes with theirs.

        Args:
            share: of the way, in the logarithm of labels.
            start: at the fewer labels.
            end: at the more labels.
        """
        if share in (0, 1):  # exactly: two methods that always agree must not differ by rounding
            point = end if share else start
            return [(1.0, point)], point.mean
        shares, means = np.array([1 - share, share]), np.array([start.mean, end.mean])
        if self._is_share:
            inside = np.clip(means, start.clip, 1 - start.clip)
            middle = expit(shares @ logit(inside))
            score = middle + shares @ (means - inside)
            shares *= middle * (1 - middle) / (inside * (1 - inside))
        else:
            score = shares @ means
        return list(zip(shares.tolist(), (start, end), strict=True)), float(score)

    def _gain(
        self, own: Evidence, beside: Evidence | None, parts: Parts, score: float
    ) -> tuple[float, float]:
        """Return the interval of a method's gain over a place of the curve.

        Args:
            own: see `interval`.
            beside: see `interval`.
            parts: the points that the place depends on, each with its weight.
            score: of the place.
        """
        method = own
        others: list[Evidence] = []
        weights = [1.0]
        for weight, point in parts:
            if point is beside:
                method = method - weight * point
            elif weight:
                others.append(point)
                weights.append(-weight)
        # Half an image each way is answered otherwise, see `image_sampling.unseen_terms`.
        both = (1 + sum(weight for weight, _ in parts) ** 2) / 2
        if (worth := evidence.worth(own, self.metric)) is not None:
            worth = worth * np.sqrt(both) / np.linalg.norm(weights)
        method = replace(method, worth=worth)
        found = evidence.contrast([method, *others], weights)
        shift = own.mean - score - found.estimate
        ends = [found.low + shift, found.high + shift]
        low, high = ends if self.metric.higher_is_better else [-ends[1], -ends[0]]
        return low, high
