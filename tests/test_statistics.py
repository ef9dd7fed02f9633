"""Promises of the intervals: their coverage, and none where nothing can be said."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfer_gain.statistics import mean_interval

values = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=12)


@pytest.mark.parametrize("replicates", [3, 5, 10])
@pytest.mark.parametrize(("level", "least", "most"), [(0.95, 0.93, 0.97), (0.8, 0.77, 0.83)])
def test_the_interval_covers_the_truth_as_often_as_it_says(replicates, level, least, most):
    rng = np.random.default_rng(2018)
    studies = rng.normal(0.75, 0.02, (2000, replicates))
    intervals = np.array([mean_interval(study, level) for study in studies])
    covered = (intervals[:, 1] <= 0.75) & (intervals[:, 2] >= 0.75)
    assert least < covered.mean() < most


def test_a_known_interval():
    # Student's t with 2 degrees of freedom: 4.302653; standard error 0.1 / sqrt(3).
    mean, low, high = mean_interval([0.5, 0.6, 0.7])
    assert mean == pytest.approx(0.6)
    assert (low, high) == pytest.approx((0.6 - 0.248414, 0.6 + 0.248414), abs=1e-6)


def test_one_value_has_no_interval():
    mean, low, high = mean_interval([0.75])
    assert mean == 0.75
    assert np.isnan([low, high]).all()


def test_equal_values_have_an_interval_of_no_width():
    assert mean_interval([0.75] * 3) == (0.75, 0.75, 0.75)


@given(values)
def test_the_mean_lies_in_the_middle_and_more_confidence_is_wider(values):
    mean, low, high = mean_interval(values)
    wider = mean_interval(values, 0.99)
    assert mean == pytest.approx(np.mean(values))
    assert mean - low == pytest.approx(high - mean, rel=1e-6, abs=1e-9)
    assert wider[1] <= low <= high <= wider[2]
