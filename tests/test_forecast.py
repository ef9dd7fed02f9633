"""Forecasts: known curves go on as they are, intervals hold what they should, doubt is said."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from studies import LABELS, forecast, options, study
from transfer_gain.data.rows import probability_of
from transfer_gain.evaluation import forecast as future
from transfer_gain.evaluation import learning_curve
from transfer_gain.evaluation import options as choices
from transfer_gain.evaluation.learning_curve import FAMILIES, Points
from transfer_gain.metrics import ACCURACY, LOSS
from transfer_gain.reporting import forecast_sentences

SIZES = np.array([10.0, 30.0, 100.0])
CURVES = {
    "logit-linear": lambda labels: expit(-1 + 0.4 * np.log(labels)),
    "power law": lambda labels: 1 - 0.9 * labels**-0.3,
    "power law with asymptote": lambda labels: 1 - 0.15 - 0.8 * labels**-0.7,
}
HELD_OUT = {"dataset": "clothes", "backbone": "none", "protocol": "held-out"}


def points_of(curve, labels=SIZES, noise: float = 0.0, draws: int = 200, seed: int = 0) -> Points:
    """Points on a curve that a study would find, with draws about them."""
    rng = np.random.default_rng(seed)
    means = logit(curve(labels)) + noise * rng.normal(size=len(labels))
    drawn = means + noise * rng.normal(size=(draws, len(labels)))
    return Points(labels, expit(np.concatenate([[means], drawn])))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_family_recovers_its_own_curves(family):
    curve = CURVES[family.name]
    at = np.array([200.0, 500.0])
    labels = np.array([10.0, 20.0, 50.0, 100.0])
    found = family.extrapolate(points_of(curve, labels, noise=1e-6), at)[0]
    assert found == pytest.approx(curve(at), abs=0.004)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_more_labels_never_lower_a_forecast(family):
    falling = points_of(lambda labels: 0.9 - 0.0005 * labels, noise=0.01)
    found = family.extrapolate(falling, np.array([200.0, 500.0]))
    assert (np.diff(found, axis=1) >= -1e-9).all()


def test_the_family_that_predicts_the_last_point_counts_most():
    labels = np.array([2.0, 10.0, 50.0, 250.0])
    for name in ("logit-linear", "power law"):
        made = learning_curve.forecast(points_of(CURVES[name], labels, 0.005), [2], 1e-3)
        assert max(made.weights, key=made.weights.get) == name


def test_an_interval_is_wider_farther_away_and_where_the_backtest_errs():
    straight = points_of(CURVES["logit-linear"], noise=0.02)
    made = learning_curve.forecast(straight, [2, 3, 5], 1e-3)
    assert (np.diff(made.high - made.low) > 0).all()
    assert made.holds
    bent = straight._replace(scores=straight.scores.copy())
    bent.scores[:, -1] = expit(logit(bent.scores[:, -1]) - 0.5)
    wide = learning_curve.forecast(bent, [2, 3, 5], 1e-3)
    assert (wide.high - wide.low > made.high - made.low).all()
    assert not wide.holds
    assert wide.backtest_error > 0.05


def test_families_that_all_err_much_still_have_weights():
    points = points_of(CURVES["power law"], np.array([10.0, 10.1, 10.2]), noise=1e-3)
    points.scores[:, -1] = 0.999
    made = learning_curve.forecast(points, [2], 1e-3)
    assert sum(made.weights.values()) == pytest.approx(1)
    assert np.isfinite(made.backtest_error) and not made.holds


def test_intervals_hold_the_truth_of_known_curves():
    held = []
    for seed, curve in enumerate(list(CURVES.values()) * 40):
        made = learning_curve.forecast(points_of(curve, noise=0.1, seed=seed), [2, 5], 1e-3)
        truth = curve(SIZES[-1] * np.array([2, 5]))
        held.append((made.low <= truth) & (truth <= made.high))
    assert np.mean(held) >= 0.9


def near_the_best(labels):
    """A steep curve that comes to 0.98 with 100 labels."""
    return expit(logit(0.98) + 0.7 * np.log(labels / 100))


def test_intervals_of_gains_hold_the_truth_where_a_change_of_the_logit_is_worth_little():
    times = np.array([2, 5])
    now, then = near_the_best(100), near_the_best(100 * times)
    held = []
    for seed in range(60):
        # All points share the error of their images, by which the score at hand is wrong too.
        rng = np.random.default_rng(seed)
        points = points_of(near_the_best, noise=0.05, draws=500, seed=seed)
        common = rng.normal() + np.append(0, rng.normal(size=500))
        moved = logit(points.scores) + 0.3 * common[:, None]
        made = learning_curve.forecast(Points(SIZES, expit(moved)), times, 1e-3)
        gain, low, high = made.gains()
        assert (low < gain).all() and (gain < high).all()
        held.append((low <= then - now) & (then - now <= high))
    assert np.mean(held) >= 0.9


@pytest.mark.parametrize("times", [[5.1], [0.9, 2]])
def test_nothing_is_said_beyond_five_times_the_labels(times):
    with pytest.raises(ValueError, match="allowed: 1 to 5"):
        learning_curve.forecast(points_of(CURVES["power law"]), times, 1e-3)


def test_two_points_are_no_curve():
    with pytest.raises(ValueError, match="found 2 points, expected 3 or more"):
        learning_curve.forecast(points_of(CURVES["power law"], SIZES[:2]), [2], 1e-3)


def of_curve(curve, runs: dict[float, int], spread: float = 0.01) -> pd.DataFrame:
    """Selected runs of the baseline, about a learning curve."""
    rng = np.random.default_rng(5)
    rows = [
        {**HELD_OUT, "method": "baseline", "fraction": fraction, "labels": LABELS[fraction]}
        | {"replicate": replicate, "accuracy": curve(LABELS[fraction]) + spread * rng.normal()}
        for fraction, count in runs.items()
        for replicate in range(count)
    ]
    return pd.DataFrame(rows)


RUNS = {0.001: 5, 0.01: 5, 0.1: 5}


def slow_curve(labels):
    return expit(-0.5 + 0.3 * np.log(labels))


@pytest.mark.parametrize("runs", [RUNS, {**RUNS, 0.1: 1}], ids=["five runs", "one at the end"])
def test_a_study_is_forecast(runs):
    table = forecast(of_curve(slow_curve, runs))
    assert table["times"].tolist() == [2, 3, 5]
    assert table["labels"].tolist() == [1200, 1800, 3000]
    assert set(table["status"]) == {future.EXPECTED}
    truth = slow_curve(table["labels"])
    assert table["score"].to_numpy() == pytest.approx(truth, abs=0.02)
    assert (table["low"] <= truth).all()
    assert (truth <= table["high"]).all()


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_few_runs_near_the_best_score_are_expected_above_those_with_a_tenth_of_the_labels(count):
    def curve(labels):
        return expit(logit(0.98) + 0.5 * np.log(labels / 600))

    few = of_curve(curve, {0.1: count}, spread=0.002)
    table = forecast(pd.concat([of_curve(curve, {0.001: 5, 0.01: 5}, spread=0.02), few]))
    truth = curve(table["labels"])
    assert (table["low"] <= truth).all() and (truth <= table["high"]).all()
    assert (table["low"] > curve(60)).all()


def bent_curve(labels):
    """A curve that rises fast and stops."""
    return min(0.35 + 0.3 * np.log10(labels / 6), 0.65) + 1e-3 * np.log10(labels)


def perfect_curve(labels):
    """A curve that reaches the best score with all labels."""
    return 1.0 if labels == 600 else slow_curve(labels)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (of_curve(slow_curve, {0.01: 5, 0.1: 5}), future.FEW_FRACTIONS),
        (of_curve(slow_curve, RUNS, spread=0), future.ONE_RUN),
        (of_curve(slow_curve, {0.001: 1, 0.01: 5, 0.1: 5}), future.ONE_RUN),
        (of_curve(bent_curve, RUNS, spread=0.002), future.BACKTEST),
        (of_curve(perfect_curve, RUNS, spread=0), future.BEST),
        (of_curve(perfect_curve, {**RUNS, 0.1: 1}, spread=0), future.BEST),
        (
            pd.concat(
                [
                    of_curve(slow_curve, RUNS),
                    of_curve(slow_curve, {1.0: 3}).assign(method="augmentation"),
                ]
            ),
            future.NOT_ALL_LABELS,
        ),
    ],
)
def test_what_cannot_be_told_is_not_told(rows, reason):
    table = forecast(rows, target=0.9)
    table = table[table["method"] == "baseline"]
    assert set(table["status"]) == {reason}
    assert table[["score", "low", "high", "target_labels"]].isna().all(axis=None)


def predicted(rows: pd.DataFrame) -> pd.DataFrame:
    """What the runs of two classes predict for 200 images, as right as their scores."""
    parts = []
    for number, run in enumerate(rows.itertuples()):
        labels = np.arange(200) % 2
        right = np.random.default_rng(number).permutation(200) < round(200 * run.accuracy)
        guesses = np.where(right, labels, 1 - labels)
        part = pd.DataFrame({"image_id": np.arange(200).astype(str), "label": labels})
        for label in range(2):
            part[probability_of(label)] = np.where(guesses == label, 0.9, 0.1)
        names = {name: getattr(run, name) for name in ("backbone", "method", "fraction")}
        parts.append(part.assign(predicted=guesses, replicate=run.replicate, **names))
    return pd.concat(parts, ignore_index=True)


def test_a_method_that_only_guesses_is_not_forecast():
    rows = of_curve(lambda labels: 0.5 + 0.002 * np.log(labels), RUNS)
    table = future.forecast(rows, {"clothes": predicted(rows)}, ACCURACY, 1)
    assert set(table["status"]) == {future.CHANCE}


def test_images_count_in_the_interval_and_classes_in_the_labels():
    rows = of_curve(slow_curve, RUNS)
    rows["accuracy"] = (200 * rows["accuracy"]).round() / 200
    known = future.forecast(rows, {"clothes": predicted(rows)}, ACCURACY, 1)
    unknown = forecast(rows)
    assert known["total_labels"].tolist() == [2400, 3600, 6000]
    assert (known["high"] - known["low"] > unknown["high"] - unknown["low"]).all()


def cross_fitted(
    effects: np.ndarray, runs: int = 12, curve=slow_curve
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A study of 1,200 images in twelve splits, and what it predicts.

    Args:
        effects: how many images more than expected each split names right, (fractions, runs).
        runs: number of splits.
        curve: expected score by labels.
    """
    selected, predictions = [], []
    folds = np.arange(1200).reshape(6, 200)
    for number, fraction in enumerate(RUNS):
        for split in range(runs):
            right = round(200 * curve(LABELS[fraction])) + int(effects[number, split])
            labels = np.arange(200) % 2
            guesses = np.where(np.arange(200) < right, labels, 1 - labels)
            run = {"backbone": "none", "method": "baseline", "fraction": fraction}
            run["replicate"] = split
            score = {"labels": LABELS[fraction], "accuracy": right / 200, **HELD_OUT}
            selected.append({**score, **run})
            shown = {"image_id": folds[split % 6].astype(str), "label": labels}
            shown["predicted"] = guesses
            for label in range(2):
                shown[probability_of(label)] = np.where(guesses == label, 0.9, 0.1)
            predictions.append(pd.DataFrame(shown).assign(**run))
    return pd.DataFrame(selected), pd.concat(predictions, ignore_index=True)


