"""Promises of the answer: sentences that follow from the tables, without other numbers."""

import re
from itertools import product

import numpy as np
import pandas as pd
import pytest

from studies import (
    REPLICATES,
    TABLES,
    of_images,
    of_mistakes,
    runs,
    study,
)
from transfer_gain.evaluation.statistics import BETTER, WORSE
from transfer_gain.metrics import ACCURACY
from transfer_gain.reporting import advice, answer, words
from transfer_gain.reporting.looked_at import looked_at

TRANSFER, SCRATCH = ("vgg16", "transfer"), ("none", "baseline")


def tables(selected: pd.DataFrame) -> dict[str, pd.DataFrame]:
    made = {name: make(selected) for name, (make, _) in TABLES.items()}
    made |= of_mistakes(selected, made["accuracy"])
    made |= {"fractions": pd.DataFrame({"dataset": selected["dataset"].unique()})}
    return made | of_images(selected["dataset"].unique())


def two_methods(gains: dict[float, list[float]], scratch: float = 0.5) -> dict[str, pd.DataFrame]:
    """A study of two methods: the gain of transfer in each replicate, by fraction."""
    noise = np.array([0.003, -0.001, 0.002, -0.004, 0.001, 0.0, -0.001, 0.002, -0.002, 0.001])
    rows = []
    for fraction, gained in gains.items():
        baseline = scratch + 0.1 * np.log10(fraction) + noise[: len(gained)]
        rows.append(runs(SCRATCH, fraction, list(baseline), protocol="held-out"))
        rows.append(runs(TRANSFER, fraction, list(baseline + gained), protocol="held-out"))
    return tables(pd.concat(rows, ignore_index=True))


def numbers_in(sentence: str) -> set[str]:
    """Return the numbers of a sentence, except those in names."""
    sentence = re.sub(r"\bvgg16\b|\bH[12]\b|p < 0\.001|2018 paper", "", sentence)
    return {found.replace(",", "") for found in re.findall(r"\d[\d,]*(?:\.\d+)?", sentence)}


def shown(value: float) -> set[str]:
    """Return every way in which a sentence may write a number from a table."""
    if not np.isfinite(value):
        return set()
    fraction = abs(value)
    written = {
        words.accuracy(fraction),
        words.points(fraction),
        words.count(fraction),
        words.times(fraction),
    }
    written |= {f"{fraction:.2g}", f"{fraction:g}", f"{fraction:.2f}", f"{100 * fraction:.0f}"}
    written.add(f"{min(max(fraction, 0.01), 0.99):.2f}")
    return {text.replace(",", "").lstrip("+") for text in written}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("replicates", [REPLICATES, {0.01: 1}, {0.1: 2, 0.01: 3}])
def test_every_number_in_a_sentence_is_in_the_tables(replicates, seed):
    made = tables(study(replicates, seed))
    values = {
        number
        for table in made.values()
        for value in table.select_dtypes("number").to_numpy().ravel()
        for number in shown(value)
    }
    texts = [
        text for table in made.values() for text in table.select_dtypes("str").to_numpy().ravel()
    ]
    values |= {number for text in texts for number in numbers_in(str(text))}
    values.add(words.accuracy(ACCURACY.chance(made["classes"]["scored"].to_numpy()[:7])))
    details = answer.details(made, ACCURACY)
    sentences = [each for several in details.values() for each in several]
    sentences += [each for name in details for each in advice.opening(made, ACCURACY, name)]
    others = (answer.hypotheses, answer.still_learning, answer.at_chance, answer.beside_the_report)
    sentences += [sentence for other in others for sentence in other(made, ACCURACY)]
    for sentence in sentences:
        assert numbers_in(sentence) - values == set(), sentence
        assert "nan" not in sentence
        assert sentence.endswith(".")


