"""Promises of intervals, gains, tests and the value of labels: known answers and error rates."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import isotonic_regression

from studies import paired_gain
from transfer_gain.evaluation import statistics
from transfer_gain.evaluation.statistics import mean_interval

values = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=12)


@pytest.mark.parametrize("replicates", [3, 5, 10])
@pytest.mark.parametrize(("level", "least", "most"), [(0.95, 0.93, 0.97), (0.8, 0.77, 0.83)])
def test_the_interval_covers_the_truth_as_often_as_it_says(replicates, level, least, most):
    rng = np.random.default_rng(2018)
    studies = rng.normal(0.75, 0.02, (2000, replicates))
    intervals = np.array([mean_interval(study, level) for study in studies])
    covered = (intervals[:, 1] <= 0.75) & (intervals[:, 2] >= 0.75)
    assert least < covered.mean() < most


@given(st.lists(st.floats(0, 1), min_size=2, max_size=12))
def test_an_interval_of_accuracies_is_what_is_possible_of_students(accuracies):
    mean, low, high = statistics.accuracy_interval(accuracies)
    assert mean == pytest.approx(np.mean(accuracies))
    whole = mean_interval(accuracies)
    assume(not np.isnan(whole).any())
    assert (low, high) == (max(whole[1], 0), min(whole[2], 1))


def test_a_known_interval():
    # Student's t with 2 degrees of freedom: 4.302653; standard error 0.1 / sqrt(3).
    mean, low, high = mean_interval([0.5, 0.6, 0.7])
    assert mean == pytest.approx(0.6)
    assert (low, high) == pytest.approx((0.6 - 0.248414, 0.6 + 0.248414), abs=1e-6)


@pytest.mark.parametrize("values", [[0.75], [0.75] * 3])
def test_values_that_show_no_spread_have_no_interval(values):
    mean, low, high = mean_interval(values)
    assert mean == 0.75
    assert np.isnan([low, high]).all()


@given(values)
def test_the_mean_lies_in_the_middle_and_more_confidence_is_wider(values):
    mean, low, high = mean_interval(values)
    wider = mean_interval(values, 0.99)
    assume(not np.isnan(low))
    assert mean == pytest.approx(np.mean(values))
    assert mean - low == pytest.approx(high - mean, rel=1e-6, abs=1e-9)
    assert wider[1] <= low <= high <= wider[2]


# --- contrasts and gains


def test_one_group_is_students_t_test():
    values = [0.02, 0.05, 0.01, 0.04]
    found = statistics.contrast([values], [1])
    for side, p_value in (("less", found.p_less), ("greater", found.p_greater)):
        assert p_value == pytest.approx(stats.ttest_1samp(values, 0, alternative=side).pvalue)
    interval = stats.ttest_1samp(values, 0).confidence_interval()
    assert found[:3] == pytest.approx((np.mean(values), *interval))
    assert found[:3] == pytest.approx(mean_interval(values))


def test_two_groups_are_welchs_test():
    small, large = [0.2, 0.31, 0.18, 0.22, 0.27], [0.02, 0.05, 0.04]
    found = statistics.contrast([small, large], [1, -1], 0.9)
    expected = stats.ttest_ind(small, large, equal_var=False, alternative="greater")
    assert found.p_greater == pytest.approx(expected.pvalue)
    two_sided = stats.ttest_ind(small, large, equal_var=False)
    assert found[1:3] == pytest.approx(two_sided.confidence_interval(0.9))


def test_the_slope_is_the_least_squares_line_through_means_however_many_replicates():
    fractions, gains = [-3, -2, -1, 0], [0.3, 0.2, 0.15, 0.02]
    groups = [
        gain + np.linspace(-0.01, 0.01, count)
        for gain, count in zip(gains, (10, 5, 3, 2), strict=True)
    ]
    slope = statistics.contrast(groups, statistics.slope_weights(fractions))
    assert slope.estimate == pytest.approx(np.polyfit(fractions, gains, 1)[0])
    # Over two fractions it is their contrast, divided by the distance between them.
    line = statistics.contrast(groups[1:4:2], statistics.slope_weights([-2, 0]))
    welch = statistics.contrast(groups[1:4:2], [-1, 1])
    assert line[:3] == pytest.approx(np.array(welch[:3]) / 2)
    assert line[3:5] == pytest.approx(welch[3:5])


METHOD, REFERENCE = np.array([0.72, 0.75, 0.70, 0.77]), np.array([0.5, 0.56, 0.44, 0.52])


def test_a_gain_is_ratio_and_difference_of_means_with_students_paired_test():
    gain = paired_gain(METHOD, REFERENCE)
    assert gain.relative_gain == pytest.approx(METHOD.mean() / REFERENCE.mean())
    assert gain.absolute_gain == pytest.approx(METHOD.mean() - REFERENCE.mean())
    expected = stats.ttest_rel(METHOD, REFERENCE)
    assert gain.p_value == pytest.approx(expected.pvalue)
    assert gain[4:6] == pytest.approx(expected.confidence_interval())


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize(
    ("method", "reference"),
    [
        (METHOD, REFERENCE),
        (METHOD, [0.0, 0.1, 0.02, 0.3]),  # no upper end
        ([0.0, 0.3, 0.01, 0.0], REFERENCE),  # no lower end but 0
        ([0.0, 0.3, 0.01, 0.0], [0.0, 0.1, 0.02, 0.3]),
        (METHOD[:2], REFERENCE[:2]),
    ],
)
def test_the_ratios_interval_holds_exactly_the_ratios_that_a_paired_test_allows(
    method, reference, level
):
    gain = paired_gain(method, reference, level)
    ratios = np.linspace(0.001, 60, 200_001)
    differences = np.asarray(method) - ratios[:, None] * np.asarray(reference)
    allowed = ratios[stats.ttest_1samp(differences, 0, axis=1).pvalue > 1 - level]
    step = ratios[1] - ratios[0]
    assert gain.relative_low == pytest.approx(allowed[0] if allowed[0] > 0.001 else 0, abs=step)
    if allowed[-1] == 60:
        assert gain.relative_high > 60
    else:
        assert gain.relative_high == pytest.approx(allowed[-1], abs=step)


@given(st.lists(st.tuples(*[st.integers(0, 100)] * 2), min_size=2, max_size=8))
def test_both_intervals_and_the_test_tell_the_same(counts):
    method, reference = np.array(counts).T / 100
    gain = paired_gain(method, reference)
    if np.isnan(gain.p_value):
        assert np.ptp(method - reference) < 1e-9
        return
    assume(abs(gain.p_value - 0.05) > 1e-6)
    is_different = gain.p_value < 0.05
    assert (gain.absolute_low > 0 or gain.absolute_high < 0) == is_different
    if reference.any():
        assert gain.relative_low - 1e-6 <= gain.relative_gain <= gain.relative_high + 1e-6
        is_open = gain.relative_low == 0 and gain.relative_high == np.inf
        assert is_open or (gain.relative_low > 1 or gain.relative_high < 1) == is_different


def test_no_ratio_is_ruled_out_where_neither_mean_is_known_to_be_above_zero():
    gain = paired_gain([0.0, 0.01], [0.59, 0.70])
    assert gain.p_value < 0.05
    assert (gain.relative_low, gain.relative_high) == (0, np.inf)


def test_one_replicate_has_a_gain_without_interval_and_test():
    gain = paired_gain([0.75], [0.5])
    assert (gain.relative_gain, gain.absolute_gain) == (1.5, 0.25)
    assert np.isnan([*gain[1:3], *gain[4:]]).all()


def test_two_replicates_have_a_wide_interval():
    gain = paired_gain([0.75, 0.75], [0.5, 0.52])
    # Student's t with 1 degree of freedom: 12.706; standard error 0.01.
    assert gain.absolute_high - gain.absolute_low == pytest.approx(2 * 12.706 * 0.01, rel=1e-4)


def test_differences_without_spread_are_no_evidence():
    gain = paired_gain([0.7, 0.6, 0.9], [0.6, 0.5, 0.8])  # 0.1 but for rounding
    assert gain.absolute_gain == pytest.approx(0.1)
    assert np.isnan([*gain[1:3], *gain[4:]]).all()


def test_a_reference_that_is_never_right_has_no_ratio():
    gain = paired_gain([0.5, 0.6], [0.0, 0.0])
    assert np.isnan(gain[:3]).all()
    assert gain.absolute_gain == pytest.approx(0.55)
    assert paired_gain([0.0, 0.0], [0.5, 0.6]).relative_gain == 0


# --- intervals and tests in many studies


def studies(replicates: int, gain: float) -> tuple[np.ndarray, np.ndarray]:
    """2,000 studies of a method and a reference (accuracy 0.5) that share part of their noise."""
    rng = np.random.default_rng(2018)
    shared = rng.normal(0, 0.03, (2000, replicates))
    noise = rng.normal(0, 0.02, (2, 2000, replicates))
    return 0.5 + gain + shared + noise[0], 0.5 + shared + noise[1]


@pytest.mark.slow
@pytest.mark.parametrize("replicates", [2, 3, 10])
def test_intervals_of_both_gains_cover_known_gains(replicates):
    gains = [paired_gain(*study) for study in zip(*studies(replicates, 0.2), strict=True)]
    _, relative_low, relative_high, _, absolute_low, absolute_high, _ = np.transpose(gains)
    assert 0.93 < ((absolute_low <= 0.2) & (absolute_high >= 0.2)).mean() < 0.97
    assert 0.93 < ((relative_low <= 1.4) & (relative_high >= 1.4)).mean() < 0.97


def test_intervals_cover_known_gains_of_accuracies_that_are_counts():
    """Real accuracies: correct images out of 450, binomial with the true accuracy of the run."""
    rng = np.random.default_rng(2018)
    runs = np.stack(studies(5, 0.2))
    accuracies = rng.binomial(450, runs) / 450
    gains = [paired_gain(*study) for study in accuracies.swapaxes(0, 1)]
    _, relative_low, relative_high, _, absolute_low, absolute_high, _ = np.transpose(gains)
    assert 0.93 < ((absolute_low <= 0.2) & (absolute_high >= 0.2)).mean() < 0.97
    assert 0.93 < ((relative_low <= 1.4) & (relative_high >= 1.4)).mean() < 0.97
    means = np.array([mean_interval(study) for study in accuracies[0]])
    assert 0.93 < ((means[:, 1] <= 0.7) & (means[:, 2] >= 0.7)).mean() < 0.97


@pytest.mark.parametrize("replicates", [2, 5])
def test_without_a_gain_h1_is_wrongly_found_in_one_study_of_twenty(replicates):
    method, reference = studies(replicates, 0)
    p_values = [statistics.contrast([gain], [1]).p_greater for gain in method - reference]
    assert 0.035 < np.mean(np.array(p_values) < 0.05) < 0.065


SPREADS, COUNTS, TRUE = (0.04, 0.02, 0.01), (10, 5, 3), (0.25, 0.15, 0.1)


def studies_of_sizes(nested: float) -> list[list[np.ndarray]]:
    """2,000 studies' gains at three fractions; `nested` correlates neighbouring fractions."""
    rng = np.random.default_rng(2018)
    result = []
    for _ in range(2000):
        noise = [rng.normal(size=max(COUNTS))]
        for _ in COUNTS[1:]:
            fresh = rng.normal(size=max(COUNTS))
            noise.append(nested * noise[-1] + np.sqrt(1 - nested**2) * fresh)
        result.append(
            [
                gain + spread * own[:count]
                for gain, spread, own, count in zip(TRUE, SPREADS, noise, COUNTS, strict=True)
            ]
        )
    return result


