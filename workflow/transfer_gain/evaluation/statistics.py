"""Intervals, gains, tests and the value of a label, computed from arrays of accuracies."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

# Accuracies are counts divided by a number of images. Smaller differences are rounding errors.
RESOLUTION = 1e-9
# A difference in accuracy (or in accuracy per tenfold data) that would matter to a user.
RELEVANT = 0.02
SIGNIFICANT = 0.05


def mean_interval(
    values: ArrayLike, level: float = 0.95, bounds: tuple[float, float] = (-np.inf, np.inf)
) -> tuple[float, float, float]:
    """Return a mean and the ends of its Student's t interval over replicates.

    A single value, or equal values, give no interval: the ends are NaN instead of a width of zero.
    Clipping to `bounds` removes only impossible values, so coverage does not change.

    Args:
        values: one finite number per replicate.
        level: coverage, in (0, 1).
        bounds: the lowest and the highest possible value.
    """
    values = np.asarray(values, float)
    mean = values.mean()
    if not is_spread(values):
        return mean, np.nan, np.nan
    error = values.std(ddof=1) / np.sqrt(len(values))
    half = stats.t.ppf((1 + level) / 2, len(values) - 1) * error
    low, high = np.clip([mean - half, mean + half], *bounds)
    return mean, low, high


def accuracy_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return `mean_interval` of accuracies, which lie in [0, 1].

    Args:
        values: one accuracy per replicate, in [0, 1].
    """
    return mean_interval(values, bounds=(0, 1))


class Contrast(NamedTuple):
    """A weighted sum of means, its interval, and the p-values of one-sided tests against zero."""

    estimate: float
    low: float
    high: float
    p_less: float  # alternative: the sum is below zero
    p_greater: float  # alternative: the sum is above zero
    error: float  # standard error
    freedom: float  # degrees of freedom of the standard error


def contrast(groups: Sequence[ArrayLike], weights: ArrayLike, level: float = 0.95) -> Contrast:
    """Estimate a weighted sum of the means of groups that may differ in variance and in size.

    The variance is the sum of the groups' variances, with Satterthwaite's degrees of freedom
    (Welch, 1947). One group with weight 1 gives Student's t test; two groups with weights 1 and -1
    give Welch's test. A group of one value, or of equal values, has no measured spread. Then there
    is no interval and no test (NaN): two runs that agree on every image are no evidence that the
    next one will agree.

    Args:
        groups: one array of finite numbers (replicates,) per group.
        weights: one per group, not zero.
        level: coverage, in (0, 1).
    """
    arrays = [np.asarray(group, float) for group in groups]
    estimate = float(np.dot(weights, [group.mean() for group in arrays]))
    if not all(is_spread(group) for group in arrays):
        return untested(estimate)
    counts = np.array([len(group) for group in arrays])
    variances = np.square(weights) * [group.var(ddof=1) for group in arrays] / counts
    freedom = variances.sum() ** 2 / (variances**2 / (counts - 1)).sum()
    return student(estimate, variances.sum(), freedom, level)


def untested(estimate: float) -> Contrast:
    """Return an estimate without an interval and without tests."""
    return Contrast(estimate, *[np.nan] * 6)


def student(estimate: float, variance: float, freedom: float, level: float = 0.95) -> Contrast:
    """Return an estimate with Student's t interval and tests.

    Args:
        estimate: the estimate.
        variance: of the estimate, > 0.
        freedom: degrees of freedom of the variance, > 0.
        level: coverage, in (0, 1).
    """
    error = np.sqrt(variance)
    half = stats.t.ppf((1 + level) / 2, freedom) * error
    ratio = estimate / error
    return Contrast(
        estimate,
        estimate - half,
        estimate + half,
        stats.t.cdf(ratio, freedom),
        stats.t.sf(ratio, freedom),
        error,
        freedom,
    )