def test_the_fractions_of_a_split_are_resampled_together():
    effects = np.tile([-6, -4, -2, -1, 0, 0, 0, 0, 1, 2, 4, 6], (3, 1))
    apart = np.stack([np.random.default_rng(seed).permutation(effects[0]) for seed in range(3)])
    together, alone = (
        future.forecast(selected, {"clothes": predictions}, ACCURACY, 1)
        for selected, predictions in map(cross_fitted, (effects, apart))
    )
    assert set(together["status"]) == {future.EXPECTED}
    assert together["total_labels"].tolist() == [2400, 3600, 6000]
    assert together["score"].to_numpy() == pytest.approx(alone["score"].to_numpy(), abs=0.01)
    widths = [table["high"].iloc[-1] - table["low"].iloc[-1] for table in (together, alone)]
    assert widths[0] < widths[1]


def test_a_perfect_score_cannot_be_forecast_to_grow():
    effects = np.random.default_rng(0).integers(-6, 6, (3, 12))
    effects[-1] = 0
    selected, predictions = cross_fitted(effects, curve=perfect_curve)
    table = future.forecast(selected, {"clothes": predictions}, ACCURACY, 1)
    assert set(table["status"]) == {future.BEST}


def test_splits_that_happen_to_score_the_same_are_forecast_from_their_images():
    effects = np.random.default_rng(0).integers(-6, 6, (3, 12))
    spread, equal = effects.copy(), effects.copy()
    equal[-1] = 0
    spread[-1] = [0, 1] * 6
    found = []
    for each in (equal, spread):
        selected, predictions = cross_fitted(each)
        table = future.forecast(selected, {"clothes": predictions}, ACCURACY, 1)
        assert set(table["status"]) == {future.EXPECTED}
        assert "nan" not in table["family"].iloc[0]
        found.append(table["high"].iloc[-1] - table["low"].iloc[-1])
    assert found[0] == pytest.approx(found[1], rel=0.4)