@pytest.mark.slow
@pytest.mark.parametrize(("nested", "most"), [(0, 0.97), (0.1**0.5, 0.98)])
def test_intervals_of_contrast_and_slope_cover_under_unequal_spreads_and_nested_samples(
    nested, most
):
    weights = {"contrast": [1, 0, -1], "slope": statistics.slope_weights([-3, -2, -1])}
    covered = dict.fromkeys(weights, 0)
    for groups in studies_of_sizes(nested):
        for name, weight in weights.items():
            used = np.flatnonzero(weight)
            found = statistics.contrast([groups[i] for i in used], np.take(weight, used))
            covered[name] += found.low <= np.dot(weight, TRUE) <= found.high
    for name, count in covered.items():
        assert 0.93 < count / 2000 < most, name


# --- many tests, and verdicts


def test_holm_of_a_known_example():
    np.testing.assert_allclose(statistics.holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])


def test_what_was_not_tested_is_not_counted():
    corrected = statistics.holm([np.nan, 0.01, np.nan, 0.04])
    np.testing.assert_allclose(corrected, [np.nan, 0.02, np.nan, 0.04])
    assert np.isnan(statistics.holm([np.nan])).all()
    assert statistics.holm([]).size == 0


@given(st.lists(st.floats(0, 1), max_size=8), st.floats(0.001, 0.999))
def test_holm_rejects_step_by_step(p_values, level):
    corrected = statistics.holm(p_values)
    assume(all(abs(value - level) > 1e-9 for value in corrected))
    rejected = 0
    for value in sorted(p_values):
        if value * (len(p_values) - rejected) > level:
            break
        rejected += 1
    assert (corrected <= level).sum() == rejected


