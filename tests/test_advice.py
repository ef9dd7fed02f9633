"""Promises of the advice: on studies made for it, each piece of advice is the right one."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from studies import TABLES, forecast, of_images, of_mistakes, options, runs, study
from transfer_gain.evaluation import forecast as future
from transfer_gain.evaluation import options as choices
from transfer_gain.metrics import ACCURACY
from transfer_gain.reporting import (
    advice,
    answer,
    answer_json,
    findings,
    forecast_sentences,
    option_rows,
)
from transfer_gain.reporting.looked_at import looked_at

SCRATCH, TRANSFER, PROBE = ("none", "baseline"), ("vgg16", "transfer"), ("vgg16", "linear-probe")
FINE_TUNING = ("vgg16", "fine-tuning")
NOISE = np.array([0.003, -0.001, 0.002, -0.004, 0.001])


def tables_of(selected: pd.DataFrame, scored=(100,) * 7, **wishes) -> dict[str, pd.DataFrame]:
    tables = {name: make(selected) for name, (make, _) in TABLES.items()}
    tables |= {"forecast": forecast(selected, target=wishes.get("target"))}
    tables |= {"options": options(selected, **wishes)}
    tables |= of_mistakes(selected, tables["accuracy"])
    tables |= {"fractions": pd.DataFrame({"dataset": selected["dataset"].unique()})}
    return tables | of_images(selected["dataset"].unique(), scored)


def of_means(**means: float) -> pd.DataFrame:
    """Runs whose methods have these mean accuracies, each with a little noise of its own."""
    names = {"scratch": SCRATCH, "transfer": TRANSFER, "probe": PROBE}
    rows = [
        runs(names[name], fraction, list(mean + np.roll(NOISE, number)), protocol="held-out")
        for number, (name, mean) in enumerate(means.items())
        for fraction in (0.01, 1.0)
    ]
    return pd.concat(rows, ignore_index=True)


def said(scored=(100,) * 7, **means: float) -> str:
    """The first sentence or two: which method to use, and with what odds."""
    return advice.opening(tables_of(of_means(**means), scored), ACCURACY, "clothes")[0]


def rising(per_tenfold: float, wishes=None, noise: float = 0.01, tuned: float | None = None):
    """The opening where transfer's accuracy is 0.7 and rises so fast, in logits per tenfold.

    With an accuracy of fine-tuning, that is tried with all labels alone.
    """
    made = tables_of(rising_runs(per_tenfold, noise, tuned), **(wishes or {}))
    return advice.opening(made, ACCURACY, "clothes")


def rising_runs(per_tenfold: float, noise: float = 0.01, tuned=None) -> pd.DataFrame:
    """The runs of that opening."""
    rows = [
        runs(
            method,
            fraction,
            list(expit(start + per_tenfold * np.log10(fraction)) + noise * NOISE / 0.003),
            protocol="held-out",
        )
        for method, start in ((TRANSFER, 0.85), (SCRATCH, 0.0))
        for fraction in (0.01, 0.1, 1.0)
    ]
    if tuned is not None:
        rows.append(runs(FINE_TUNING, 1.0, list(tuned + NOISE), protocol="held-out"))
    return pd.concat(rows, ignore_index=True)


def test_a_clear_winner_is_recommended_with_its_rival_and_the_odds():
    text = said(scratch=0.7, transfer=0.85, probe=0.8)
    assert text.startswith("On clothes, use transfer from vgg16: accuracy 0.850 [0.8")
    assert "on new images like these (the best of 3, so rather a little less); training" in text
    assert "; training from scratch reaches 0.700. " in text
    assert text.endswith("The probability that it is better by more than 2 points is 0.99.")


def test_transfer_is_the_best_of_its_family():
    assert said(scratch=0.7, transfer=0.8, probe=0.85).startswith(
        "On clothes, use the linear probe from vgg16: accuracy 0.850"
    )


def test_training_from_scratch_is_recommended_where_it_is_better():
    text = said(scratch=0.9, transfer=0.8)
    assert text.startswith("On clothes, use training from scratch: accuracy 0.900")
    assert "; transfer from vgg16 reaches 0.800. The probability that it is better" in text


def test_methods_that_are_practically_equal_are_told_so():
    text = said(scratch=0.800, transfer=0.801)
    assert text.endswith("Both are practically equal: the difference is within 2 points.")


def test_a_lead_within_the_noise_is_not_settled():
    text = said(scratch=0.800, transfer=0.820)
    assert "This is not settled: the probability that it is better by more than 2" in text or (
        text.endswith("is 0.50.")
    )


def test_a_rival_at_chance_is_told():
    assert "training from scratch reaches 0.140, not clearly better than a guess (0.143)" in said(
        scratch=0.14, transfer=0.6
    )


def test_nothing_is_recommended_where_nothing_beats_a_guess():
    text = said(scored=(90, 10), scratch=0.9, transfer=0.89)
    assert text == (
        "On clothes, use none of these methods yet: the best, training from scratch, scores "
        "0.900 [0.897, 0.904], and a guess that does not look at the images 0.900. More labels, "
        "or other images, come first."
    )


@pytest.mark.parametrize("best", [TRANSFER, SCRATCH])
def test_what_ran_once_is_luck(best):
    rows = [
        runs(method, 1.0, [0.9 if method == best else 0.5], protocol="held-out")
        for method in (SCRATCH, TRANSFER)
    ]
    selected = pd.concat(rows, ignore_index=True)
    text = advice.opening(tables_of(selected), ACCURACY, "clothes")[0]
    assert text.endswith("Their difference has no interval, so it may be luck.")


def test_labels_are_advised_where_they_probably_help():
    _, labels, *_ = rising(0.8)
    assert labels.startswith("Then label until there are 2 times as many images: accuracy 0.7")
    assert "is expected, and the probability of a gain of more than 2 points is 0." in labels


def test_the_fewest_labels_that_probably_help_are_advised():
    _, labels, *_ = rising(0.2)
    assert labels.startswith("Then label until there are 5 times as many images: ")


def test_a_method_tried_with_all_labels_alone_has_another_s_forecast(
    monkeypatch: pytest.MonkeyPatch,
):
    advised, labels, *_ = rising(0.8, tuned=0.8)
    assert advised.startswith("On clothes, use fine-tuning from vgg16: accuracy 0.8")
    assert labels.startswith(
        "Fine-tuning from vgg16 was tried with too few numbers of labels to be forecast. Transfer "
        "from vgg16, 0.70"
    )
    assert " now, is expected to reach 0.7" in labels
    assert "with 2 times as many images; the probability that it gains more than 2" in labels
    made = tables_of(rising_runs(0.8, tuned=0.8))
    assert ("vgg16", "transfer") in advice.standing(made, ACCURACY, "clothes").methods()
    more = forecast_sentences.more_labels(made, "clothes")
    expected = made["forecast"].query("method == 'transfer' and protocol == 'held-out'")
    for column in ("score", "gain", "p_better"):
        assert more[column].tolist() == expected[column].tolist()
    monkeypatch.setattr(option_rows, "_seconds", lambda *_: {})  # costs have their own tests
    judged = [row[0] for row in option_rows.shown(made, ACCURACY, "clothes").rows]
    assert "2 times the labels, transfer from vgg16 against itself now" in judged
    finding = findings.finding("decision", {"dataset": "clothes"}, made, ACCURACY)
    assert finding.startswith("5 times the labels are expected to bring transfer from vgg16 +")


def test_a_perfect_score_needs_no_stand_in():
    _, labels, *_ = rising(0.8, tuned=1 - NOISE)  # 1 in each run
    assert labels == "What more labels would bring cannot be told: no score can be higher."


def test_only_a_method_of_the_same_family_stands_in():
    selected = rising_runs(0.8, tuned=0.8)
    expected = forecast(selected)
    assert (expected.query("method == 'baseline'")["status"] == future.EXPECTED).all()
    expected.loc[expected["method"] == "transfer", "status"] = future.BACKTEST
    scores = tables_of(selected)["accuracy"]
    made = {"options": choices.options(selected, {}, ACCURACY, scores, expected)}
    assert set(forecast_sentences.more_labels(made, "clothes")["method"]) == {"fine-tuning"}


def test_a_target_that_is_reached_already_is_told_so():
    said = rising(0.8, {"target": 0.75}, tuned=0.8)
    reached = "The target, accuracy 0.750, is reached by fine-tuning from vgg16 with the labels at"
    assert any(sentence.startswith(reached) for sentence in said)
    said = rising(0.8, {"target": 0.9}, tuned=0.8)
    assert not any("is reached by" in sentence for sentence in said)


def test_nothing_stands_in_for_a_method_that_is_forecast():
    made = tables_of(rising_runs(0.8, tuned=0.5))
    assert forecast_sentences.stand_in(made, "clothes") is None
    methods = advice.standing(made, ACCURACY, "clothes").methods()
    assert methods == [TRANSFER, SCRATCH]


def test_labels_are_not_advised_where_they_will_bring_little():
    _, labels, *_ = rising(0.0)
    assert labels.startswith("More labels may bring little: with 5 times as many images, accuracy ")


def test_the_work_of_labeling_is_told_if_its_speed_is_known():
    row = {"dataset": "mine", "option": "labels", "method": "transfer", "backbone": "vgg16"}
    row |= {"times": 2, "new_labels": 300, "labeling_minutes": 150.0, "score": 0.8, "low": 0.7}
    row |= {"high": 0.9, "margin": 0.02, "p_better": 0.7, "status": "expected"}
    text = forecast_sentences.next_labels({"options": pd.DataFrame([row])}, ACCURACY, "mine")
    assert text.startswith(
        "Then label until there are 2 times as many images (about 300 more, 2.5 hours of work): "
    )


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (
            0.99,
            "No method here is expected to reach the target, accuracy 0.990, with 5 times the",
        ),
        (0.3, "To reach the target, accuracy 0.300, transfer from vgg16 needs at most 60"),
        (0.73, "To reach the target, accuracy 0.730, transfer from vgg16 needs "),
    ],
)
def test_a_target_is_answered_with_the_method_that_needs_the_fewest_labels(target, expected):
    assert rising(0.8, {"target": target})[2].startswith(expected)


def test_no_target_is_not_mentioned():
    assert not any("target" in sentence for sentence in rising(0.8))


def test_options_are_compared_with_the_recommended_method():
    table = options(of_means(scratch=0.7, transfer=0.85, probe=0.8), minutes_per_label=2)
    assert table["option"].tolist() == [
        "best",
        "method",
        "method",
        *["labels"] * 3,
        "untried",
    ]
    assert table["method"].tolist()[:3] == ["transfer", "linear-probe", "baseline"]
    assert table["gain"].tolist()[1:3] == pytest.approx([-0.05, -0.15])
    assert (table["p_worse"][1:3] > 0.99).all()
    assert table["outcome"][1:3].tolist() == ["worse", "worse"]
    assert table["status"].iloc[-1] == "not tried in this study"


def test_probabilities_of_an_option_add_up_to_one():
    table = options(of_means(scratch=0.8, transfer=0.81, probe=0.805))
    measured = table[table["option"] == "method"]
    total = measured[["p_better", "p_equal", "p_worse"]].sum(axis=1)
    assert total.tolist() == pytest.approx([1.0, 1.0])


@pytest.mark.slow
def test_the_answer_for_programs_says_what_the_text_says():
    made = tables_of(study())
    models = {"clothes": "results/model/clothes"}
    text = answer.write(made, ACCURACY, "results/report.html", models.values()).splitlines()
    found = json.loads(answer_json.write(made, ACCURACY, "results/report.html", models))
    said = [
        sentence
        for of in found["datasets"].values()
        for sentence in (" ".join(of["opening"]), of["looked_at"], *of["details"])
    ]
    assert text[: len(said)] == said
    assert text[len(said) :] == [
        *found["caveats"],
        "The model: results/model/clothes/",
        "The report: results/report.html",
    ]
    for dataset, of in found["datasets"].items():
        assert of["looked_at"] == looked_at(made, dataset)
        best = made["options"].query("dataset == @dataset").iloc[0]
        assert of["recommended"]["method"] == best["method"]
        assert of["recommended"]["score"] == pytest.approx(best["score"])
        assert f"{of['recommended']['score']:.3f}" in of["opening"][0]
        assert of["options"][0]["option"] == "best"


def test_a_control_is_never_the_method_that_reaches_the_target():
    methods = ((TRANSFER, 0.85), (("vgg16-random", "transfer"), 1.5), (SCRATCH, 0.0))
    rows = [
        runs(method, fraction, list(expit(logit) + NOISE), protocol="held-out")
        for method, start in methods
        for fraction in (0.01, 0.1, 1.0)
        for logit in [start + 0.8 * np.log10(fraction)]
    ]
    made = tables_of(pd.concat(rows, ignore_index=True), target=0.75)
    (sentence,) = [each for each in advice.opening(made, ACCURACY, "clothes") if "target" in each]
    assert "vgg16-random" not in sentence


def test_a_study_whose_backbones_stop_at_fewer_labels_is_answered():
    rows = [
        runs(method, fraction, list(mean + NOISE), protocol="held-out")
        for method, mean, fractions in (
            (SCRATCH, 0.8, (0.01, 0.1, 1.0)),
            (TRANSFER, 0.7, (0.01, 0.1)),
        )
        for fraction in fractions
    ]
    made = tables_of(pd.concat(rows, ignore_index=True))
    assert answer.best_transfer(made, ACCURACY, "clothes") == ("transfer", "vgg16")
    sentences = answer.details(made, ACCURACY)["clothes"]
    assert advice.opening(made, ACCURACY, "clothes")[0].startswith(
        "On clothes, use training from scratch: accuracy 0.8"
    )
    assert any("Transfer from vgg16, compared with" in each for each in sentences)


def test_the_opening_and_the_details_say_the_same_of_a_pair():
    for seed in range(5):
        made = tables_of(study({1.0: 5, 0.1: 5, 0.01: 5}, seed))
        found = advice.standing(made, ACCURACY, "clothes")
        gains = made["gains"].query("dataset == 'clothes' and protocol == 'held-out'")
        pair = gains[
            (gains["fraction"] == 1)
            & (gains["method"] == found.best["method"])
            & (gains["backbone"] == found.best["backbone"])
            & (gains["reference"] == found.rival["method"])
        ]
        for said in pair["outcome"]:
            assert advice.outcome(made, "clothes", found) == said
