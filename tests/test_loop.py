"""Promises of the training loop: initialization, and Adam as published."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer_gain import schedule
from transfer_gain.data import rows
from transfer_gain.training import loop


@pytest.mark.parametrize(("fan_in", "fan_out"), [(2048, 100), (100, 50), (25, 7), (1, 1)])
def test_glorot_is_uniform_within_its_bounds(fan_in: int, fan_out: int):
    rng = np.random.default_rng(1)
    draws = [loop.glorot_uniform(rng, fan_in, fan_out) for _ in range(-(-20_000 // fan_in))]
    assert draws[0].shape == (fan_in, fan_out)
    assert draws[0].dtype == np.float32
    limit = math.sqrt(6 / (fan_in + fan_out))
    values = np.concatenate([draw.ravel() for draw in draws])
    assert np.abs(values).max() <= np.float32(limit)
    shares = np.histogram(values / limit, bins=4, range=(-1, 1))[0] / len(values)
    np.testing.assert_allclose(shares, 0.25, atol=0.02)
    assert (draws[0] != draws[1]).any()


def adam(gradients: list[float], learning_rate: float) -> float:
    """Return where Adam goes from 0 (Kingma & Ba 2015, its section 2's efficient order)."""
    value = mean = square = 0.0
    for update, gradient in enumerate(gradients, start=1):
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        rate = learning_rate * math.sqrt(1 - 0.999**update) / (1 - 0.9**update)
        value -= rate * mean / (math.sqrt(square) + 1e-7)
    return value


def test_adam_by_hand_with_pauses_for_the_caller(tensorflow):
    tf = tensorflow
    gradients = np.array([[1, -2], [0.5, 0], [-3, 1e-6], [2, 4], [0.1, 0.2]], np.float32)
    batches = np.arange(5, dtype=np.int32)[:, None, None].repeat(2, axis=1)  # (updates, 2, 1)

    def run(pauses: list[int]) -> list[list[float]]:
        (parameter,) = parameters = [tf.Variable(tf.zeros(2))]

        def loss(parameters, batch):  # its gradient is the row that the batch names
            return tf.reduce_sum(parameters[0] * tf.gather(tf.constant(gradients), batch[0, 0]))

        seen = []
        for pause, done in zip(
            pauses, loop.fit(parameters, loss, [batches], 0.01, pauses), strict=True
        ):
            assert done == pause
            seen.append(parameter.numpy().tolist())
        return seen

    often, once = run([1, 2, 3, 4, 5]), run([5])
    for updates, values in enumerate(often, start=1):
        expected = [adam([float(g) for g in column[:updates]], 0.01) for column in gradients.T]
        np.testing.assert_allclose(values, expected, rtol=2e-4)
    assert once == often[-1:]


def test_the_penalty_is_the_sum_of_squares_and_pulls_each_replicate_by_itself(tensorflow):
    tf = tensorflow
    kernels = [tf.Variable([[[1.0, -2.0]], [[3.0, 4.0]]]), tf.Variable([[[5.0]], [[6.0]]])]
    with tf.GradientTape() as tape:
        penalty = loop.penalty(kernels, 0.1)
    assert float(penalty) == pytest.approx(0.1 * (1 + 4 + 9 + 16 + 25 + 36))
    for kernel, gradient in zip(kernels, tape.gradient(penalty, kernels), strict=True):
        np.testing.assert_allclose(gradient, 0.2 * kernel.numpy(), rtol=1e-6)


@settings(deadline=None)
@given(st.integers(5, 2000), st.integers(0, 10**6))
def test_a_run_has_levelled_off_by_its_last_fifth_alone(epochs, seed):
    stops = schedule.evaluation_epochs(epochs, landmark=20)
    losses = np.random.default_rng(seed).uniform(0, 0.02, len(stops))
    history = pd.DataFrame({"replicate": 0, "epoch": stops, "train_loss": losses})
    before = losses[stops.index(round(0.8 * epochs))]
    assert rows.levelled_off(history).tolist() == [before - losses[-1] < rows.STILL_FALLING]


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ({1: 0.5}, False),  # only evaluated at its end
        ({1: 0.5, 2: 0.4}, False),
        ({1: 0.5, 2: 0.495}, True),
        ({1: 0.5, 2: 0.3, 3: 0.1}, False),
        ({1: 0.9, 16: 0.5, 20: 0.495}, True),
        ({1: 0.9, 16: 0.5, 20: 0.4}, False),
        ({1: 0.5, 16: 0.3, 20: 0.4}, True),  # it falls no more
        ({10: 0.5, 20: 0.5}, True),
    ],
)
def test_a_loss_that_still_falls_has_not_levelled_off(losses, expected):
    history = pd.DataFrame({"replicate": 0, "epoch": [*losses], "train_loss": [*losses.values()]})
    assert rows.levelled_off(history).tolist() == [expected]