@pytest.mark.parametrize(
    ("most", "p_value", "p_reversed", "replicates", "words"),
    [
        (0.3, 0.02, 1, 5, "supported"),
        (-0.01, 1, 0.02, 5, "reversed"),
        (0.3, 0.06, 1, 5, "undecided with 5 replicates"),  # it may well be there
        (0.01, 0.5, 0.9, 5, "not supported"),
        (-0.05, 1, 0.06, 5, "not supported"),
        (0.2, 0.5, 0.9, 3, "undecided with 3 replicates"),
        (np.nan, np.nan, np.nan, 1, "undecided with 1 replicate"),
    ],
)
def test_a_verdict_follows_from_the_numbers(most, p_value, p_reversed, replicates, words):
    assert statistics.verdict(most, p_value, p_reversed, replicates) == words


# --- the value of a label


@given(st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4), min_size=1, max_size=5))
def test_monotone_is_isotonic_regression_of_each_curve(curves):
    expected = [isotonic_regression(curve).x for curve in curves]
    np.testing.assert_allclose(statistics.monotone(curves), expected, atol=1e-12)


LABELS, CURVE = [6, 60, 600, 6000], [0.4, 0.6, 0.8, 0.9]


@pytest.mark.parametrize(
    ("accuracy", "curve", "ends"),
    [
        (0.6, CURVE, (60, 60)),
        (0.5, CURVE, (6 * 10**0.5, 6 * 10**0.5)),
        (0.85, CURVE, (600 * 10**0.5, 600 * 10**0.5)),
        (0.4, CURVE, (6, 6)),
        (0.9, CURVE, (6000, 6000)),
        (0.39, CURVE, (0, 6)),
        (0.91, CURVE, (6000, np.inf)),
        (0.91, [0.4, 0.6, 0.8, 0.8], (6000, np.inf)),
        (0.91, [0.4, 0.6, 0.9, 0.7], (6000, np.inf)),
        (0.6, [0.4, 0.6, 0.6, 0.9], (60, 60)),  # the fewest that suffice
        (0.65, [0.4, 0.7, 0.6, 0.9], (60, 60)),  # 0.65 twice, when it never falls
        (0.525, [0.4, 0.7, 0.6, 0.9], (6 * 10**0.5, 6 * 10**0.5)),
        (0.1 + 0.2, [0.3, 0.6, 0.8, 0.9], (6, 6)),  # equal but for rounding
        (0.5, [0.5] * 4, (6, 6)),
    ],
)
def test_labels_for_an_accuracy(accuracy, curve, ends):
    assert np.array(statistics.labels_for(accuracy, LABELS, curve)) == pytest.approx(ends)