@pytest.mark.slow
def test_each_dataset_has_its_sentences():
    assert {
        name: len(each) for name, each in answer.details(tables(study()), ACCURACY).items()
    } == {
        "clothes": 5,
        "avatars": 5,
    }


def test_sentences_have_the_numbers_of_their_dataset_size_and_protocol():
    accuracies = {  # in steps that tell every place apart
        (dataset, protocol, fraction, method): 0.3 + step / 100
        for step, (dataset, protocol, fraction, method) in enumerate(
            product(
                ["clothes", "avatars"],
                ["same-images", "held-out"],
                [0.01, 1.0],
                [SCRATCH, TRANSFER],
            )
        )
    }
    made = tables(
        pd.concat(
            runs(method, fraction, [mean - 0.001, mean, mean + 0.002], dataset, protocol)
            for (dataset, protocol, fraction, method), mean in accuracies.items()
        )
    )
    for dataset, (small, large) in {"clothes": (0.350, 0.370), "avatars": (0.430, 0.450)}.items():
        best, gain, value, *_ = answer.details(made, ACCURACY)[dataset]
        assert re.findall(r"\d\.\d{3}(?= \[)", best) == [f"{small:.3f}", f"{large:.3f}"]
        assert re.findall(r"at ([\d,]*\d)", best) == ["60", "6,000"]
        assert re.findall(r"\+\d+\.\d(?= points)", gain) == ["+1.0", "+1.0"]
        assert "at 60 images per class" in gain
        assert "more than" in value  # at 6,000 images training from scratch is behind


def test_a_clear_winner_is_named_alone():
    made = two_methods({0.01: [0.2, 0.21, 0.19, 0.2, 0.2]})
    best, gain, value, *_ = answer.details(made, ACCURACY)["clothes"]
    assert "Most accurate on clothes: at 60 images per class, transfer from vgg16 (0.500" in best
    assert "perhaps also" not in best
    assert re.search(r"\+20\.0 points \[\+\d+\.\d, \+\d+\.\d\] at 60 images per class", gain)
    assert "(better)" in gain
    assert "more than" in value


def test_transfer_with_more_updates_is_a_reference_and_never_the_best():
    rows = [
        runs((backbone, method), 0.01, [mean, mean + 0.01, mean], protocol="held-out")
        for backbone, method, mean in (
            ("none", "baseline", 0.5),
            ("vgg16", "transfer", 0.6),
            ("vgg16", "transfer-extended", 0.7),
        )
    ]
    made = tables(pd.concat(rows))
    assert "transfer from vgg16 (0.603" in answer.best_methods(made, ACCURACY, "clothes")
    assert "more updates" not in answer.best_methods(made, ACCURACY, "clothes")
    best = made["accuracy"].set_index("method")["behind_best"]
    assert best["transfer"] == 0
    assert best["baseline"] == pytest.approx(0.1)


def test_a_tie_is_told():
    made = two_methods({0.01: [0.03, -0.03, 0.04, -0.04, 0.0]})
    best, gain, *_ = answer.details(made, ACCURACY)["clothes"]
    assert "perhaps also" in best
    assert gain.endswith("(undecided).")  # of how many images is not known


@pytest.mark.parametrize("sign", [1, -1])
def test_what_one_sentence_calls_worse_the_other_does_not_call_perhaps_the_best(sign):
    """With many methods, a pair may be told apart in table `gains` and not among all pairs."""
    made = two_methods({0.01: [0.03, -0.03, 0.04, -0.04, 0.01 * sign]})
    of_both = (made["gains"]["reference"] == "baseline").to_numpy()
    made["gains"].loc[of_both, "outcome"] = BETTER if sign > 0 else WORSE
    best, gain, *_ = answer.details(made, ACCURACY)["clothes"]
    assert f"({BETTER if sign > 0 else WORSE})" in gain
    assert "perhaps also" not in best


