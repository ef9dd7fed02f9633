"""Promises of the comparison's tables: rows of every method, right numbers, fitting words."""

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from studies import (
    LABELS,
    PROTOCOLS,
    PUBLISHED,
    REPLICATES,
    SCRATCH,
    SOURCES,
    TABLES,
    TRANSFERS,
    accuracy,
    gains,
    label_value,
    paired_gain,
    published,
    runs,
    study,
    table_of_study,
)
from transfer_gain.evaluation import comparison, tables, training_cost
from transfer_gain.metrics import ACCURACY


def only(table: pd.DataFrame, **names: str | float) -> pd.Series:
    """The one row with these names."""
    ((_, row),) = table[(table[list(names)] == list(names.values())).all(axis=1)].iterrows()
    return row


# --- how far behind the best


def test_methods_are_told_apart_from_the_best_after_a_correction_for_their_number():
    accuracies = {
        ("vgg16", "transfer"): [0.70, 0.72, 0.71, 0.70],
        ("none", "baseline"): [0.69, 0.70, 0.71, 0.69],
        ("none", "augmentation"): [0.60, 0.63, 0.62, 0.61],
    }
    table = accuracy(pd.concat(runs(method, 0.01, each) for method, each in accuracies.items()))
    best, near, far = (only(table, method=method) for _, method in accuracies)
    assert best["behind_best"] == 0
    assert np.isnan(best["behind_p_holm"])
    p_values = [
        stats.ttest_rel(accuracies["vgg16", "transfer"], accuracies["none", method]).pvalue
        for method in ("baseline", "augmentation")
    ]
    assert near["behind_p_holm"] == pytest.approx(p_values[0])
    assert far["behind_p_holm"] == pytest.approx(2 * p_values[1])


# --- all tables


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLES)
def test_columns_are_the_same_for_any_study(name):
    make, columns = TABLES[name]
    for replicates in (REPLICATES, {0.01: 1}, {0.01: 1, 1.0: 1}, {0.1: 2}):
        table = make(study(replicates))
        assert list(table) == columns
        assert len(table)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["accuracy", "gains", "label_value"])
def test_every_method_of_the_study_has_its_row_at_every_size_and_protocol(name):
    table = table_of_study(name)
    left_out = {"accuracy": [], "gains": ["baseline-2018"], "label_value": ["baseline"]}[name]
    methods = [method for method in SCRATCH + TRANSFERS if method[1] not in left_out]
    expected = {
        (dataset, protocol, fraction, *method)
        for dataset in SOURCES
        for protocol in PROTOCOLS
        for fraction in REPLICATES
        for method in methods
    }
    rows = table[["dataset", "protocol", "fraction", "backbone", "method"]]
    assert set(rows.itertuples(index=False, name=None)) == expected


@pytest.mark.parametrize("name", TABLES)
def test_one_replicate_has_estimates_and_no_interval(name):
    table = TABLES[name][0](study({0.01: 1, 1.0: 1}))
    ends = [column for column in table if column.endswith(("_low", "_high")) or column[:2] == "p_"]
    assert set(table.get("outcome", ["undecided"])) - {""} == {"undecided"}
    assert ends
    assert table[ends].isna().all(axis=None)
    estimates = {"mean", "relative_gain", "absolute_gain", "estimate", "multiplier"}
    assert table[sorted(estimates & set(table))].notna().all(axis=None)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(TABLES) - {"forecast", "options"}))
def test_two_replicates_have_wider_intervals_than_ten(name):
    make, columns = TABLES[name]
    low, high = next(
        pair
        for pair in (("ci_low", "ci_high"), ("absolute_low", "absolute_high"), ("low", "high"))
        if pair[0] in columns
    )
    widths = []
    for count in (2, 10):
        table = make(study({0.001: 10, 0.01: count, 0.1: 10, 1.0: 10}))
        rows = table[(table["fraction"] == 0.01) & (table["backbone"] != "none")]
        widths.append((rows[high] - rows[low]).median())
    assert widths[0] > 2 * widths[1]


# --- accuracy and gains


