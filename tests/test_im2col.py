"""Promises of the convolution with pooling: equal to TensorFlow's, for any window size."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from transfer_gain.training import im2col

pytestmark = pytest.mark.usefixtures("tensorflow")


def by_tensorflow(tf, images, kernel, stride, pooling):
    pooled = tf.nn.max_pool2d(
        tf.nn.conv2d(images, kernel, stride, "SAME"), pooling, pooling, "VALID"
    )
    # (images, rows, columns, filters) to (windows * images, filters)
    return tf.reshape(tf.transpose(pooled, (1, 2, 0, 3)), (-1, kernel.shape[-1]))


def ours(images, kernel, stride, pooling):
    geometry = im2col.Geometry(kernel.shape[0], stride, pooling)
    (patches,) = im2col.im2col(images[None], geometry)
    return im2col.convolve_and_pool(patches, kernel, pooling**2)


# The windows of the default baseline and of baseline-2018.
@example(sides=(64, 64), channels=1, kernel=5, stride=2, pooling=4)
@example(sides=(64, 64), channels=1, kernel=5, stride=2, pooling=8)
@example(sides=(3, 5), channels=3, kernel=7, stride=1, pooling=1)
@settings(deadline=None)
@given(
    sides=st.tuples(st.integers(9, 14), st.integers(9, 14)),
    channels=st.sampled_from([1, 3]),
    kernel=st.integers(1, 6),
    stride=st.integers(1, 3),
    pooling=st.integers(1, 3),
)
def test_values_and_gradients_are_those_of_tensorflow(sides, channels, kernel, stride, pooling):
    from transfer_gain.training.devices import tf

    rng = np.random.default_rng(0)
    images = tf.constant(rng.standard_normal((2, *sides, channels)), tf.float32)
    weights = tf.constant(rng.standard_normal((kernel, kernel, channels, 4)), tf.float32)
    results = []
    for compute in (ours, lambda *given: by_tensorflow(tf, *given)):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            pooled = compute(images, weights, stride, pooling)
            loss = tf.reduce_sum(pooled * tf.range(float(pooled.shape[0]))[:, None])
        results.append((pooled.numpy(), tape.gradient(loss, weights).numpy()))
    for mine, theirs in zip(*results, strict=True):
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-2)


def test_places_that_see_the_same_share_the_gradient_of_one():
    from transfer_gain.training.devices import tf

    # A flat image: all places of a window inside it tie.
    images = tf.ones((1, 12, 12, 1))
    weights = tf.ones((3, 3, 1, 1))
    with tf.GradientTape() as tape:
        tape.watch(weights)
        pooled = ours(images, weights, 1, 2)
    inner = pooled.numpy().reshape(6, 6)[1:-1, 1:-1]
    np.testing.assert_array_equal(inner, 9)
    # Each of 36 windows gives its gradient to the pixels that it sees: 9 times 1, or fewer at the
    # edge if the best place is an inner one.
    np.testing.assert_allclose(tape.gradient(pooled, weights).numpy(), 36)
