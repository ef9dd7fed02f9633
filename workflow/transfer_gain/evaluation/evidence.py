"""What the runs of a method show: its scores, and what their mean says of new images.

Three kinds of uncertainty, each with the interval that covers it:

- Replicates on the same images, as in the 2018 paper: Student's t over replicates. It covers new
  training runs, but only for the images that were scored.
- Replicates on the same test images, with what each replicate predicts for each image: the crossed
  variance, which covers new training runs and new images.
- Splits of cross-fitting, each with training and test images of its own: the variance of images and
  that of splits, corrected for what splits share.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from transfer_gain.data.rows import probabilities
from transfer_gain.evaluation import image_sampling, statistics
from transfer_gain.evaluation.image_sampling import sums_of_groups, variance_terms
from transfer_gain.evaluation.new_images import (
    agreement,
    cross_fitted,
    crossed,
    training_variance,
)
from transfer_gain.evaluation.statistics import Contrast
from transfer_gain.metrics import ACCURACY, BALANCED_ACCURACY, Metric, Predictions
from transfer_gain.names import HELD_OUT

PLACE = ["dataset", "protocol", "fraction"]
METHOD = ["backbone", "method"]


@dataclass(frozen=True)
class Evidence:
    """The scores of a method's runs at one place, or the differences of two methods' scores.

    Attributes:
        scores: one score per replicate, indexed by replicate.
        values: one value per replicate and image, whose means are the scores, (replicates, images),
            NaN where a split does not score an image; None if only the scores are known.
        labels: class of each image, int (images,).
        overlap: for cross-fitting, the images scored in a split for each one that it may train on;
            None if all replicates are scored on the same images.
        images: number of images scored.
        groups: number of the group of each image, int (images,), of which those with the same
            number are alike; None if all images are independent.
        worth: of a difference: what a right answer to each image adds to the sum of a method's
            values, (images,); None if that is unknown, see `gain`.
    """

    scores: pd.Series
    values: np.ndarray | None = None
    labels: np.ndarray | None = None
    overlap: float | None = None
    images: int = 0
    groups: np.ndarray | None = None
    worth: np.ndarray | None = None

    @property
    def clip(self) -> float:
        """Return half an image: how far a share that was found may be from 0 and 1."""
        return 0.5 / (self.images or 1000)

    @property
    def margin(self) -> float:
        """Return the least difference that matters: two points, or three of the scored images."""
        return max(statistics.RELEVANT, 3 / self.images if self.images else 0)

    @property
    def mean(self) -> float:
        """Return the mean score over replicates."""
        return float(self.scores.mean())

    @property
    def is_spread(self) -> bool:
        """Return whether runs, or images where they are known, show how much a mean varies."""
        if len(self.scores) < 2 or self.values is None or self.labels is None:
            return statistics.is_spread(self.scores)
        of_image = np.nanmean(self.values, axis=0)
        terms = variance_terms(of_image, self.labels, self.groups)
        return statistics.is_spread(self.scores) or any(
            term > statistics.RESOLUTION**2 for term, _ in terms
        )

    def __sub__(self, other: "Evidence") -> "Evidence":
        """Return the differences in the replicates that both have."""
        both = self.scores.index.intersection(other.scores.index, sort=False)
        values = None
        if self.values is not None and other.values is not None:
            own, others = (each.scores.index.get_indexer(both) for each in (self, other))
            values = self.values[own] - other.values[others]
        return replace(self, scores=self.scores[both] - other.scores[both], values=values)

    def __rmul__(self, factor: float) -> "Evidence":
        """Return the scores times a number."""
        values = None if self.values is None else factor * self.values
        return replace(self, scores=factor * self.scores, values=values)


def gain(method: Evidence, reference: Evidence, metric: Metric) -> Evidence:
    """Return the gains of a method over a reference; an improvement is above zero.

    Args:
        method: evidence of the method.
        reference: evidence of the reference, of the same kind.
        metric: the metric of the scores.
    """
    better, worse = (method, reference)[:: metric.sign]
    return replace(better - worse, worth=worth(method, metric))


def worth(evidence: Evidence, metric: Metric) -> np.ndarray | None:
    """Return what a right answer to each image adds to the sum of values, if a wrong one adds 0."""
    if evidence.labels is None or metric not in (ACCURACY, BALANCED_ACCURACY):
        return None
    images = len(evidence.labels)
    losses, shares = np.zeros((1, images)), np.zeros((1, images, 1))
    right = Predictions(evidence.labels, evidence.labels[None], losses, shares)
    return metric.values(right)[0].astype(np.float64)


def resampled_means(
    evidence: Evidence, draws: int, rng: np.random.Generator, image_weights: np.ndarray | None
) -> np.ndarray:
    """Return bootstrap means, spread as wide as the interval of `contrast`.

    Args:
        evidence: of one method, with spread.
        draws: number of means.
        rng: the same state and number of replicates give the same draws, so that methods are
            resampled in pairs.
        image_weights: how much each image counts in each draw, from
            `image_sampling.bootstrap_weights`.

    Returns:
        float64 (draws,).
    """
    scores = evidence.scores.to_numpy()
    means = statistics.resampled_means(scores, draws, rng)
    if evidence.values is None or evidence.labels is None or image_weights is None:
        return means
    of_image = np.nanmean(evidence.values, axis=0)
    of_images = image_sampling.resampled_deviations(
        of_image, evidence.labels, evidence.groups, image_weights
    )
    if evidence.overlap is None:
        return means + of_images
    of_training = training_variance(
        evidence.values, evidence.labels, evidence.overlap, evidence.groups
    )
    of_splits = max(scores.var(ddof=1) / len(scores), statistics.RESOLUTION**2)
    stretch = np.sqrt(of_training / of_splits)
    return scores.mean() + np.sqrt(2) * of_images + stretch * (means - scores.mean())


def contrast(
    evidence: Sequence[Evidence], weights: Sequence[float], level: float = 0.95
) -> Contrast:
    """Estimate a weighted sum of mean scores, with the interval that fits their kind.

    A difference that is zero for every image has the interval of `agreement`.

    Args:
        evidence: at one or more fractions of one dataset and protocol.
        weights: one per piece of evidence, not zero.
        level: coverage, in (0, 1).
    """
    first = evidence[0]
    if first.values is None:
        return statistics.contrast([each.scores.to_numpy() for each in evidence], weights, level)
    values: list[Any] = [each.values for each in evidence]
    labels: Any = first.labels
    worth = first.worth
    if worth is not None:
        if len(evidence) == 1 and len(first.scores) > 1 and _is_zero(values[0]):
            heaviest = worth if first.groups is None else sums_of_groups(worth, first.groups)
            counted = len(labels) / heaviest.max() / (1 if first.overlap is None else 2)
            return agreement(counted, weights[0], level)
        worth = worth * float(np.linalg.norm(weights))
    if first.overlap is None:
        return crossed(values, weights, labels, level, first.groups, worth)
    # A split has the same number at all fractions, and its samples are nested.
    both = np.sum([w * each for w, each in zip(weights, values, strict=True)], axis=0)
    return cross_fitted(both, labels, first.overlap, level, first.groups, worth)


def _is_zero(values: np.ndarray) -> bool:
    return bool((np.abs(np.nan_to_num(values)) <= statistics.RESOLUTION).all())


def beats(chance: Any, score: Any, low: Any, high: Any, metric: Metric) -> Any:
    """Return whether a method is certainly better than a guess that does not look at the images.

    Its whole interval has to be, or its score if it has no interval.

    Args:
        chance: score of the best guess, see `Metric.chance`: a number or, as the others, a column;
            never NaN.
        score: the method's.
        low: lower end of its interval, NaN without one.
        high: upper end.
        metric: the metric of the scores.

    Returns:
        bool, or a column of them.
    """
    worst = np.where(pd.isna(low), score, low if metric.higher_is_better else high)
    return metric.sign * worst > metric.sign * chance


def mean_interval(
    evidence: Evidence, metric: Metric, level: float = 0.95
) -> tuple[float, float, float]:
    """Return a mean score with its interval.

    For new images, the interval of a share (accuracy, but also a mean of recalls) is Wilson's
    (1927), for as many images as would give it the variance that was found, and with Student's
    critical value (after Korn & Graubard 1998). Near 0 and 1 it covers what the symmetric interval
    misses, and it exists where runs and images do not differ at all, as when every answer is right.

    Args:
        evidence: of one method.
        metric: the metric of the scores.
        level: coverage, in (0, 1).
    """
    found = contrast([evidence], [1], level)
    low, high = found.low, found.high
    is_share = metric.bounds == (0, 1) and metric.higher_is_better
    if is_share and evidence.values is not None and len(evidence.scores) > 1:
        freedom = found.freedom if np.isfinite(found.freedom) else np.inf
        images = _effective_images(evidence, found, worth(evidence, metric))
        low, high = wilson(np.clip(found.estimate, 0, 1), images, level, freedom)
    low, high = np.clip([low, high], *metric.bounds)
    return found.estimate, low, high


def _effective_images(evidence: Evidence, found: Contrast, worth: np.ndarray | None) -> float:
    """Return for how many images a share has the variance that was found.

    Images of a class that are all right, or all wrong, show no variance, but not that the next one
    is so as well: half an image of them counts as the opposite, or half a group.

    Args:
        evidence: of one method.
        found: its mean.
        worth: see `worth`; if None, wrong images stay wrong.
    """
    of_image = np.nanmean(evidence.values, axis=0)  # type: ignore[arg-type]
    images, share, variance = len(of_image), found.estimate, np.nan_to_num(found.error) ** 2
    for label in np.unique(evidence.labels):  # type: ignore[arg-type]
        members = evidence.labels == label
        own = of_image[members]
        if np.ptp(own) <= statistics.RESOLUTION:
            units = image_sampling.units(evidence.groups, members)
            half, part = 0.5 / units, len(own) / images
            change = -own[0]
            if worth is not None and abs(own[0]) <= statistics.RESOLUTION:
                change = worth[members][0]
            share += change * half * part
            added = change**2 * half * (1 - half) * part**2 / units
            variance += added if evidence.overlap is None else 2 * added
    if 0 < share < 1 and variance > 0:
        return share * (1 - share) / variance
    return image_sampling.units(evidence.groups, np.ones(images, bool))


class RelativeGain(NamedTuple):
    """A ratio of mean scores with the ends of its interval."""

    relative_gain: float
    relative_low: float
    relative_high: float


def relative_gain(
    method: Evidence, reference: Evidence, difference: Contrast, level: float = 0.95
) -> RelativeGain:
    """Return the relative gain of a method over a reference, as in Table 5 of the 2018 paper.

    It is the ratio of the mean scores. (A mean of ratios would give the runs with the worst
    reference the most weight, and does not exist if a reference is 0.) Its interval is Fieller's,
    see `statistics.ratio_interval`. It excludes 1 exactly if that of the absolute gain excludes 0,
    except when neither mean is significantly above zero; then it is 0 to infinity.

    Args:
        method: evidence of the method.
        reference: evidence of the reference, of the same kind.
        difference: the estimate of their difference.
        level: coverage, in (0, 1).

    Returns:
        The ends are NaN if the difference has no interval; all are NaN if the reference's mean is
        zero.
    """
    own, base = (each.scores[(method - reference).scores.index] for each in (method, reference))
    if not base.mean() > 0:
        return RelativeGain(np.nan, np.nan, np.nan)
    relative = own.mean() / base.mean()
    if not np.isfinite(difference.low):
        return RelativeGain(relative, np.nan, np.nan)
    if method.values is None and method.overlap is None:
        critical = stats.t.ppf((1 + level) / 2, len(own) - 1) ** 2
        covariance = critical / len(own) * np.cov(own, base)
    else:
        critical = stats.t.ppf((1 + level) / 2, difference.freedom) ** 2
        of_method, of_base = (
            np.nan_to_num(contrast([each], [1]).error) ** 2 for each in (method, reference)
        )
        of_both = (of_method + of_base - difference.error**2) / 2
        covariance = critical * np.array([[of_method, of_both], [of_both, of_base]])
    return RelativeGain(relative, *statistics.ratio_interval(own.mean(), base.mean(), covariance))


def wilson(
    share: float, images: float, level: float = 0.95, freedom: float = np.inf
) -> tuple[float, float]:
    """Return the ends of Wilson's score interval (1927) for a share of images.

    Args:
        share: of the images, in [0, 1].
        images: number of all images, > 0; may be an effective number.
        level: coverage, in (0, 1).
        freedom: degrees of freedom of the share's variance.
    """
    squared = stats.t.ppf((1 + level) / 2, freedom) ** 2
    center = (share + squared / (2 * images)) / (1 + squared / images)
    spread = share * (1 - share) / images + squared / (4 * images**2)
    half = np.sqrt(squared * spread) / (1 + squared / images)
    return float(center - half), float(center + half)


def by_place(
    selected: pd.DataFrame, predictions: Mapping[str, pd.DataFrame], metric: Metric
) -> Iterator[tuple[dict[str, Any], dict[tuple[str, str], Evidence]]]:
    """Yield each place with what is known of every (backbone, method).

    Args:
        selected: see `comparison`.
        predictions: of each dataset, what the runs of protocol "held-out" predict for the images
            that they are scored on, see `gather`.
        metric: the metric that is compared.
    """
    known = {
        (dataset, *names): own
        for dataset, rows in predictions.items()
        for names, own in rows.groupby(["fraction", *METHOD], sort=False, observed=True)
    }
    for names, runs in selected.groupby(PLACE, sort=False):
        place = dict(zip(PLACE, names, strict=True))
        of_methods = {}
        for method, rows in runs.groupby(METHOD, sort=False):
            scores = rows.set_index("replicate")[metric.name].sort_index()
            own = known.get((place["dataset"], place["fraction"], *method))
            of_methods[method] = (
                Evidence(scores)
                if place["protocol"] != HELD_OUT or own is None
                else _of_predictions(scores, own, metric)
            )
        yield place, of_methods


def _of_predictions(scores: pd.Series, rows: pd.DataFrame, metric: Metric) -> Evidence:
    """Return the evidence of one method at one place from the rows of its predictions."""
    values, images, labels = {}, {}, {}
    for replicate, own in rows.groupby("replicate", sort=False):
        made = predictions_of(own)
        values[replicate] = metric.values(made)[0]
        images[replicate], labels[replicate] = own["image_id"].to_numpy(), made.labels
    first, *others = (images[replicate] for replicate in scores.index)
    group_of = rows["group"].to_numpy() if "group" in rows else None
    if all(np.array_equal(first, other) for other in others):
        matrix = np.stack([values[replicate] for replicate in scores.index]).astype(np.float64)
        replicate = scores.index[0]
        groups = None if group_of is None else group_of[rows["replicate"] == replicate]
        return Evidence(scores, matrix, labels[replicate], images=len(first), groups=groups)
    scored, first_rows = np.unique(rows["image_id"].to_numpy(), return_index=True)
    matrix = np.full((len(scores), len(scored)), np.nan)
    for row, replicate in enumerate(scores.index):
        matrix[row, np.searchsorted(scored, images[replicate])] = values[replicate]
    folds = len(scored) / np.isfinite(matrix).sum(axis=1).mean()
    return Evidence(
        scores,
        matrix,
        rows["label"].to_numpy()[first_rows],
        overlap=1 / (folds - 2),
        images=len(scored),
        groups=None if group_of is None else group_of[first_rows],
    )


def predictions_of(rows: pd.DataFrame) -> Predictions:
    """Return the predictions of one run from its rows.

    Args:
        rows: label, predicted and the columns of the probabilities.
    """
    labels = rows["label"].to_numpy(np.int64)
    shares = probabilities(rows)
    # Half of the least probability that is kept.
    true = np.maximum(shares[np.arange(len(labels)), labels], 2.0**-25)
    return Predictions(
        labels, rows["predicted"].to_numpy()[None], -np.log(true)[None], shares[None]
    )
