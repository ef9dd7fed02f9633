"""Networks that Keras runs: those of keras.applications, and those that it saved to a file."""

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from transfer_gain.config.network_files import image_input
from transfer_gain.config.networks import KERAS_FILE
from transfer_gain.data.sources import vgg16_tensors
from transfer_gain.features import keras_files
from transfer_gain.features.frozen import BackboneError, Frozen, as_pixels, scaled
from transfer_gain.training.devices import tf

import keras  # isort: skip  (after TensorFlow is set up)

# If weights are constants of the program, TensorFlow prepares their layout once instead of in every
# batch, and folds batch normalization into convolutions. ResNet50 takes 0.86 of the time,
# MobileNetV2 0.68. But TensorFlow keeps a dozen copies of constants: 1.4 GB for ResNet50's 94 MB.
MOST_CONSTANTS = 25_000_000
POOLINGS = {
    "avg": {1: keras.layers.GlobalAveragePooling1D, 2: keras.layers.GlobalAveragePooling2D},
    "max": {1: keras.layers.GlobalMaxPooling1D, 2: keras.layers.GlobalMaxPooling2D},
}


def open_network(
    architecture: str,
    weights: Path | str | None,
    layer: str,
    input_size: int,
    precision: str,
    seed: int = 0,
    pooling: str = "none",
    mean: Sequence[float] | None = None,
    scale: Sequence[float] | None = None,
) -> Frozen:
    """Return a network of Keras; see `networks.open_network`."""
    precision = "float32" if architecture == KERAS_FILE else precision
    model = build(architecture, weights, layer, input_size, precision, seed, pooling)
    output = model.compute_output_shape((None, input_size, input_size, 3))
    return Frozen(
        compute=extractor(model, architecture, input_size, mean, scale),
        width=int(np.prod(output[1:])),
        precision=precision,
    )


def build(
    architecture: str,
    weights: Path | str | None,
    layer: str,
    input_size: int,
    precision: str,
    seed: int = 0,
    pooling: str = "none",
) -> keras.Model:
    """Build a frozen network from its input to one of its layers, or to the pooling of that layer.

    Args:
        architecture: a name in `keras.applications`, or "keras-file".
        weights: weight file without the top: our VGG16 file (.npz) or a Keras file (.h5,
            .weights.h5); None for random weights. For "keras-file", the network (.keras).
        layer: name of the layer to cut at; "last" for the one before the top, or for the last of a
            file.
        input_size: side of the input in pixels.
        precision: "float32" or "bfloat16", for weights and arithmetic.
        seed: seed of random weights.
        pooling: "none", or "avg" or "max" over the places of the layer's output, in float32.

    Raises:
        BackboneError: the network has no such layer, or the weights belong to another network.
        NetworkFileError: the file is no network, or holds code.
        SourceError: the weight file is corrupt.
    """
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(precision)
    if architecture == KERAS_FILE:
        network = _load(weights)
    else:
        network = getattr(keras.applications, architecture)(
            include_top=False, weights=None, input_shape=(input_size, input_size, 3)
        )
    names = [each.name for each in network.layers]
    if layer != "last" and layer not in names:
        raise BackboneError(
            f"layer: found '{layer}', allowed for {architecture}: last, {', '.join(names)}"
        )
    if weights is not None and architecture != KERAS_FILE:
        _set_weights(network, Path(weights))
    cut = network.layers[-1] if layer == "last" else network.get_layer(layer)
    output = cut.output
    if pooling != "none" and len(output.shape) > 2:
        output = POOLINGS[pooling][len(output.shape) - 2](dtype="float32")(output)
    model = keras.Model(network.input, output)
    model.trainable = False
    return model


def _load(path: Path | str | None) -> keras.Model:
    """Load a network that Keras saved; nothing but Keras' own layers is executed."""
    assert path is not None
    image_input(KERAS_FILE, path)  # refuses what could run code
    try:
        keras_files.check_network(Path(path))
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
        if isinstance(network, keras.Sequential):
            network = keras.Model(network.inputs, network.outputs)
    except BackboneError:
        raise
    except Exception as error:  # a damaged file makes Keras raise almost anything
        raise BackboneError(
            f"{path}: found {str(error).splitlines()[0]}; expected a network as Keras saves it"
        ) from error
    return network


