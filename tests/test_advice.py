"""Promises of the advice: on studies made for it, each piece of advice is the right one."""

import numpy as np
import pandas as pd
import pytest

from studies import TABLES, of_images, runs
from transfer_gain.metrics import ACCURACY
from transfer_gain.reporting.advice import advice

SCRATCH, TRANSFER, PROBE = ("none", "baseline"), ("vgg16", "transfer"), ("vgg16", "linear-probe")
NOISE = np.array([0.003, -0.001, 0.002, -0.004, 0.001])


def said(scored=(100,) * 7, **means: float) -> str:
    """The advice where methods have these mean accuracies, each with a little noise of its own."""
    names = {"scratch": SCRATCH, "transfer": TRANSFER, "probe": PROBE}
    rows = [
        runs(names[name], fraction, list(mean + np.roll(NOISE, number)), protocol="held-out")
        for number, (name, mean) in enumerate(means.items())
        for fraction in (0.01, 1.0)
    ]
    selected = pd.concat(rows, ignore_index=True)
    tables = {name: make(selected) for name, (make, _) in TABLES.items()}
    return advice(tables | of_images(["clothes"], scored), ACCURACY, "clothes")


def test_a_clear_winner_is_recommended_with_its_rival_and_the_odds():
    text = said(scratch=0.7, transfer=0.85, probe=0.8)
    assert text.startswith("On clothes, use transfer from vgg16: accuracy 0.850 [0.8")
    assert "on new images like these; training from scratch reaches 0.700. " in text
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
    assert "training from scratch reaches 0.140, not clearly more than a guess (0.143)" in said(
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
    tables = {name: make(selected) for name, (make, _) in TABLES.items()}
    text = advice(tables | of_images(["clothes"]), ACCURACY, "clothes")
    assert text.endswith("Each was trained once, so the difference may be luck.")
