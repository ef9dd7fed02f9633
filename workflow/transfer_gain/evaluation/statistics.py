"""Intervals, gains, tests and the worth of a label: arrays in, numbers out."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

# Accuracies are counts over a number of images: values that differ by less are equal but for
# rounding.
RESOLUTION = 1e-9
# A difference in accuracy (or in accuracy per tenfold data) that would matter to a user.
RELEVANT = 0.02
SIGNIFICANT = 0.05


def mean_interval(values: ArrayLike, level: float = 0.95) -> tuple[float, float, float]:
    """Return a mean and the ends of its Student's t interval over replicates.

    One value, or equal ones, have no interval: its ends are NaN, rather than a width of zero.

    Args:
        values: one finite number a replicate.
        level: coverage, in (0, 1).
    """
    values = np.asarray(values, float)
    mean = values.mean()
    if not is_spread(values):
        return mean, np.nan, np.nan
    error = values.std(ddof=1) / np.sqrt(len(values))
    half = stats.t.ppf((1 + level) / 2, len(values) - 1) * error
    return mean, mean - half, mean + half


def accuracy_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return `mean_interval` of accuracies, cut off at 0 and 1: no accuracy lies beyond.

    What is cut off holds no possible value, so the interval covers as often as the whole.

    Args:
        values: one accuracy a replicate, in [0, 1].
    """
    return tuple(np.clip(mean_interval(values), 0, 1))


class Contrast(NamedTuple):
    """A weighted sum of means, its interval, and the p-values of the tests that it is zero."""

    estimate: float
    low: float
    high: float
    p_less: float  # against the alternative that it is below zero
    p_greater: float  # against the alternative that it is above zero


def contrast(groups: Sequence[ArrayLike], weights: ArrayLike, level: float = 0.95) -> Contrast:
    """Estimate a weighted sum of the means of groups that may differ in variance and in number.

    The variance is the sum of the groups' own, its degrees of freedom are Satterthwaite's
    (Welch, 1947): with one group and weight 1 this is Student's t test, with two groups and weights
    1 and -1 it is Welch's. A group of one value, or of equal ones, has no measured spread, and then
    there is no interval and no test (NaN): that two runs agree to the last image is no evidence
    that the next one will.

    Args:
        groups: an array of finite numbers (replicates,) each.
        weights: one a group, not zero.
        level: coverage, in (0, 1).
    """
    arrays = [np.asarray(group, float) for group in groups]
    estimate = float(np.dot(weights, [group.mean() for group in arrays]))
    if not all(is_spread(group) for group in arrays):
        return Contrast(estimate, *[np.nan] * 4)
    counts = np.array([len(group) for group in arrays])
    variances = np.square(weights) * [group.var(ddof=1) for group in arrays] / counts
    freedom = variances.sum() ** 2 / (variances**2 / (counts - 1)).sum()
    error = np.sqrt(variances.sum())
    half = stats.t.ppf((1 + level) / 2, freedom) * error
    ratio = estimate / error
    return Contrast(
        estimate,
        estimate - half,
        estimate + half,
        stats.t.cdf(ratio, freedom),
        stats.t.sf(ratio, freedom),
    )


def is_spread(values: ArrayLike) -> bool:
    """Say whether values show how much they vary: two or more, not all equal."""
    return np.size(values) > 1 and np.ptp(values) > RESOLUTION


class Gain(NamedTuple):
    """What a method gains over a reference: ratio and difference, with the ends of intervals."""

    relative_gain: float
    relative_low: float
    relative_high: float
    absolute_gain: float
    absolute_low: float
    absolute_high: float
    p_value: float


def paired_gain(method: ArrayLike, reference: ArrayLike, level: float = 0.95) -> Gain:
    """Return the relative and the absolute gain of a method over a reference, as in Table 5.

    The absolute gain is the mean of the replicates' differences, with Student's t interval and
    two-sided paired test. The relative gain is the ratio of the mean accuracies, as the report's
    Table 5 has it of its Table 4 (a mean of ratios would give the runs with the worst reference
    the most weight, and none exists where one of them is 0). Its interval is Fieller's (1954): all
    ratios R for which the mean of method - R * reference is not significantly different from zero.
    So one test serves both: the interval of the relative gain leaves out 1 exactly where that of
    the absolute gain leaves out 0, unless neither mean is significantly above zero, where it is 0
    to infinity.

    Args:
        method: accuracies in [0, 1], (replicates,).
        reference: accuracies of the same replicates, in the same order.
        level: coverage, in (0, 1).

    Returns:
        Intervals and p-value are NaN where the differences have no spread (see `contrast`). The
        upper end of a ratio is infinite where the reference's mean is not significantly above
        zero; the ratio and its ends are NaN where that mean is zero.
    """
    method, reference = np.asarray(method, float), np.asarray(reference, float)
    absolute = contrast([method - reference], [1], level)
    mean, base = method.mean(), reference.mean()
    relative, low, high = (mean / base if base > 0 else np.nan), np.nan, np.nan
    if base > 0 and np.isfinite(absolute.low):
        count = len(method)
        critical = stats.t.ppf((1 + level) / 2, count - 1) ** 2 / count
        (of_method, of_both), (_, of_base) = critical * np.cov(method, reference)
        # The ends solve a R² - 2 b R + c = 0; a > 0 if `base` is significantly above zero, c > 0
        # if `mean` is. Accuracies, so ratios, are never negative.
        a, b, c = base**2 - of_base, base * mean - of_both, mean**2 - of_method
        root = np.sqrt(max(b**2 - a * c, 0))
        low = c / (b + root) if c > 0 else 0.0
        high = (b + root) / a if a > 0 else np.inf
    p_value = 2 * min(absolute.p_less, absolute.p_greater)
    return Gain(relative, low, high, absolute.estimate, absolute.low, absolute.high, p_value)