def test_accuracy_is_the_mean_over_replicates_with_its_interval():
    row = only(accuracy(runs(SCRATCH[0], 0.01, [0.5, 0.6, 0.7])), method="baseline")
    assert row["mean"] == pytest.approx(0.6)
    assert row[["ci_low", "ci_high"]].tolist() == pytest.approx([0.6 - 0.248414, 0.6 + 0.248414])
    assert row[["replicates", "configurations", "labels"]].tolist() == [3, 3, 60]
    assert row["train_loss"] == pytest.approx(0.2)
    assert row["levelled_off"] == pytest.approx(2 / 3)


def test_no_interval_of_an_accuracy_goes_beyond_what_accuracies_can_be():
    near_one = only(accuracy(runs(SCRATCH[0], 0.01, [0.95, 0.97, 1.0])), method="baseline")
    assert near_one["ci_high"] == 1
    near_zero = only(accuracy(runs(SCRATCH[0], 0.01, [0.0, 0.01, 0.05])), method="baseline")
    assert near_zero["ci_low"] == 0


def test_published_values_stand_only_beside_the_reports_own():
    selected = study({1.0: 1, 0.1: 1, 0.01: 1})
    table = accuracy(selected)
    beside = table[table["published"].notna()]
    found = beside.set_index(["dataset", "protocol", "fraction", "backbone", "method"])["published"]
    assert found.to_dict() == {
        ("clothes", "same-images", fraction, backbone, method): value
        for fraction, *values in ((0.01, 0.50, 0.76, 0.75), (1.0, 0.51, 0.76, 0.78))
        for (backbone, method), value in zip([*SCRATCH[:2], TRANSFERS[0]], values, strict=True)
    }
    of_gains = gains(selected)
    beside = of_gains[of_gains["published_absolute_gain"].notna()]
    assert set(beside["method"] + beside["backbone"] + beside["protocol"]) == {
        "transfervgg16same-images"
    }
    assert beside["published_absolute_gain"].tolist() == [0.27, 0.02, 0.25, -0.01]
    assert accuracy(selected, avatars="avatars")["published"].isna().all()
    assert gains(selected, avatars="avatars").filter(like="published").isna().all(axis=None)


def test_the_published_table_4_gives_the_published_table_5():
    sources = {"clothes": "fashion-mnist", "expressions": "ferg"}
    methods = [*SCRATCH[:2], TRANSFERS[0]]
    printed = published("accuracy", sources)
    selected = pd.concat(
        runs(method, row["fraction"], [row[method[1]]], row["dataset"])
        for _, row in printed.iterrows()
        for method in methods
    )
    table = gains(selected, **sources)
    table = table[table["method"] == "transfer"]
    assert len(table) == len(published("gains", sources)) == 8
    for kind in ("relative_gain", "absolute_gain"):
        np.testing.assert_allclose(table[kind], table[f"published_{kind}"], rtol=0, atol=0.01)


def test_gains_are_paired_by_replicate():
    transfer, baseline = [0.9, 0.6, 0.8], [0.8, 0.52, 0.71]
    rows = [runs(TRANSFERS[0], 0.1, transfer), runs(SCRATCH[0], 0.1, baseline).iloc[::-1]]
    row = only(gains(pd.concat(rows)), reference="baseline")
    expected = paired_gain(transfer, baseline)
    assert row[list(expected._fields)].tolist() == pytest.approx(list(expected))
    assert row["p_value"] == pytest.approx(stats.ttest_rel(transfer, baseline).pvalue)
    assert row["replicates"] == 3


def test_no_pair_of_methods_is_compared_twice():
    table = table_of_study("gains")
    pairs = table[["dataset", "fraction", "protocol", "backbone", "method", "reference"]]
    assert not pairs.duplicated().any()
    of_references = table[table["backbone"] == "none"][["method", "reference"]].drop_duplicates()
    assert sorted(of_references.itertuples(index=False, name=None)) == [
        ("augmentation", "baseline"),
        ("augmentation", "baseline-2018"),
        ("baseline", "baseline-2018"),
    ]


@pytest.mark.parametrize("name", ["gains", "hypotheses"])
def test_holm_counts_every_test_of_the_table_under_one_protocol(name):
    table = table_of_study(name)
    assert table["p_value"].isna().any()
    for protocol in PROTOCOLS:
        rows = table[table["protocol"] == protocol].dropna(subset="p_value")
        smallest = rows.loc[rows["p_value"].idxmin()]
        # Both sides of a hypothesis are tests.
        tests = len(rows) * (2 if name == "hypotheses" else 1)
        assert smallest["p_holm"] == pytest.approx(min(smallest["p_value"] * tests, 1))


