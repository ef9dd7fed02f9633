"""Intervals: arrays in, numbers out."""

from collections.abc import Sequence

import numpy as np
from scipy import stats


def mean_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float, float]:
    """Return a mean and the ends of its Student's t interval over replicates.

    One value has no interval: its ends are NaN, rather than a width of zero.

    Args:
        values: one finite number a replicate.
        level: coverage, in (0, 1).
    """
    values = np.asarray(values, float)
    mean = values.mean()
    if len(values) < 2:
        return mean, np.nan, np.nan
    half = stats.t.ppf((1 + level) / 2, len(values) - 1) * stats.sem(values)
    return mean, mean - half, mean + half