def _set_weights(network: keras.Model, path: Path) -> None:
    """Load a weight file into a network."""
    if path.suffix == ".npz":
        if network.name != "vgg16":
            raise BackboneError(f"{path}: found VGG16's weights, expected {network.name}'s")
        tensors = vgg16_tensors.load(path)
        for layer in network.layers:
            if layer.weights:
                layer.set_weights([tensors[f"{layer.name}/{part}"] for part in ("kernel", "bias")])
        return
    try:
        keras_files.check_weights(path, path)
        network.load_weights(path)
        if re.fullmatch("efficientnetb[0-7]", network.name):
            _rescale_stem(network)
    except (OSError, ValueError, KeyError) as error:
        raise BackboneError(
            f"{path}: found {str(error).splitlines()[0]}; expected the weights of {network.name} "
            "without its top, as Keras saves them"
        ) from error


def _rescale_stem(network: keras.Model) -> None:
    """Divide the first kernel of an EfficientNet by the square roots of ImageNet's deviations.

    The ImageNet weights need this scaling. Keras adds a layer that scales the input, but only if it
    loads the ImageNet weights itself (keras.applications.efficientnet).
    """
    stem = network.get_layer("stem_conv")
    (kernel,) = stem.get_weights()
    deviations = np.array([0.229, 0.224, 0.225])  # of ImageNet's red, green and blue
    stem.set_weights([(kernel / np.sqrt(deviations)[:, None]).astype(kernel.dtype)])


def preprocessing(
    architecture: str, mean: Sequence[float] | None = None, scale: Sequence[float] | None = None
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return the function from pixels, float32 from 0 to 255 in RGB, to what a network expects."""
    if architecture == KERAS_FILE:
        return lambda pixels: scaled(pixels, mean, scale)
    network = getattr(keras.applications, architecture)
    function: Callable[[tf.Tensor], tf.Tensor]
    function = sys.modules[network.__module__].preprocess_input
    return function


def extractor(
    model: keras.Model,
    architecture: str,
    input_size: int | None = None,
    mean: Sequence[float] | None = None,
    scale: Sequence[float] | None = None,
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function from images to features of a frozen model (see `build`).

    The function takes uint8 (images, height, width, 1 or 3), repeats gray to three channels,
    resizes to the model's input (bilinear) and applies the network's preprocessing. It returns
    float32 (images, features). Any number of threads may call it in parallel.

    Args:
        model: the network.
        architecture: see `build`.
        input_size: side of the input in pixels; None for that of a model which has one.
        mean: see `scaled`; only for a network from a file.
        scale: see `scaled`.
    """
    size = input_size or model.input_shape[1]
    preprocess = preprocessing(architecture, mean, scale)
    as_constants = model.count_params() <= MOST_CONSTANTS
    weights = [each.numpy() for each in model.non_trainable_variables] if as_constants else []

    def pass_through(inputs: tf.Tensor) -> tf.Tensor:
        if not as_constants:
            return model(inputs, training=False)
        constants = [tf.constant(values) for values in weights]
        return model.stateless_call([], constants, inputs, training=False)[0]

    @tf.function(autograph=False)
    def features(images: tf.Tensor) -> tf.Tensor:
        pixels = preprocess(as_pixels(images, size))
        output = pass_through(tf.cast(pixels, model.compute_dtype))
        return tf.reshape(tf.cast(output, tf.float32), (tf.shape(images)[0], -1))

    def compute(images: np.ndarray) -> np.ndarray:
        # One program per image shape, for any number of images.
        of_shape = tf.TensorSpec((None, *images.shape[1:]), images.dtype)
        return features.get_concrete_function(of_shape)(tf.constant(images)).numpy()

    return compute