# --- accuracy


@pytest.mark.slow
def test_how_far_a_method_is_behind_the_best_is_paired_by_replicate():
    table = table_of_study("accuracy")
    for place, rows in table.groupby(comparison.PLACE):
        runs = study().set_index(comparison.PLACE).sort_index().loc[[place]]
        by_method = {
            names: own.set_index("replicate")["accuracy"]
            for names, own in runs.groupby(comparison.METHOD)
        }
        best = rows.loc[rows["mean"].idxmax()]
        assert best["behind_best"] == 0
        for row in rows.itertuples():
            behind = by_method[best["backbone"], best["method"]]
            behind = (behind - by_method[row.backbone, row.method]).dropna()
            assert row.behind_best == pytest.approx(behind.mean())
            if np.ptp(behind) > 1e-9:
                expected = stats.ttest_1samp(behind, 0).confidence_interval()
                found = (row.behind_low, row.behind_high)
                assert found == pytest.approx((expected.low, expected.high))


# --- hypotheses


def of_gains(gains_of_size: dict[float, list[float]]) -> pd.DataFrame:
    """The hypotheses' table where transfer has these gains over a baseline."""
    parts = []
    for fraction, values in gains_of_size.items():
        baseline = np.linspace(0.5, 0.52, len(values))
        parts.append(runs(SCRATCH[0], fraction, baseline))
        parts.append(runs(TRANSFERS[0], fraction, baseline + values))
    return comparison.hypotheses(pd.concat(parts), {}, ACCURACY, 0.01, 1)


def test_h1_is_a_one_sided_paired_test_at_each_size():
    values = {0.01: [0.1, 0.12, 0.13], 1.0: [-0.01, 0.02, 0.015]}
    table = of_gains(values)
    for fraction, gain in values.items():
        row = only(table, hypothesis="H1", fraction=fraction)
        assert row["p_value"] == pytest.approx(stats.ttest_1samp(gain, 0, alternative="greater")[1])
        assert row["estimate"] == pytest.approx(np.mean(gain))
        assert row["replicates"] == 3


def test_h2_is_a_contrast_and_of_two_sizes_nothing_else():
    table = of_gains({0.01: [0.1, 0.12, 0.13, 0.1], 1.0: [-0.01, 0.02, 0.015]})
    ((_, contrast),) = table[table["hypothesis"] == "H2"].iterrows()
    expected = stats.ttest_ind(
        [0.1, 0.12, 0.13, 0.1], [-0.01, 0.02, 0.015], equal_var=False, alternative="greater"
    )
    assert contrast["statistic"] == "gain at 0.01 less gain at 1"
    assert contrast["p_value"] == pytest.approx(expected.pvalue)


def test_h2_is_a_slope_as_well_where_there_are_more_sizes():
    values = {0.01: [0.1, 0.12, 0.13], 0.1: [0.05, 0.04, 0.06], 1.0: [-0.01, 0.02, 0.015]}
    _, slope = (row for _, row in of_gains(values).query("hypothesis == 'H2'").iterrows())
    assert slope["statistic"] == "slope of gain per tenfold fraction, 0.01 to 1"
    means = [np.mean(gain) for gain in values.values()]
    assert slope["estimate"] == pytest.approx((means[2] - means[0]) / 2)
    assert slope["p_value"] < 0.05


def test_a_size_of_one_replicate_leaves_the_contrast_undecided_and_is_not_in_the_slope():
    values = {0.001: [0.3, 0.31], 0.01: [0.2, 0.19], 1.0: [0.5]}
    contrast, slope = (row for _, row in of_gains(values).iloc[3:].iterrows())
    assert contrast["estimate"] == pytest.approx(0.195 - 0.5)
    assert contrast["verdict"] == "undecided with 1 replicate"
    assert slope["statistic"] == "slope of gain per tenfold fraction, 0.001 to 0.01"
    assert slope["estimate"] == pytest.approx(0.195 - 0.305)
    single = of_gains({fraction: gain[:1] for fraction, gain in values.items()})
    assert set(single["verdict"]) == {"undecided with 1 replicate"}
    assert single["statistic"].iloc[-1] == "slope of gain per tenfold fraction, 0.001 to 1"