def test_a_metric_of_losses_is_not_forecast():
    rows = of_curve(slow_curve, RUNS).rename(columns={"accuracy": "loss"})
    table = future.forecast(rows, {}, LOSS, 1)
    assert list(table) == future.COLUMNS
    assert table.empty


def test_the_labels_for_a_target_are_read_from_the_curve():
    rows = of_curve(slow_curve, RUNS)
    reached = forecast(rows, target=float(slow_curve(1200))).iloc[0]
    assert reached["target_relation"] == ""
    assert reached["target_labels"] == pytest.approx(1200, rel=0.25)
    assert reached["target_low"] < reached["target_labels"] < reached["target_high"]
    assert forecast(rows, target=0.3)["target_relation"].tolist() == ["at most"] * 3
    far = forecast(rows, target=0.99).iloc[0]
    assert far["target_relation"] == "more than"
    assert far["target_labels"] == 5 * 600
    assert far["target_high"] == np.inf


def test_a_forecast_depends_on_seed_and_runs_alone():
    selected = study()
    table = forecast(selected)
    pd.testing.assert_frame_equal(table, forecast(selected))
    alone = forecast(selected[selected["method"] == "linear-probe"])
    same = table[table["method"] == "linear-probe"].reset_index(drop=True)
    pd.testing.assert_frame_equal(same, alone)
    assert not table["high"].equals(forecast(selected, seed=2)["high"])