def slope_weights(positions: ArrayLike) -> np.ndarray:
    """Return the weights of group means whose sum is the least-squares slope over positions.

    Every position counts once, however many replicates it has, so that what is estimated does not
    depend on their numbers; `contrast` then takes each position's variance from its own replicates.
    It takes the positions as independent of each other. The samples of a replicate are nested, but
    paired differences share little of that, and what they share lowers the variance of differences
    between positions: the interval is too wide rather than too narrow.

    Args:
        positions: two or more different numbers.
    """
    positions = np.asarray(positions, float)
    centred = positions - positions.mean()
    return centred / (centred**2).sum()


def holm(p_values: ArrayLike) -> np.ndarray:
    """Return p-values corrected for their number by Holm's step-down method (1979).

    Args:
        p_values: (tests,); NaN stands for a test that could not be done: it is not counted and
            stays NaN.
    """
    p_values = np.asarray(p_values, float)
    order = np.argsort(p_values)[: np.isfinite(p_values).sum()]  # NaN comes last
    corrected = np.full(p_values.shape, np.nan)
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1)
    return corrected


def verdict(most: float, p_value: float, p_reversed: float, replicates: int) -> str:
    """Say in words what a test of a hypothesis found.

    Args:
        most: the largest effect, in the hypothesis' direction, that its interval holds; NaN if
            there is none.
        p_value: of the test for the hypothesis, corrected for the number of tests; NaN if none.
        p_reversed: of the test for its opposite, likewise.
        replicates: how many the test rests on.

    Returns:
        "supported" or "reversed" where a p-value is below 5 %; else "undecided with N replicates"
        where there was no test, or where the interval still holds a relevant effect (`RELEVANT`);
        else "not supported".
    """
    if p_value < SIGNIFICANT:
        return "supported"
    if p_reversed < SIGNIFICANT:
        return "reversed"
    if np.isnan(p_value) or most >= RELEVANT:
        return f"undecided with {replicates} replicate{'s' if replicates > 1 else ''}"
    return "not supported"


def resampled_means(values: ArrayLike, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return bootstrap means of replicates, spread as wide as Student's t interval.

    Resampled means of few values vary too little: percentiles of plain ones would cover 76 % for
    three replicates instead of 95 %. So their deviations are stretched by sqrt(n / (n - 1)) * t / z
    (after Hesterberg, 2015, on what percentiles lack in small samples).

    Args:
        values: (replicates,), two or more.
        draws: how many means.
        rng: for the same state and number of replicates the same ones are drawn, so that methods
            are resampled in pairs.

    Returns:
        float64 (draws,).
    """
    values = np.asarray(values, float)
    count, mean = len(values), np.mean(values)
    means = values[rng.integers(count, size=(draws, count))].mean(axis=1)
    stretch = stats.t.ppf(0.975, count - 1) / stats.norm.ppf(0.975) * np.sqrt(count / (count - 1))
    return mean + stretch * (means - mean)


def monotone(curves: ArrayLike) -> np.ndarray:
    """Return the never falling curves that are nearest to some in squared distance.

    By the max-min formula of isotonic regression (Robertson, Wright & Dykstra, 1988), which does
    all curves at once.

    Args:
        curves: (..., points).
    """
    curves = np.asarray(curves, float)
    points = curves.shape[-1]
    fitted = np.full(curves.shape, -np.inf)
    for start in range(points):
        means = curves[..., start:].cumsum(axis=-1) / np.arange(1, points - start + 1)
        least = np.minimum.accumulate(means[..., ::-1], axis=-1)[..., ::-1]
        fitted[..., start:] = np.maximum(fitted[..., start:], least)
    return fitted


def labels_for(
    accuracy: ArrayLike, labels: ArrayLike, curve: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Return how many labels a learning curve needs for an accuracy, as the two ends of what fits.

    The curve is made monotone and read linearly in the logarithm of labels. Both ends are the
    number of labels, but (0, labels[0]) below the curve and (labels[-1], inf) above it. Where the
    curve is flat, the fewest labels that suffice.

    Args:
        accuracy: (...).
        labels: per class, ascending, (points,).
        curve: accuracies at these labels, (..., points).
    """
    labels = np.asarray(labels, float)
    accuracy, curve = np.asarray(accuracy, float), monotone(curve)
    first = (curve < accuracy[..., None] - RESOLUTION).sum(axis=-1)  # point that suffices
    right = np.minimum(first, len(labels) - 1)
    left = np.maximum(first - 1, 0)
    start, end = (np.take_along_axis(curve, at[..., None], -1)[..., 0] for at in (left, right))
    rise = np.where(end > start, end - start, np.inf)
    share = np.clip((accuracy - start) / rise, 0, 1)
    fewest = labels[left] ** (1 - share) * labels[right] ** share
    low = np.where(accuracy < curve[..., 0] - RESOLUTION, 0, fewest)
    high = np.where(accuracy > curve[..., -1] + RESOLUTION, np.inf, fewest)
    return low, high