@pytest.mark.parametrize(
    ("gained", "said"),
    [
        ([-0.2, -0.21, -0.19, -0.2, -0.2], "worse"),
        ([0.0, 0.001, -0.001, 0.001, 0.0], "practically equal"),
    ],
)
def test_what_the_interval_shows_is_said_in_a_word(gained, said):
    _, gain, *_ = answer.details(two_methods({0.01: gained}), ACCURACY)["clothes"]
    assert gain.endswith(f"({said}).")


def test_an_undecided_gain_comes_with_the_images_that_would_decide():
    made = two_methods({0.01: [0.03, -0.03, 0.04, -0.04, 0.0]})
    made["gains"]["more_images"] = 900.0
    _, gain, *_ = answer.details(made, ACCURACY)["clothes"]
    assert gain.endswith("(undecided: would need about 900 more scored images).")


def test_one_replicate_has_no_interval_and_decides_nothing():
    best, gain, value, *_ = answer.details(two_methods({0.01: [0.3]}), ACCURACY)["clothes"]
    assert "one run only" in best
    assert "undecided with 1 replicate)" in gain
    assert not any("[" in sentence for sentence in (best, gain, value))


def test_more_labels_than_there_are_is_said_so():
    made = two_methods({1.0: [0.3, 0.31], 0.01: [0.0, 0.01]})
    _, _, value, *_ = answer.details(made, ACCURACY)["clothes"]
    assert "from scratch needs more than 6,000" in value


def test_transfer_is_the_best_of_its_family():
    rows = [
        runs(method, fraction, [mean, mean + 0.01, mean], protocol="held-out")
        for method, mean in ((SCRATCH, 0.5), (TRANSFER, 0.7), (("vgg16", "linear-probe"), 0.8))
        for fraction in (0.01, 1.0)
    ]
    made = tables(pd.concat(rows, ignore_index=True))
    assert answer.best_transfer(made, ACCURACY, "clothes") == ("linear-probe", "vgg16")
    gain = answer.gain(made, ACCURACY, "clothes")
    assert gain.startswith("The linear probe from vgg16, compared with training from scratch: +30")
    value = answer.label_value(made, ACCURACY, "clothes")
    assert value.startswith("One label with the linear probe from vgg16 is worth")


@pytest.mark.slow
def test_the_terminal_s_lines_are_the_sentences_and_the_place():
    made = tables(study())
    written = answer.write(made, ACCURACY, "results/report.html", ["results/model/mine"])
    *sentences, model, where = written.splitlines()
    assert model == "The model: results/model/mine/"
    each = [
        sentence
        for dataset, others in answer.details(made, ACCURACY).items()
        for sentence in (
            " ".join(advice.opening(made, ACCURACY, dataset)),
            looked_at(made, dataset),
            *others,
        )
    ]
    assert sentences == each + answer.caveats(made, ACCURACY) + answer.limits(made)
    assert where == "The report: results/report.html"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (words.points(0.1824), "+18.2"),
        (words.points(-0.004), "−0.4"),
        (words.points(-0.00001), "0.0"),
        (words.count(6000), "6,000"),
        (words.count(12.51), "12.5"),
        (words.times(4.84), "4.8"),
        (words.p_value(0.0004), "p < 0.001"),
        (words.interval(np.nan, np.nan, words.points), ""),
        (words.interval(2, np.inf, words.times), " [above 2]"),
        (words.interval(0, 9, words.times), " [below 9]"),
        (words.interval(0, np.inf, words.times), " [open]"),
        (words.listed(["a", "b", "c"]), "a, b and c"),
        (words.listed(["a"]), "a"),
    ],
)
def test_numbers_are_written_as_a_reader_expects(written, expected):
    assert written == expected