def test_labels_for_many_curves_at_once():
    accuracies, curves = [0.5, 0.7, 0.95], [CURVE, [0.1, 0.2, 0.7, 0.8], CURVE]
    each = [
        statistics.labels_for(accuracy, LABELS, curve)
        for accuracy, curve in zip(accuracies, curves, strict=True)
    ]
    together = statistics.labels_for(accuracies, LABELS, curves)
    np.testing.assert_array_equal(np.transpose(together), each)


def test_a_curve_of_one_point_says_more_or_fewer():
    assert [float(end) for end in statistics.labels_for(0.5, [6], [0.4])] == [6, np.inf]
    assert [float(end) for end in statistics.labels_for(0.3, [6], [0.4])] == [0, 6]


@pytest.mark.parametrize("replicates", [3, 10])
def test_percentiles_of_resampled_means_cover_the_truth_for_few_replicates(replicates):
    rng = np.random.default_rng(2018)
    covered = 0
    for study in rng.normal(0.75, 0.02, (2000, replicates)):
        low, high = np.quantile(statistics.resampled_means(study, 500, rng), [0.025, 0.975])
        covered += low <= 0.75 <= high
    assert 0.93 < covered / 2000 < 0.97


def test_methods_are_resampled_in_pairs():
    values = np.array([0.5, 0.6, 0.9])
    means = [
        statistics.resampled_means(values + gain, 100, np.random.default_rng(1))
        for gain in (0, 0.1)
    ]
    np.testing.assert_allclose(means[1] - means[0], 0.1)