def said(rows: pd.DataFrame) -> str:
    made = options(rows.assign(configurations=1, train_loss=0.1, levelled_off=True))
    return forecast_sentences.sentence({"options": made}, ACCURACY, "clothes")


def test_a_sentence_says_what_the_best_method_will_reach():
    """How many images do I need? Reported as NVIDIA/DIGITS#150."""
    rows = of_curve(slow_curve, RUNS)
    first = forecast(rows).iloc[0]
    text = said(rows)
    assert text.startswith("With 2, 3 and 5 times the labels, training from scratch is expected to")
    assert f"{first['score']:.3f} [{first['low']:.3f}, {first['high']:.3f}]," in text


def test_a_sentence_says_why_nothing_can_be_told():
    text = said(of_curve(slow_curve, {0.01: 5, 0.1: 5}))
    assert text == (
        "What training from scratch would reach with more labels cannot be told: "
        "fewer than three fractions."
    )
    text = forecast_sentences.sentence(
        {"options": pd.DataFrame(columns=choices.COLUMNS)}, LOSS, "clothes"
    )
    assert text == "What more labels will bring cannot be told: log-loss is not forecast."


def test_a_gain_is_known_better_than_the_score():
    """The score at hand errs in the same direction as what it grows to."""
    made = learning_curve.forecast(points_of(CURVES["logit-linear"], noise=0.1), [2, 5], 1e-3)
    expected, low, high = made.gains()
    assert expected == pytest.approx(made.scores - made.now)
    assert (high - low < made.high - made.low).all()
    assert (low < expected).all() and (expected < high).all()


def test_the_probability_of_a_gain_is_that_of_known_curves():
    """Of many noisy views of a curve, the gain at 2 times the labels is as likely as told."""
    curve = CURVES["logit-linear"]
    views = [
        learning_curve.forecast(points_of(curve, noise=0.1, seed=seed), [2], 1e-3)
        for seed in range(60)
    ]
    truth = curve(SIZES[-1] * 2) - curve(SIZES[-1])
    likely, unlikely = (
        np.mean([view.probability_of(truth + side) for view in views]) for side in (-0.06, 0.06)
    )
    assert likely > 0.8
    assert unlikely < 0.2


def test_no_gain_is_likely_beyond_the_best_score():
    made = learning_curve.forecast(points_of(near_the_best, noise=0.05), [2, 5], 1e-3)
    assert (made.probability_of(1 - made.now) < 0.001).all()
