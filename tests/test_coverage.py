"""The promise of intervals: they contain the truth about new images as often as they say.

`make test-coverage` simulates hundreds of studies and writes its table. These tests hold the table
to the goals, the page to the table, and a few new studies to the promise.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import coverage
import probabilities
import solar_draws
from coverage import CROSS_FITTED, GAIN, MULTIPLIER, SCORE, SPLIT
from simulated import DESIGNS
from transfer_gain.evaluation.statistics import BETTER, WORSE
from transfer_gain.names import BASELINE, BASELINE_2018

TABLE = pd.read_csv(coverage.TABLE)
DRAWS = pd.read_csv(solar_draws.TABLE)
TOLD = pd.read_csv(probabilities.TABLE)
WITH_INTERVALS = TABLE[TABLE["none"] < 0.5]


def least(expected: float, studies: int) -> float:
    """The least share that chance leaves of an expected one, in any of some hundred rows."""
    return expected - 3.3 * (expected * (1 - expected) / studies) ** 0.5


@pytest.mark.parametrize("kind", [SPLIT, CROSS_FITTED])
@pytest.mark.parametrize("quantity", [SCORE, GAIN, MULTIPLIER])
def test_intervals_contained_the_truth_in_93_of_100_studies(kind, quantity):
    rows = (WITH_INTERVALS["kind"] == kind) & (WITH_INTERVALS["quantity"] == quantity)
    own = WITH_INTERVALS[rows]
    assert set(own["design"]) == {design.name for design in DESIGNS}
    for row in own.itertuples():
        assert row.covered >= least(0.93, row.studies), row
    assert own["covered"].mean() >= 0.93


def test_studies_without_a_gain_claimed_one_in_5_of_100_at_most():
    own = TABLE[(TABLE["quantity"] == GAIN) & (TABLE["method"] == BASELINE_2018)]
    assert (own["truth"] == 0).all()
    for row in own.itertuples():
        assert 1 - row.claimed >= least(0.95, row.studies), row
    assert own["claimed"].mean() <= 0.05


def test_the_page_has_the_numbers_of_the_table():
    text = coverage.PAGE.read_text()
    assert coverage.page(text, TABLE) == text


def test_what_300_photographs_told_was_so_in_the_world():
    found = solar_draws.summarized(DRAWS)
    assert set(found["quantity"]) == {SCORE, GAIN, MULTIPLIER}
    for row in found.itertuples():
        assert row.covered >= least(0.93, row.draws), row
    assert found.groupby("quantity")["covered"].mean().min() >= 0.93
    assert found["wrong"].mean() <= 0.05


def test_the_page_has_the_numbers_of_the_draws():
    text = solar_draws.PAGE.read_text()
    assert solar_draws.page(text, DRAWS) == text


def test_the_page_has_the_numbers_of_the_probabilities():
    text = probabilities.PAGE.read_text()
    assert probabilities.page(text, TOLD) == text


def test_a_gain_told_to_be_probable_is_above_the_margin_as_often():
    own = TOLD[TOLD["quantity"] == probabilities.P_BETTER]
    assert set(own["kind"]) == {SPLIT, CROSS_FITTED}
    for row in own.itertuples():
        error = (row.told * (1 - row.told) / row.studies) ** 0.5
        if row.told > 0.5:
            assert row.share >= row.told - 3.3 * error, row
        else:
            assert row.share <= row.told + 3.3 * error, row


@pytest.mark.slow
@pytest.mark.parametrize("kind", [SPLIT, CROSS_FITTED])
def test_gains_of_new_studies_are_above_the_margin_about_as_often_as_told(kind):
    rows = pd.DataFrame(probabilities.probabilities(kind, 300, seed=7)).dropna()
    told, above = (np.average(rows[name], weights=rows["studies"]) for name in ("told", "share"))
    assert above == pytest.approx(told, abs=0.08)
    surest = rows.iloc[-1]
    assert surest["share"] >= least(0.85, surest["studies"])
    found = probabilities.best(kind, "five equal methods", 200, seed=7)
    assert found["share"] >= least(0.93, 200)


def test_the_interval_of_the_best_of_five_contains_its_accuracy():
    for row in TOLD[TOLD["quantity"] == probabilities.BEST].itertuples():
        assert row.share >= least(0.93, row.studies), row


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "studies"), [(SPLIT, 6), (CROSS_FITTED, 3)])
def test_new_studies_keep_the_promise(kind, studies):
    """Intervals over replicates alone contain the truth in 43 to 90 of 100 studies."""
    design = DESIGNS[0]
    made = coverage.tell(design, kind, range(10_000, 10_000 + studies))
    made = made[(made["quantity"] != MULTIPLIER) & made["low"].notna()]
    truths = TABLE[[*coverage.NAMES, "truth"]]
    known = made.merge(truths, on=coverage.NAMES)
    assert len(known) == len(made) > 15 * studies
    within = (known["low"] <= known["truth"]) & (known["truth"] <= known["high"])
    assert within.mean() > 0.88
    no_gain = known[(known["quantity"] == GAIN) & (known["method"] == BASELINE_2018)]
    assert not no_gain["outcome"].isin([BETTER, WORSE]).any()
    # They are not so wide that they say nothing.
    of_baseline = known[(known["quantity"] == SCORE) & (known["method"] == BASELINE)]
    assert (of_baseline["high"] - of_baseline["low"]).mean() < 0.35