def is_spread(values: ArrayLike) -> bool:
    """Return whether values have a measurable spread: two or more, not all equal."""
    return np.size(values) > 1 and bool(np.ptp(np.asarray(values)) > RESOLUTION)


def ratio_interval(mean: float, base: float, covariance: ArrayLike) -> tuple[float, float]:
    """Return Fieller's (1954) interval of a ratio of two means.

    These are all ratios R for which the mean of method - R * reference is not significantly
    different from zero.

    Args:
        mean: mean score of the method, >= 0.
        base: mean score of the reference, > 0.
        covariance: of both means, times the square of the critical value, (2, 2).

    Returns:
        Its ends. The upper one is infinite if `base` is not significantly above zero.
    """
    (of_method, of_both), (_, of_base) = np.asarray(covariance)
    # The ends solve a R² - 2 b R + c = 0. a > 0 if `base` is significantly above zero; c > 0
    # if `mean` is. Accuracies are never negative, so ratios are not either.
    a, b, c = base**2 - of_base, base * mean - of_both, mean**2 - of_method
    root = np.sqrt(max(b**2 - a * c, 0))
    return (c / (b + root) if c > 0 else 0.0), ((b + root) / a if a > 0 else np.inf)


def slope_weights(positions: ArrayLike) -> np.ndarray:
    """Return weights such that the weighted sum of group means is the least-squares slope.

    Every position counts once, regardless of its number of replicates, so the estimand does not
    depend on these numbers. `contrast` then takes each position's variance from its own replicates
    and treats positions as independent. The samples of a replicate are nested, but paired
    differences share little of this dependence. What they share lowers the variance of differences
    between positions, so the interval is too wide rather than too narrow.

    Args:
        positions: two or more different numbers.
    """
    positions = np.asarray(positions, float)
    centred = positions - positions.mean()
    return centred / (centred**2).sum()


def holm(p_values: ArrayLike) -> np.ndarray:
    """Return Holm-adjusted p-values (step-down method, 1979).

    Args:
        p_values: (tests,); NaN stands for a test that could not be done. It is not counted and
            stays NaN.
    """
    p_values = np.asarray(p_values, float)
    order = np.argsort(p_values)[: np.isfinite(p_values).sum()]  # NaN comes last
    corrected = np.full(p_values.shape, np.nan)
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1)
    return corrected


def verdict(most: float, p_value: float, p_reversed: float, replicates: int) -> str:
    """Return the outcome of a test in words.

    Args:
        most: largest effect in the hypothesis' direction that the interval contains; NaN if there
            is no interval.
        p_value: adjusted p-value of the test for the hypothesis; NaN if there is no test.
        p_reversed: adjusted p-value of the test for the opposite; NaN if there is no test.
        replicates: number of replicates behind the test.

    Returns:
        "supported" or "reversed" if the respective p-value is below 5 %. Otherwise "undecided with
        N replicates" if there was no test, or if the interval contains a relevant effect
        (`RELEVANT`). Otherwise "not supported".
    """
    if p_value < SIGNIFICANT:
        return "supported"
    if p_reversed < SIGNIFICANT:
        return "reversed"
    if np.isnan(p_value) or most >= RELEVANT:
        return f"undecided with {replicates} replicate{'s' if replicates > 1 else ''}"
    return "not supported"


BETTER, WORSE, EQUAL, UNDECIDED = "better", "worse", "practically equal", "undecided"


def outcome(gain: Contrast, margin: float) -> str:
    """Return what the interval of a gain shows, in a word.

    Args:
        gain: a gain with its interval, or without one (NaN).
        margin: the least difference that matters, > 0.

    Returns:
        `EQUAL` if the interval lies within the margin, `BETTER` or `WORSE` if it excludes zero,
        otherwise `UNDECIDED`.
    """
    if -margin <= gain.low and gain.high <= margin:
        return EQUAL
    if gain.low > 0:
        return BETTER
    return WORSE if gain.high < 0 else UNDECIDED