@pytest.mark.parametrize(
    ("small", "large", "h1", "h2"),
    [
        (0.2, 0.05, "supported", "supported"),
        (0.05, 0.2, "supported", "reversed"),
        (-0.2, -0.05, "reversed", "reversed"),
        (0.0, 0.0, "not supported", "not supported"),
    ],
)
def test_comparisons_follow_from_the_gains(small, large, h1, h2):
    noise = np.array([-0.004, 0.005, 0.001, -0.003, 0.002])  # of sum 0.001
    table = of_gains({0.01: small + noise, 1.0: large - noise})
    assert table["verdict"].tolist() == [h1, h1, h2]


def test_where_all_images_ran_once_the_largest_replicated_size_is_contrasted_too():
    values = {0.001: [0.5, 0.52], 0.01: [0.4, 0.41], 0.1: [0.1, 0.11], 1.0: [0.0]}
    table = of_gains(values).query("statistic.str.contains(' less ')")
    assert table["statistic"].tolist() == [
        "gain at 0.01 less gain at 1",
        "gain at 0.01 less gain at 0.1",
    ]
    assert table["estimate"].tolist() == pytest.approx([0.405, 0.3])
    assert table["verdict"].tolist() == ["undecided with 1 replicate", "supported"]


def test_transfer_is_compared_with_the_same_network_untrained():
    table = table_of_study("gains").query("reference == 'random-weights'")
    assert set(zip(table["backbone"], table["method"], strict=True)) == {("vgg16", "transfer")}


def test_two_noisy_replicates_leave_all_undecided():
    table = of_gains({0.01: [0.3, 0.1], 1.0: [0.1, -0.2]})
    assert set(table["verdict"]) == {"undecided with 2 replicates"}


def test_a_study_of_one_size_has_no_second_hypothesis():
    assert of_gains({0.01: [0.1, 0.2]})["hypothesis"].tolist() == ["H1"]


@pytest.mark.parametrize(
    "controls", [{"vgg16": []}, {"vgg16-random": ["vgg16"]}, {"vgg16": [], "vgg16-random": []}]
)
def test_hypotheses_are_not_of_controls(controls):
    table = comparison.tabulate(
        "hypotheses",
        study(),
        {},
        ACCURACY,
        published=PUBLISHED,
        sources=SOURCES,
        backbones=["vgg16"],
        controls=controls,
        contrast=(0.01, 1),
    )
    assert list(table) == comparison.HYPOTHESES
    assert set(table["backbone"]) == {"vgg16", "vgg16-random"} - set(controls)


# --- the cost of accuracy


TIMES = [  # rule, dataset, backbone, fraction, method, protocol, seconds; one control ends at 1 %
    ("make_images", "clothes", "", "", "", "", 1e9),
    ("extract_features", "clothes", "vgg16", "", "transfer", "", 4900.0),
    ("extract_features", "clothes", "vgg16-random", "", "transfer", "", 910.0),
    ("train_head", "clothes", "vgg16", "0.01", "transfer", "", 10.0),
    ("train_head", "clothes", "vgg16", "0.01", "transfer", "", 20.0),
    ("train_head", "clothes", "vgg16", "1", "transfer", "", 300.0),
    ("train_head", "clothes", "vgg16-random", "0.01", "transfer", "", 40.0),
    ("train_selected_head", "clothes", "vgg16", "0.01", "transfer", "", 1e9),
    ("fit_probes", "clothes", "vgg16", "0.01", "linear-probe", "", 5.0),
    ("refit_head", "clothes", "vgg16", "0.01", "transfer-augmented", "same-images", 6.0),
    ("refit_head", "clothes", "vgg16", "0.01", "transfer-augmented", "held-out", 1e9),
    ("extract_copies", "clothes", "vgg16", "0.01", "transfer-augmented", "", 7.0),
    ("train_from_scratch", "clothes", "", "0.01", "baseline", "", 50.0),
    ("train_from_scratch", "clothes", "", "1", "baseline", "", np.nan),
]


