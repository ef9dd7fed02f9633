"""Promises of the schedule of a run: its length, and when it is evaluated."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfer_gain import schedule


@given(st.integers(1, 500), st.integers(0, 5000), st.integers(1, 1000))
def test_a_run_is_no_shorter_than_its_epochs_and_updates_and_no_longer(epochs, updates, batches):
    length = schedule.training_epochs(epochs, updates, batches)
    assert length >= epochs
    assert length * batches >= updates
    assert length == epochs or (length - 1) * batches < updates


@pytest.mark.parametrize(
    ("images", "min_updates", "expected"),
    [(42, 1000, 1000), (420, 1000, 112), (4200, 1000, 20), (42000, 1000, 20), (42, 0, 20)],
)
def test_the_length_of_the_studies_runs(images: int, min_updates: int, expected: int):
    assert schedule.training_epochs(20, min_updates, math.ceil(images / 50)) == expected


@given(st.integers(1, 3000), st.integers(1, 300), st.integers(1, 60))
def test_a_run_is_evaluated_at_its_end_at_the_landmark_and_not_often(epochs, landmark, evaluations):
    evaluated = schedule.evaluation_epochs(epochs, landmark, evaluations)
    assert evaluated == sorted(set(evaluated))
    assert evaluated[0] >= 1
    assert evaluated[-1] == epochs
    assert min(landmark, epochs) in evaluated
    assert len(evaluated) <= evaluations + 1
    # Evenly: no gap between evaluations is longer than the even one, rounded.
    assert max(np.diff([0, *evaluated])) <= math.ceil(epochs / evaluations) + 1


def test_evaluations_stay_within_the_designs_fifty():
    assert all(len(schedule.evaluation_epochs(epochs, 20)) <= 50 for epochs in range(1, 2000))
    assert schedule.evaluation_epochs(20, 20, evaluations=20) == list(range(1, 21))


@pytest.mark.parametrize(
    ("images", "updates"),
    [(42 * 6, 1002), (420 * 6, 1020), (42, 1000), (420, 1008)],  # 5 copies and the image itself
)
def test_a_run_makes_as_many_updates_as_its_images_and_length_ask_for(images, updates):
    assert schedule.training_updates(images, batch_size=50, epochs=20, min_updates=1000) == updates


@given(st.integers(1, 3000))
def test_what_a_run_is_judged_by_is_evaluated_by_every_schedule(epochs):
    every, sparse, last = (
        schedule.epochs_evaluated(evaluate, epochs, 20, 5)
        for evaluate in (schedule.EVERY_EPOCH, schedule.SPARSELY, schedule.LAST_FIFTH)
    )
    assert every == list(range(1, epochs + 1))
    assert sparse == schedule.evaluation_epochs(epochs, 20, 5)
    assert last == sorted({schedule.before_last_fifth(epochs), epochs})
    assert set(last) <= set(sparse)


def test_an_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match="hourly"):
        schedule.epochs_evaluated("hourly", 20, 20, 5)