def test_a_reversed_verdict_stands_beside_the_p_value_of_its_own_test():
    made = two_methods({0.01: [0.2, 0.21, 0.19]})
    for verdict, p_value in (("reversed", 0.02), ("supported", 0.03)):
        values = {"verdict": verdict, "p_holm": 0.03, "p_reversed_holm": 0.02}
        made["hypotheses"] = made["hypotheses"].query("hypothesis == 'H1'").assign(**values)
        (sentence,) = answer.hypotheses(made, ACCURACY)
        assert sentence.endswith(f", p = {p_value}).")


def test_a_method_that_was_still_learning_is_told():
    made = two_methods({0.01: [0.2, 0.21, 0.19]})
    made["accuracy"]["levelled_off"] = np.where(made["accuracy"]["method"] == "baseline", 1 / 3, 1)
    (sentence,) = answer.still_learning(made, ACCURACY)
    assert "still falling at the end of most runs of training from scratch" in sentence
    assert "at 60 images per class" in sentence
    made["accuracy"]["levelled_off"] = 1.0
    assert answer.still_learning(made, ACCURACY) == []


def test_caveats_are_of_both_sides_of_the_gains_alone():
    rows = {SCRATCH: 0.5, TRANSFER: 0.7, ("other", "transfer"): 0.6, ("none", "augmentation"): 0.6}
    made = tables(
        pd.concat(
            runs(method, 0.01, [mean, mean + 0.01], protocol="held-out")
            for method, mean in rows.items()
        )
    )
    made["accuracy"]["levelled_off"] = 0.0
    (caveat,) = answer.caveats(made, ACCURACY)
    assert (
        "training from scratch (at 60 images per class) and transfer from vgg16 (at 60)" in caveat
    )
    assert "other" not in caveat
    assert "augmentation" not in caveat


def test_training_from_scratch_that_learned_nothing_is_told():
    made = two_methods({0.01: [0.2, 0.21, 0.19], 1.0: [0.1]}, scratch=0.35)  # 0.15, 0.35
    made |= of_images(["clothes"], scored=[150, 140, 140, 140, 140, 140, 150])
    learned_nothing, *_ = answer.caveats(made, ACCURACY)
    assert learned_nothing == (
        "On clothes, training from scratch (at 60 images per class) is not significantly better "
        "than always giving the same answer (0.150); training from scratch may have learned "
        "almost nothing, which inflates the gain."
    )
    made |= of_images(["clothes"], scored=[100] * 10)
    assert not any("the same answer" in caveat for caveat in answer.caveats(made, ACCURACY))


def test_nothing_is_said_of_labels_where_every_scored_image_is_right():
    made = two_methods({0.01: [0.1, 0.1, 0.1], 1.0: [0.1, 0.1, 0.1]})
    rows = made["label_value"].query("method == 'transfer' and fraction == 1").index
    made["label_value"].loc[rows, "accuracy"] = 1.0
    said = answer.label_value(made, ACCURACY, "clothes")
    assert said.endswith("not known at 6,000 (no score can be higher).")


def test_every_method_at_chance_is_told():
    """95 images of one class and 5 of another, of noise: all answer the larger class."""
    made = two_methods({0.01: [0.0, 0.0, 0.0]}, scratch=1.12)
    made |= of_images(["clothes"], scored=[48, 2])
    (said,) = [text for text in answer.caveats(made, ACCURACY) if "the same answer" in text]
    assert "transfer from vgg16" in said
    assert "training from scratch (at 60 images per class)" in said
    assert "are not significantly better than always giving the same answer (0.960)" in said


def test_a_method_that_is_behind_by_the_same_each_time_is_not_said_to_be_near():
    made = two_methods({0.01: [0.25, 0.25, 0.25]})
    assert made["accuracy"]["behind_p_holm"].isna().all()
    best = answer.best_methods(made, ACCURACY, "clothes")
    assert ", not tested against training from scratch" in best
    assert "perhaps also" not in best


