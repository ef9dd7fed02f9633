"""Networks from pictures to probabilities as one Keras graph, without code of their own."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from transfer_gain.data.fitting import CHANNELS
from transfer_gain.features import extraction, keras_networks
from transfer_gain.features.frozen import BackboneError
from transfer_gain.training.devices import tf

import keras  # isort: skip  (after TensorFlow is set up)

FEATURES, PROBABILITIES = "features", "probabilities"  # names of layers
LUMA = (0.299, 0.587, 0.114)  # ITU-R 601, as of `fitting.fit`


def build_backbone(
    cut: Mapping[str, Any], weights: Path | str, seed: int = 0
) -> tuple[keras.Model, tuple[np.ndarray, np.ndarray]]:
    """Build a backbone in float32, with the map from pixels to its input.

    Args:
        cut: see `networks.open_network`.
        weights: see `keras_networks.build`.
        seed: seed of random weights.

    Returns:
        The network, and see `affine`.

    Raises:
        BackboneError: the network cannot be built, or its preprocessing is not affine.
    """
    parts = dict(cut)
    scaling = [parts.pop(key, None) for key in ("mean", "scale")]
    network = keras_networks.build(weights=weights, precision="float32", seed=seed, **parts)
    for layer in network.layers:
        # Tensors would become inputs of an ONNX graph, arrays become its constants.
        if isinstance(layer, keras.layers.Normalization):
            layer.mean, layer.variance = np.asarray(layer.mean), np.asarray(layer.variance)
    return network, affine(keras_networks.preprocessing(cut["architecture"], *scaling))


def affine(preprocess: Callable[[tf.Tensor], tf.Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Return a preprocessing as a matrix and an offset, which a layer can hold.

    All networks of `keras.applications` shift, scale and reorder the channels, or do nothing.

    Args:
        preprocess: function of pixels, float32 (images, height, width, 3) from 0 to 255.

    Returns:
        float32 (3, 3), from channel to channel, and float32 (3,).

    Raises:
        BackboneError: it does something else.
    """

    def of(colors: np.ndarray) -> np.ndarray:
        values = preprocess(tf.constant(colors.reshape(-1, 1, 1, 3), tf.float32))
        return np.asarray(values, np.float64).reshape(-1, 3)

    offset = of(np.zeros((1, 3)))[0]
    matrix = (of(255 * np.eye(3)) - offset) / 255
    colors = np.random.default_rng(0).uniform(0, 255, (16, 3))
    if not np.allclose(of(colors), colors @ matrix + offset, rtol=1e-4, atol=1e-4):
        raise BackboneError("preprocessing: found one that is not affine, which no layer can hold")
    return matrix.astype(np.float32), offset.astype(np.float32)


def to_features(
    side: int,
    channels: str,
    network: keras.Model,
    input_size: int,
    preprocessing: tuple[np.ndarray, np.ndarray],
) -> keras.Model:
    """Return a backbone from fitted pictures, uint8 (images, side, side, 3), to its features.

    It computes what `keras_networks.extractor` does.

    Args:
        side: side of the pictures.
        channels: "gray" or "rgb"; gray is taken from the brightness of all three channels.
        network: the backbone.
        input_size: side of its input.
        preprocessing: see `affine`.
    """
    image, values = _pixels(side, channels)
    if side != input_size:
        values = keras.layers.Resizing(input_size, input_size, name="resized")(values)
    if channels == "gray":
        values = keras.layers.Concatenate(name="three_channels")([values] * 3)
    matrix, offset = preprocessing
    if not (np.array_equal(matrix, np.eye(3)) and not offset.any()):
        values = _fixed("preprocessing", values, matrix, offset)
    return keras.Model(image, keras.layers.Flatten(name=FEATURES)(network(values)))


def with_head(
    features: keras.Model, parameters: Sequence[np.ndarray], activation: str | None
) -> keras.Model:
    """Return a network that ends in a head's probabilities.

    Args:
        features: from pictures to features.
        parameters: kernel (fan_in, fan_out), bias (fan_out,), kernel, ...
        activation: of the hidden layers, if there are any; a name in `tf.nn`.
    """
    output = _dense(features.output, parameters, activation, "head_")
    return keras.Model(features.input, output)


