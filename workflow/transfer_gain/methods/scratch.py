"""The baseline: one convolutional layer and dense layers, trained from scratch on the images."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from transfer_gain.data import augmentation, rows
from transfer_gain.data.replicates import Replicates, of_part, read_replicates
from transfer_gain.methods import heads
from transfer_gain.training import loop
from transfer_gain.training.devices import tf
from transfer_gain.training.im2col import Geometry, convolve_and_pool, im2col
from transfer_gain.training.loop import Augmentation, Network, Parameters, Trained


def initial_parameters(
    rng: np.random.Generator,
    image: Sequence[int],
    classes: int,
    *,
    filters: int,
    kernel: int,
    stride: int,
    pooling: int,
    units: Sequence[int],
) -> list[np.ndarray]:
    """Draw one network's parameters: a kernel and a zero bias for each layer.

    Args:
        rng: random generator.
        image: height, width and channels of an image.
        classes: units of the softmax.
        filters: number of filters of the convolution.
        kernel: side of its window in pixels.
        stride: stride of the convolution.
        pooling: side and stride of the max-pooling after it.
        units: units of the hidden dense layers.

    Returns:
        float32 arrays: kernel (window, window, channels, filters), bias (filters,), kernel (fan_in,
        fan_out), bias (fan_out,), ...
    """
    *sides, channels = image
    height, width = map(Geometry(kernel, stride, pooling).windows, sides)
    convolution = loop.glorot_uniform(rng, kernel, kernel, channels, filters)
    dense = heads.initial_parameters(rng, height * width * filters, units, classes)
    return [convolution, np.zeros(filters, np.float32), *dense]


def logits(
    parameters: Parameters, images: tf.Tensor, activation: Callable, stride: int, pooling: int
) -> tf.Tensor:
    """Return each class's logit.

    Args:
        parameters: parameters of `initial_parameters`, with a leading axis of replicates.
        images: uint8 (replicates, images, height, width, channels), or (1, images, ...) if all
            replicates share them.
        activation: activation of all layers except the last.
        stride: stride of the padded convolution.
        pooling: side and stride of the max-pooling.

    Returns:
        (replicates, images, classes)
    """
    kernels, biases, *dense = parameters
    replicates, kernel, _, _, filters = kernels.shape
    patches = im2col(images, Geometry(kernel, stride, pooling))
    maps = []
    for replicate in range(replicates):
        own = patches[replicate if len(patches) == replicates else 0]
        # Pool before adding the bias and activating: both are monotone, so the result is the same
        # with less work.
        pooled = convolve_and_pool(own, kernels[replicate] / 255, pooling**2)
        maps.append(activation(pooled + biases[replicate]))
    maps = tf.reshape(tf.stack(maps), (replicates, -1, tf.shape(images)[1], filters))
    features = tf.transpose(maps, (0, 2, 1, 3))
    flat = tf.reshape(features, (replicates, -1, dense[0].shape[1]))
    return heads.logits(dense, flat, activation)


def train(
    data: Replicates,
    *,
    network: Mapping[str, Any],
    learning_rate: float,
    l2: float,
    ranges: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Trained:
    """Train one network on every replicate's sample of images.

    Args:
        data: pixels, uint8 (images, height, width, channels), labels, samples and validation roles.
        network: filters, kernel, stride, pooling, units and activation (a name in `tf.nn`).
        learning_rate: learning rate of Adam.
        l2: weight of the penalty.
        ranges: ranges of the augmentation of every batch (see `augmentation.draw_transforms`); None
            for no augmentation.
        settings: the other arguments of `loop.train`.
    """
    shape = {key: value for key, value in network.items() if key != "activation"}
    activate = getattr(tf.nn, network["activation"])
    convolution = "conv{filters}x{kernel}s{stride}p{pooling}".format(**shape)
    described = Network(
        initial=lambda rng: initial_parameters(rng, data.features.shape[1:], data.classes, **shape),
        logits=lambda parameters, images: logits(
            parameters, images, activate, shape["stride"], shape["pooling"]
        ),
        configuration={
            "layers": "-".join([convolution, *map(str, shape["units"])]),
            "activation": network["activation"],
            "learning_rate": learning_rate,
            "l2": l2,
        },
        # The patches of this many images of a replicate fit into the processor's cache.
        scored_at_once=128,
    )
    changes = None
    if ranges is not None:
        changes = Augmentation(
            draw=lambda rng, count: augmentation.draw_transforms(rng, count, **ranges),
            apply=augmentation.apply,
        )
    return loop.train(
        data, described, learning_rate=learning_rate, l2=l2, augmentation=changes, **settings
    )


def train_files(
    images: Path | str,
    samples: Path | str,
    validation_roles: Path | str,
    outputs: Mapping[str, Path | str],
    *,
    names: Mapping[str, str],
    study_seed: int,
    settings: Mapping[str, Any],
    ranges: Mapping[str, Any] | None,
    train: Callable[..., Trained] = train,
) -> None:
    """Train one network, reading and writing files.

    Args:
        images: file of a dataset's images.
        samples: file of a fraction's samples.
        validation_roles: file of the images that select and score.
        outputs: files to write, see `rows.write`.
        names: dataset, method and fraction, for the rows, and which part of the replicates is
            trained, such as "1-of-2". The number of parts changes the last bits of a result, which
            training magnifies.
        study_seed: the study's seed.
        settings: keyword arguments of `train`.
        ranges: see `train`.
        train: trains the network; another function for another network.

    Raises:
        StoreError: an input is corrupt.
    """
    data = read_replicates(images, samples, validation_roles)
    seed_names = (study_seed, names["dataset"], names["fraction"])
    replicates = of_part(names["part"], len(data.samples))
    trained = train(data.of(replicates), seed_names=seed_names, ranges=ranges, **settings)
    about = {"backbone": "none", "precision": "float32", "run": "grid", "protocol": "both"}
    rows.write(trained._asdict(), outputs, {**names, **about})