def probabilities(gain: Contrast, margin: float) -> tuple[float, float, float]:
    """Return the probabilities that a gain is below, within and above a margin.

    They are those of the posterior distribution under the prior that presumes nothing, a Student's
    t around the estimate (Benavoli, Corani, Demsar & Zaffalon 2017).

    Args:
        gain: a gain with its standard error, or without one (NaN).
        margin: the least difference that matters, > 0.
    """
    below, not_above = stats.t.cdf([-margin, margin], gain.freedom, gain.estimate, gain.error)
    return float(below), float(not_above - below), float(1 - not_above)


def more_images(gain: Contrast, margin: float, images: int) -> float:
    """Return about how many more scored images would decide about a gain; NaN if unknown.

    The half-width shrinks with the square root of the images. It must become smaller than the gain,
    or small enough for the interval to lie within the margin, whichever is easier.

    Args:
        gain: a gain with its interval.
        margin: the least difference that matters, > 0.
        images: number of scored images.
    """
    half = (gain.high - gain.low) / 2
    enough = max(abs(gain.estimate), margin - abs(gain.estimate))
    if not images or not half > enough:
        return np.nan
    return float(f"{images * ((half / enough) ** 2 - 1):.1g}")


def resampled_means(values: ArrayLike, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return bootstrap means of replicates, spread as wide as Student's t interval.

    Resampled means of few values vary too little: plain percentiles would cover 76 % instead of
    95 % for three replicates. Deviations are therefore stretched by sqrt(n / (n - 1)) * t / z
    (following Hesterberg, 2015, on percentile intervals in small samples).

    Args:
        values: (replicates,), two or more.
        draws: number of means.
        rng: the same state and number of replicates give the same draws, so that methods are
            resampled in pairs.

    Returns:
        float64 (draws,).
    """
    values = np.asarray(values, float)
    count, mean = len(values), np.mean(values)
    means = values[rng.integers(count, size=(draws, count))].mean(axis=1)
    stretch = stats.t.ppf(0.975, count - 1) / stats.norm.ppf(0.975) * np.sqrt(count / (count - 1))
    return mean + stretch * (means - mean)


def monotone(curves: ArrayLike) -> np.ndarray:
    """Return the non-decreasing curves nearest to the given ones in squared distance.

    The max-min formula of isotonic regression (Robertson, Wright & Dykstra, 1988) handles all
    curves at once.

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
    accuracy: ArrayLike,
    labels: ArrayLike,
    curve: ArrayLike,
    scale: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return bounds on the number of labels that a learning curve needs for an accuracy.

    The curve is made monotone and interpolated linearly in the logarithm of labels, once accuracies
    are brought to a scale on which it is nearly straight. Both bounds are
    equal within the curve, (0, labels[0]) below it and (labels[-1], inf) above it. If the curve is
    flat, the fewest sufficient labels are returned.

    Args:
        accuracy: (...).
        labels: per class, ascending, (points,).
        curve: accuracies at these labels, (..., points).
        scale: non-decreasing function of accuracies.
    """
    labels = np.asarray(labels, float)
    accuracy, curve = np.asarray(accuracy, float), monotone(curve)
    first = (curve < accuracy[..., None] - RESOLUTION).sum(axis=-1)  # first sufficient point
    right = np.minimum(first, len(labels) - 1)
    left = np.maximum(first - 1, 0)
    start, end = (
        scale(np.take_along_axis(curve, at[..., None], -1)[..., 0]) for at in (left, right)
    )
    rise = np.where(end > start, end - start, np.inf)
    share = np.clip((scale(accuracy) - start) / rise, 0, 1)
    fewest = labels[left] ** (1 - share) * labels[right] ** share
    low = np.where(accuracy < curve[..., 0] - RESOLUTION, 0, fewest)
    high = np.where(accuracy > curve[..., -1] + RESOLUTION, np.inf, fewest)
    return low, high