def from_scratch(
    side: int,
    channels: str,
    parameters: Sequence[np.ndarray],
    *,
    activation: str,
    stride: int,
    pooling: int,
) -> keras.Model:
    """Return a network of `scratch` as a Keras graph.

    Its features are the activations of the last hidden layer.

    Args:
        side: side of the pictures.
        channels: "gray" or "rgb".
        parameters: see `scratch.initial_parameters`.
        activation: of all layers except the last.
        stride: stride of the padded convolution.
        pooling: side and stride of the max-pooling.
    """
    kernel, bias, *dense = parameters
    image, values = _pixels(side, channels)
    values = keras.layers.Rescaling(1 / 255, name="scaled")(values)
    convolution = keras.layers.Conv2D(
        kernel.shape[-1],
        kernel.shape[:2],
        stride,
        padding="same",
        activation=activation,
        name="convolution",
    )
    values = convolution(values)
    convolution.set_weights([kernel, bias])
    values = keras.layers.MaxPooling2D(pooling, name="pooled")(values)
    flat = keras.layers.Flatten(name="flat" if len(dense) > 2 else FEATURES)(values)
    return keras.Model(image, _dense(flat, dense, activation, "dense_", FEATURES))


def outputs(model: keras.Model) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return the function from pictures to features and probabilities, in batches.

    It takes uint8 (images, side, side, 3), and returns float32 (images, features) and float32
    (images, classes). An image is never alone in a batch: alone, its last bits would differ.
    """
    both = keras.Model(model.input, [model.get_layer(FEATURES).output, model.output])
    compute = _in_batches(both)

    def features_and_probabilities(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        features, probabilities = compute(pictures)
        return features, probabilities

    return features_and_probabilities


def features_of(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function from pictures to the features that a network ends in; see `outputs`."""
    compute = _in_batches(model)
    return lambda pictures: compute(pictures)[0]


def as_rgb(pictures: np.ndarray) -> np.ndarray:
    """Return fitted pictures, uint8 (images, side, side, 1 or 3), in three channels."""
    return np.broadcast_to(pictures, (*pictures.shape[:-1], CHANNELS["rgb"]))


def _in_batches(model: keras.Model) -> Callable[[np.ndarray], tuple[np.ndarray, ...]]:
    size = extraction.batch_size(max(model.input_shape[1], *_sides(model)))

    @tf.function(autograph=False)
    def compute(images: tf.Tensor) -> list[tf.Tensor]:
        found: list[tf.Tensor] = keras.tree.flatten(model(images, training=False))
        return found

    def of_all(pictures: np.ndarray) -> tuple[np.ndarray, ...]:
        signature = tf.TensorSpec((None, *pictures.shape[1:]), tf.uint8)
        function = compute.get_concrete_function(signature)
        parts = []
        for start in range(0, len(pictures), size):
            batch = pictures[start : start + size]
            alone = len(batch) == 1
            found = function(tf.constant(batch.repeat(2, axis=0) if alone else batch))
            parts.append([values.numpy()[: len(batch)] for values in found])
        return tuple(map(np.concatenate, zip(*parts, strict=True)))

    return of_all


def _sides(model: keras.Model) -> list[int]:
    """Return the sides that a model resizes pictures to."""
    layers = [each for each in model.layers if isinstance(each, keras.layers.Resizing)]
    return [layer.height for layer in layers] or [0]


def _pixels(side: int, channels: str) -> tuple[Any, Any]:
    """Return the input, and its pixels: float32 from 0 to 255, in as many channels as are used."""
    image = keras.Input((side, side, CHANNELS["rgb"]), dtype="uint8", name="image")
    values = keras.layers.Rescaling(1.0, dtype="float32", name="pixels")(image)
    if channels == "gray":
        values = _fixed("gray", values, np.reshape(LUMA, (3, 1)), np.zeros(1))
    return image, values


def _fixed(name: str, values: Any, matrix: np.ndarray, offset: np.ndarray) -> Any:
    """Map the channels of pixels by a layer of given weights."""
    layer = keras.layers.Conv2D(matrix.shape[1], 1, dtype="float32", trainable=False, name=name)
    mapped = layer(values)
    layer.set_weights([matrix[None, None], offset])
    return mapped


def _dense(
    values: Any,
    parameters: Sequence[np.ndarray],
    activation: str | None,
    prefix: str,
    last_hidden: str | None = None,
) -> Any:
    """Add dense layers; the last one has a softmax, and the one before it a name of its own."""
    pairs = list(zip(parameters[::2], parameters[1::2], strict=True))
    for number, (kernel, bias) in enumerate(pairs, 1):
        is_last = number == len(pairs)
        name = f"{prefix}{number}"
        if number == len(pairs) - 1:
            name = last_hidden or name
        layer = keras.layers.Dense(
            kernel.shape[1],
            activation="softmax" if is_last else activation,
            dtype="float32",
            name=PROBABILITIES if is_last else name,
        )
        values = layer(values)
        layer.set_weights([kernel, bias])
    return values
