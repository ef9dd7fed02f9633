"""A small residual network with batch normalization, trained from scratch on the images.

He et al., "Deep residual learning for image recognition" (CVPR 2016): a convolution, then stages of
one block of two 3 × 3 convolutions with a shortcut, average pooling and a softmax. Stem and stages
halve the sides.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from transfer_gain.data import trivial_augment
from transfer_gain.data.replicates import Replicates
from transfer_gain.methods import heads
from transfer_gain.training import loop
from transfer_gain.training.devices import tf
from transfer_gain.training.loop import Augmentation, Network, Parameters, Trained

# Of batch normalization: added to variances; weight of the past in the averages of moments, as in
# PyTorch. Keras' 0.99 would remember the start of a run of 200 updates.
EPSILON, MOMENTUM = 1e-5, 0.9
KERNEL = 3
# Activations of this many images take some ten MB.
SCORED_AT_ONCE = 128


def kernel_shapes(channels: int, filters: Sequence[int]) -> list[tuple[int, int, int, int]]:
    """Return the shapes of all convolutions: the stem's, and two and a shortcut's for each stage.

    Args:
        channels: channels of an image.
        filters: filters of each stage; the stem has those of the first.
    """
    shapes = [(KERNEL, KERNEL, channels, filters[0])]
    for before, after in zip([filters[0], *filters], filters, strict=False):
        shapes += [(KERNEL, KERNEL, before, after), (KERNEL, KERNEL, after, after)]
        shapes.append((1, 1, before, after))
    return shapes


def initial_parameters(
    rng: np.random.Generator, channels: int, classes: int, filters: Sequence[int]
) -> list[np.ndarray]:
    """Draw one network's parameters.

    Returns:
        float32 arrays: for each of `kernel_shapes` kernel, scale (filters,) and offset (filters,);
        then kernel and bias of the softmax layer.
    """
    parameters = []
    for shape in kernel_shapes(channels, filters):
        parameters += [
            loop.glorot_uniform(rng, *shape),
            np.ones(shape[-1], np.float32),
            np.zeros(shape[-1], np.float32),
        ]
    return [*parameters, *heads.initial_parameters(rng, filters[-1], (), classes)]


def logits(
    parameters: Parameters,
    averages: Parameters,
    images: tf.Tensor,
    weights: tf.Tensor | None = None,
) -> tf.Tensor:
    """Return each class's logit.

    Args:
        parameters: parameters of `initial_parameters`, with a leading axis of replicates.
        averages: mean and variance (replicates, filters) for each convolution.
        images: uint8 (replicates, images, height, width, channels), or (1, images, ...) if all
            replicates share them.
        weights: in training, the weights of the images (replicates, images): images are normalized
            by the moments of their batch, and the averages updated. Without, by the averages.

    Returns:
        (replicates, images, classes)
    """
    replicates = parameters[0].shape[0]
    values = []
    for replicate in range(replicates):
        own = [parameter[replicate] for parameter in parameters[:-2]]
        moments = [average[replicate] for average in averages]
        batch = images[replicate if images.shape[0] == replicates else 0]
        share = None
        if weights is not None:
            share = weights[replicate] / tf.reduce_sum(weights[replicate])
        features, found = _features(own, moments, tf.cast(batch, tf.float32) / 255, share)
        if share is not None:
            for average, moment in zip(averages, found, strict=True):
                updated = MOMENTUM * average[replicate] + (1 - MOMENTUM) * moment
                average.scatter_update(tf.IndexedSlices(updated, replicate))
        values.append(features)
    return heads.logits(parameters[-2:], tf.stack(values), tf.nn.relu)


def _features(
    parameters: Sequence[tf.Tensor],
    moments: Sequence[tf.Tensor],
    images: tf.Tensor,
    share: tf.Tensor | None,
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Return the pooled features (images, filters) of one replicate, and the moments used."""
    used: list[tf.Tensor] = []

    def convolve(values: tf.Tensor, stride: int) -> tf.Tensor:
        place = len(used) // 2
        kernel, scale, offset = parameters[3 * place : 3 * place + 3]
        values = tf.nn.conv2d(values, kernel, stride, "SAME")
        if share is None:
            mean, variance = moments[2 * place : 2 * place + 2]
        else:
            # Padding has no share in the moments.
            each = tf.reduce_mean(values, [1, 2]), tf.reduce_mean(tf.square(values), [1, 2])
            mean, square = (tf.linalg.matvec(part, share, transpose_a=True) for part in each)
            variance = tf.maximum(square - tf.square(mean), 0)
        used.extend([mean, variance])
        factor = scale * tf.math.rsqrt(variance + EPSILON)
        return values * factor + (offset - mean * factor)

    values = tf.nn.relu(convolve(images, 2))
    for _ in range((len(parameters) // 3 - 1) // 3):
        inner = convolve(tf.nn.relu(convolve(values, 2)), 1)
        values = tf.nn.relu(inner + convolve(values, 2))
    return tf.reduce_mean(values, [1, 2]), used


def train(
    data: Replicates,
    *,
    network: Mapping[str, Any],
    learning_rate: float,
    l2: float,
    ranges: Mapping[str, Any],
    **settings: Any,
) -> Trained:
    """Train one network on every replicate's sample of images, with TrivialAugment.

    Args:
        data: pixels, uint8 (images, height, width, channels), labels, samples and validation roles.
        network: filters of each stage.
        learning_rate: learning rate of Adam.
        l2: weight of the penalty.
        ranges: `shift` and `flip`, see `trivial_augment.draw`.
        settings: the other arguments of `loop.train`.

    Returns:
        As `loop.train`; the averages of the moments follow the parameters.
    """
    filters, channels = network["filters"], data.features.shape[-1]
    sizes = [shape[-1] for shape in kernel_shapes(channels, filters)]
    averages = [
        tf.Variable(fill((len(data.samples), size)))
        for size in sizes
        for fill in (tf.zeros, tf.ones)
    ]
    described = Network(
        initial=lambda rng: initial_parameters(rng, channels, data.classes, filters),
        logits=lambda parameters, images: logits(parameters, averages, images),
        training_logits=lambda parameters, images, weights: logits(
            parameters, averages, images, weights
        ),
        averages=averages,
        configuration={
            "layers": "resnet" + "-".join(map(str, filters)),
            "activation": "relu",
            "learning_rate": learning_rate,
            "l2": l2,
        },
        scored_at_once=SCORED_AT_ONCE,
    )
    changes = Augmentation(
        draw=lambda rng, count: trivial_augment.draw(rng, count, **ranges),
        apply=trivial_augment.apply,
    )
    return loop.train(
        data, described, learning_rate=learning_rate, l2=l2, augmentation=changes, **settings
    )