def costing(seconds: dict[tuple[str, str], float | None]) -> pd.DataFrame:
    """Planned costs of methods on clothes, by backbone and method."""
    return pd.DataFrame(
        [
            {"dataset": "clothes", "backbone": backbone, "method": method, "seconds": each}
            for (backbone, method), each in seconds.items()
        ]
    )


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        ((9, 30), "at 60, training from scratch is the cheapest."),
        ((90, 30), "at 60, transfer from vgg16 is the cheapest."),
        ((9, None), ""),
    ],
)
def test_the_cheapest_of_those_that_may_be_the_best_is_named(seconds, said):
    made = two_methods({0.01: [0.03, -0.03, 0.04, -0.04, 0.0]})
    assert answer.cheapest(made, ACCURACY, "clothes") == ""  # of which nothing is known
    made["planned_costs"] = costing(dict(zip((SCRATCH, TRANSFER), seconds, strict=True)))
    found = answer.cheapest(made, ACCURACY, "clothes")
    assert found == (said and f"Of those that may be the best {said}")
    best, *_ = answer.details(made, ACCURACY)["clothes"]
    assert best.endswith(f". {found}" if found else "perhaps also transfer from vgg16.")


@pytest.mark.parametrize("gained", [[0.2, 0.21, 0.19], [0.25, 0.25, 0.25], [0.3]])
def test_what_is_worse_or_was_not_tested_is_not_the_cheapest(gained):
    made = two_methods({0.01: gained})
    made["planned_costs"] = costing({SCRATCH: 1, TRANSFER: 30})
    assert answer.cheapest(made, ACCURACY, "clothes") == ""


def test_what_may_be_a_guess_is_not_the_cheapest():
    made = two_methods({0.01: [0.03, -0.03, 0.04, -0.04, 0.0]})
    made["planned_costs"] = costing({SCRATCH: 1, TRANSFER: 30})
    assert answer.cheapest(made, ACCURACY, "clothes")
    is_ours = made["accuracy"]["method"] == "baseline"
    made["accuracy"].loc[is_ours, "ci_low"] = 0.1
    assert answer.cheapest(made, ACCURACY, "clothes") == ""


def test_a_control_is_not_the_cheapest():
    rows = [
        runs(method, 0.01, [0.6 + noise, 0.6, 0.61], protocol="held-out")
        for method, noise in ((TRANSFER, 0.02), (("vgg16-random", "transfer"), 0.0))
    ]
    selected = pd.concat(rows, ignore_index=True)
    made = {name: TABLES[name][0](selected) for name in ("accuracy", "gains")}
    made |= of_images(["clothes"]) | {"planned_costs": costing({TRANSFER: 30})}
    assert made["accuracy"]["may_be_best"].astype(bool).all()
    assert answer.cheapest(made, ACCURACY, "clothes") == ""


def test_a_weaker_published_baseline_is_told():
    made = two_methods({0.01: [0.2, 0.21, 0.19]})
    is_ours = made["accuracy"]["method"] == "baseline"
    made["accuracy"]["published"] = np.where(is_ours, 0.1, np.nan)
    (sentence, *_) = answer.beside_the_report(made, ACCURACY)
    assert "at 60 images per class, the 2018 paper reports 0.100" in sentence
    made["accuracy"]["published"] = np.where(is_ours, 0.99, np.nan)
    assert answer.beside_the_report(made, ACCURACY) == []


def test_what_ran_once_is_not_told_apart_from_anything():
    best, *_ = answer.details(two_methods({0.01: [0.3]}), ACCURACY)["clothes"]
    assert "one run only, so differences are not tested)" in best
    assert "perhaps also" not in best


def test_it_is_said_what_no_table_can_show():
    made = tables(study())
    about, alone = answer.limits(made)
    assert "new images like these" in about
    assert "No image of clothes and avatars is known to belong to another" in alone
    groups = pd.DataFrame({"dataset": ["clothes", "avatars"], "training_groups": [12, np.nan]})
    _, alone = answer.limits(made | {"fractions": groups})
    assert "No image of avatars is known" in alone