def costs(times: list[tuple] = TIMES) -> pd.DataFrame:
    columns = [*tables.COST, "seconds"]
    methods = [(method, 0.01) for method in (*SCRATCH[:1], *TRANSFERS)]
    methods += [(("vgg16", "transfer-augmented"), 0.01), (SCRATCH[0], 1.0), (TRANSFERS[0], 1.0)]
    selected = pd.concat([runs(method, fraction, [0.5, 0.6]) for method, fraction in methods])
    fractions = pd.DataFrame(
        {
            "dataset": "clothes",
            "fraction": [1.0, 0.01],
            "training_samples": [42_000, 420],
            "validation_samples": 3500,
            "test_samples": 3500,  # that the dataset came with
            "replicates": [1, 5],
        }
    )
    jobs = pd.DataFrame(times, columns=columns)
    return training_cost.training_cost(jobs, accuracy(selected), fractions)


@pytest.mark.parametrize(
    ("backbone", "method", "fraction", "seconds"),
    [
        ("vgg16", "transfer", 1.0, 300 + 4900),  # every image passed
        ("vgg16", "transfer", 0.01, 30 + 910),  # 5 samples of 420 and 7,000 of all 49,000
        ("vgg16", "linear-probe", 0.01, 5 + 910),
        ("vgg16", "transfer-augmented", 0.01, 6 + 7 + 30 + 910),  # and what selected the head
        ("vgg16-random", "transfer", 0.01, 40 + 910),  # no other images passed through the control
        ("none", "baseline", 0.01, 50),
        ("none", "baseline", 1.0, np.nan),  # not measured
    ],
)
def test_accuracy_costs_all_jobs_and_its_share_of_the_extraction(
    backbone, method, fraction, seconds
):
    row = only(costs(), backbone=backbone, method=method, fraction=fraction)
    assert row["seconds"] == pytest.approx(seconds, nan_ok=True)
    assert row["mean"] == pytest.approx(0.55)


def test_a_fraction_costs_its_share_of_the_copies_of_all_images():
    times = [
        (*row[:3], "1", *row[4:6], 700.0) if row[0] == "extract_copies" else row for row in TIMES
    ]
    row = only(costs(times), backbone="vgg16", method="transfer-augmented", fraction=0.01)
    # 5 samples of 420 of all 42,000.
    assert row["seconds"] == pytest.approx(6 + 35 + 30 + 910)


def test_copies_are_compared_with_as_many_updates_on_the_images_alone():
    accuracies = {
        ("none", "baseline"): [0.5, 0.52, 0.51],
        ("vgg16", "transfer"): [0.7, 0.72, 0.7],
        ("vgg16", "transfer-extended"): [0.71, 0.7, 0.72],
        ("vgg16", "transfer-augmented"): [0.74, 0.74, 0.75],
    }
    table = gains(pd.concat(runs(method, 0.01, values) for method, values in accuracies.items()))
    row = only(table, method="transfer-augmented", reference="transfer-extended")
    assert row["absolute_gain"] == pytest.approx(0.1 / 3)
    assert (row["replicates"], row["backbone"]) == (3, "vgg16")
    assert "transfer-extended" not in {*table["method"]}  # a reference alone


# --- the value of a label


BASELINE = {0.001: [0.4, 0.42], 0.01: [0.6, 0.62], 0.1: [0.8, 0.82], 1.0: [0.91]}


def value_of(
    fraction: float, accuracies: list[float], baseline: dict[float, list[float]] = BASELINE
) -> pd.Series:
    parts = [runs(SCRATCH[0], fraction, values) for fraction, values in baseline.items()]
    selected = pd.concat([*parts, runs(TRANSFERS[0], fraction, accuracies)])
    return only(label_value(selected), method="transfer")


def test_equal_runs_give_no_interval_of_a_label_s_value():
    assert np.isnan(value_of(0.01, [0.7, 0.7])[["ci_low", "ci_high"]].astype(float)).all()
    equal = {fraction: [values[0]] * 2 for fraction, values in BASELINE.items()}
    assert np.isnan(value_of(0.01, [0.7, 0.72], equal)[["ci_low", "ci_high"]].astype(float)).all()


def share_of_the_way(accuracy: float, start: float, end: float) -> float:
    """Where an accuracy lies between two others, in their logits."""
    own, first, last = special.logit([accuracy, start, end])
    return (own - first) / (last - first)


ESTIMATE = ["baseline_labels_for_same_accuracy", "relation", "multiplier"]


@pytest.mark.parametrize(
    ("fraction", "accuracy", "labels", "relation"),
    [
        (0.01, 0.61, 60, ""),
        (0.01, 0.71, 60 * 10 ** share_of_the_way(0.71, 0.61, 0.81), ""),
        (0.001, 0.86, 600 * 10 ** share_of_the_way(0.86, 0.81, 0.91), ""),
        (0.1, 0.92, 6000, "more than"),
        (0.1, 0.40, 6, "fewer than"),
        (0.1, 0.41, 6, ""),
    ],
)
def test_labels_of_a_known_curve(fraction, accuracy, labels, relation):
    row = value_of(fraction, [accuracy - 0.01, accuracy + 0.01])
    assert row["baseline_labels_for_same_accuracy"] == pytest.approx(labels)
    assert row["relation"] == relation
    assert row["multiplier"] == pytest.approx(labels / LABELS[fraction])
    assert row["multiplier_low"] == pytest.approx(row["ci_low"] / LABELS[fraction])


def test_a_curve_that_falls_is_read_as_the_nearest_one_that_does_not():
    falling = {**BASELINE, 0.01: [0.8, 0.82], 0.1: [0.6, 0.62]}  # 0.71 at both
    row = value_of(0.001, [0.71, 0.71], falling)
    assert row["baseline_labels_for_same_accuracy"] == pytest.approx(60)


def test_one_run_has_no_interval_and_the_curves_last_single_point_opens_it():
    assert value_of(0.01, [0.61])[["ci_low", "ci_high"]].isna().all()
    several = {
        fraction: np.linspace(-0.01, 0.01, 5) + np.mean(BASELINE[fraction]) for fraction in BASELINE
    }
    within = value_of(0.01, [0.69, 0.70, 0.71, 0.70, 0.70], several)
    assert 60 < within["ci_low"] < within["baseline_labels_for_same_accuracy"] < within["ci_high"]
    assert within["ci_high"] < 600
    # 6,000 labels were tried once, so nothing bounds the curve beyond 600.
    last_once = {**several, 1.0: [0.91]}
    beyond = value_of(0.01, [0.85, 0.86, 0.85, 0.86, 0.86], last_once)
    assert 600 < beyond["baseline_labels_for_same_accuracy"] < 6000
    assert beyond[["ci_low", "ci_high"]].tolist() == [600, np.inf]


def test_a_size_that_was_run_once_may_lie_anywhere_between_its_neighbours():
    several = {
        fraction: np.linspace(-0.01, 0.01, 5) + np.mean(BASELINE[fraction]) for fraction in BASELINE
    }
    row = value_of(0.01, [0.69, 0.70, 0.71, 0.70, 0.70], {**several, 0.1: [0.81]})
    assert row["baseline_labels_for_same_accuracy"] == pytest.approx(
        60 * 10 ** share_of_the_way(0.70, 0.61, 0.81)
    )
    # The curve rises from 0.61 at 60 to 0.91 at 600, or only after 600.
    between = 10 ** share_of_the_way(0.70, 0.61, 0.91)
    assert 60 < row["ci_low"] < 60 * between < 600
    assert 600 * between < row["ci_high"] < 6000


@pytest.mark.slow
def test_the_interval_covers_the_labels_that_the_true_curve_needs():
    rng = np.random.default_rng(2018)
    truth = {SCRATCH[0]: {0.001: 0.4, 0.01: 0.6, 0.1: 0.8, 1.0: 0.9}, TRANSFERS[0]: {0.01: 0.7}}
    studies = pd.concat(
        runs(method, fraction, accuracy + rng.normal(0, 0.02, 5), str(number))
        for number in range(200)
        for method, curve in truth.items()
        for fraction, accuracy in curve.items()
    )
    table = label_value(studies)
    needed = 60 * 10 ** share_of_the_way(0.7, 0.6, 0.8)
    is_covered = (table["ci_low"] <= needed) & (table["ci_high"] >= needed)
    assert len(table) == 200
    assert 0.93 < is_covered.mean() < 0.99


def test_labels_worth_depends_on_neither_order_nor_other_datasets():
    selected = study({0.1: 3, 0.01: 5})
    table = label_value(selected)
    shuffled = selected.sample(frac=1, random_state=0)
    again = label_value(shuffled[shuffled["dataset"] == "clothes"])
    keys = ["dataset", "protocol", "fraction", "backbone", "method"]
    pd.testing.assert_frame_equal(
        table[table["dataset"] == "clothes"].sort_values(keys).reset_index(drop=True),
        again.sort_values(keys).reset_index(drop=True),
    )
