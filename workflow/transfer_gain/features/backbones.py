"""Feature extraction with frozen networks from keras.applications, cut at a layer."""

import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from transfer_gain.data import augmentation, store
from transfer_gain.data.sources import vgg16_tensors
from transfer_gain.processes import map_in_order
from transfer_gain.seeds import generator
from transfer_gain.training import devices
from transfer_gain.training.devices import tf

import keras  # isort: skip  (after TensorFlow is set up)

# Images that go through the network together: enough to use the processor fully, and few enough
# that a batch's activations (16 MB per image in VGG16) take tens of MB.
BATCH = 32
# A single image takes a different code path and gives different bytes; two or more do not.
SMALLEST_BATCH = 2
# If weights are constants of the program, TensorFlow prepares their layout once instead of in every
# batch, and folds batch normalization into convolutions. ResNet50 takes 0.86 of the time,
# MobileNetV2 0.68. But TensorFlow keeps a dozen copies of constants: 1.4 GB for ResNet50's 94 MB.
MOST_CONSTANTS = 25_000_000

log = logging.getLogger(__name__)


class BackboneError(ValueError):
    """A backbone cannot be built as requested; the message says what is possible."""


def build(
    architecture: str,
    weights: Path | str | None,
    layer: str,
    input_size: int,
    precision: str,
    seed: int = 0,
) -> keras.Model:
    """Build a frozen network from its input to one of its layers.

    Args:
        architecture: a name in `keras.applications`.
        weights: weight file without the top: our VGG16 file (.npz) or a Keras file (.h5,
            .weights.h5); None for random weights.
        layer: name of the layer to cut at; "last" for the one before the top.
        input_size: side of the input in pixels.
        precision: "float32" or "bfloat16", for weights and arithmetic.
        seed: seed of random weights.

    Raises:
        BackboneError: the network has no such layer, or the weights belong to another network.
        SourceError: the weight file is corrupt.
    """
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(precision)
    network = getattr(keras.applications, architecture)(
        include_top=False, weights=None, input_shape=(input_size, input_size, 3)
    )
    names = [each.name for each in network.layers]
    if layer != "last" and layer not in names:
        raise BackboneError(
            f"layer: found '{layer}', allowed for {architecture}: last, {', '.join(names)}"
        )
    if weights is not None:
        _set_weights(network, Path(weights))
    cut = network.layers[-1] if layer == "last" else network.get_layer(layer)
    model = keras.Model(network.input, cut.output)
    model.trainable = False
    return model


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


def extractor(model: keras.Model, architecture: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function from images to features of a frozen model (see `build`).

    The function takes uint8 (images, height, width, 1 or 3), repeats gray to three channels,
    resizes to the model's input (bilinear) and applies the network's preprocessing. It returns
    float32 (images, features). Any number of threads may call it in parallel.
    """
    size = model.input_shape[1]
    network = getattr(keras.applications, architecture)
    preprocess = sys.modules[network.__module__].preprocess_input
    as_constants = model.count_params() <= MOST_CONSTANTS
    weights = [each.numpy() for each in model.non_trainable_variables] if as_constants else []

    def pass_through(inputs: tf.Tensor) -> tf.Tensor:
        if not as_constants:
            return model(inputs, training=False)
        constants = [tf.constant(values) for values in weights]
        return model.stateless_call([], constants, inputs, training=False)[0]

    @tf.function(autograph=False)
    def features(images: tf.Tensor) -> tf.Tensor:
        images = tf.cast(images, tf.float32)
        if images.shape[1:3] != (size, size):
            images = tf.image.resize(images, (size, size))
        if images.shape[3] == 1:
            images = tf.repeat(images, 3, axis=3)
        output = pass_through(tf.cast(preprocess(images), model.compute_dtype))
        return tf.reshape(tf.cast(output, tf.float32), (tf.shape(images)[0], -1))

    def compute(images: np.ndarray) -> np.ndarray:
        # One program per image shape, for any number of images.
        of_shape = tf.TensorSpec((None, *images.shape[1:]), images.dtype)
        return features.get_concrete_function(of_shape)(tf.constant(images)).numpy()

    return compute


def in_memory(compute: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """Return an `extractor` that reduces its batch size when memory runs out.

    It halves a batch that does not fit, down to `SMALLEST_BATCH`, and logs this. The bytes of an
    image's features do not depend on the batch size, as long as the image is not alone.

    Raises:
        BackboneError: (by the returned function) even the smallest batch does not fit.
    """
    largest = BATCH

    def features(images: np.ndarray) -> np.ndarray:
        nonlocal largest
        splits = len(images) >= 2 * SMALLEST_BATCH
        if len(images) <= largest or not splits:
            try:
                return compute(images)
            except (tf.errors.ResourceExhaustedError, MemoryError) as error:
                if not splits:
                    raise BackboneError(
                        f"memory: found too little for {len(images)} images at a time, expected "
                        "enough; give the job more memory, a smaller input_size or a smaller "
                        "backbone"
                    ) from error
                largest = min(largest, max(len(images) // 2, SMALLEST_BATCH))
                log.warning(
                    "not enough memory for %d images at a time: %d from now on",
                    *(len(images), largest),
                )
        half = len(images) // 2
        return np.concatenate([features(images[:half]), features(images[half:])])

    return features


@dataclass(frozen=True)
class Copies:
    """How images are augmented before they pass through a network.

    Attributes:
        count: copies of each image.
        ranges: ranges of the random changes, see `augmentation.draw_transforms`.
        dataset: name of the dataset, for the seeds.
    """

    count: int
    ranges: Mapping[str, Any]
    dataset: str


def extract(
    images: Path | str,
    weights: Path | str | None,
    output: Path | str,
    *,
    architecture: str,
    layer: str,
    input_size: int,
    precision: str,
    threads: int,
    seed: int = 0,
    samples: Sequence[Path | str] = (),
    copies: Copies | None = None,
    shard: tuple[int, int] = (1, 1),
) -> None:
    """Write the features of a file's images, holding only a few batches in memory.

    Each batch is computed by one thread, so the bytes do not depend on `threads`.

    Args:
        images: a file of images.
        weights: see `build`.
        output: file of features to write; its metadata contain the resolved `precision`.
        architecture: see `build`.
        layer: see `build`.
        input_size: see `build`.
        precision: "float32", "bfloat16" or "auto" (see `devices.fastest_precision`).
        threads: batches computed in parallel.
        seed: seed of random weights and of augmented copies.
        samples: files of samples that limit the training images; empty for all images.
        copies: extract only augmented copies of the training images.
        shard: which part of the features to write, and the number of parts: (2, 4) is the second of
            four. Parts consist of whole row groups and are as equal as possible; some may be empty.
            `store.gather_arrays` joins them.

    Raises:
        StoreError: the images are corrupt.
        BackboneError: see `build` and `in_memory`.
        SourceError: see `build`.
    """
    resolved = devices.fastest_precision() if precision == "auto" else precision
    log.info("precision: %s (asked for: %s)", resolved, precision)
    model = build(architecture, weights, layer, input_size, resolved, seed)
    compute = in_memory(extractor(model, architecture))
    index = store.read_index(images)
    rows = _wanted(index, samples, validation=copies is None)
    transforms = None
    if copies:
        transforms = _transforms(index["image_id"].iloc[rows], copies, seed)
        rows = rows.repeat(copies.count)

    def features(batch: tuple[np.ndarray, np.ndarray]) -> tuple[pd.DataFrame, np.ndarray]:
        numbers, pixels = batch
        if transforms is not None:
            pixels = augmentation.apply(pixels, transforms[numbers])
        return index.iloc[rows[numbers]], compute(pixels)

    begin, end = _bounds(len(rows), *shard)

    def progress() -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
        done = 0
        for part, values in map_in_order(features, _batches(images, rows, begin, end), threads):
            done += len(part)
            if done % (BATCH * 32) == 0 or done == end - begin:
                log.info("%d of %d images", done, end - begin)
            yield part, values

    store.write_arrays(
        output,
        "features",
        (int(np.prod(model.output_shape[1:])),),
        "<f4",
        progress(),
        {
            "classes": store.read_metadata(images)["classes"],
            "architecture": architecture,
            "layer": layer,
            "input_size": input_size,
            "precision": resolved,
            "random_weights": weights is None,
        },
    )


def _wanted(index: pd.DataFrame, samples: Sequence[Path | str], validation: bool) -> np.ndarray:
    """Return the numbers of the rows to extract, in file order."""
    training = (index["split"] == store.TRAINING).to_numpy()
    wanted = training | validation
    if samples:
        sampled = index["image_id"].isin(store.read_rows(samples)["image_id"]).to_numpy()
        wanted &= sampled | ~training
    return np.flatnonzero(wanted)


def _transforms(image_ids: pd.Series, copies: Copies, seed: int) -> np.ndarray:
    """Draw the changes of every image from its own seed, float32 (images * copies, 2, 3)."""
    return np.concatenate(
        [
            augmentation.draw_transforms(
                generator(seed, copies.dataset, image, "copies"), copies.count, **copies.ranges
            )
            for image in image_ids
        ]
    )


def _bounds(rows: int, number: int, count: int) -> tuple[int, int]:
    """Return the bounds of a shard. They fall on row groups, so that batches stay whole."""
    groups = -(-rows // store.ROWS_IN_GROUP)
    begin, end = (groups * shard // count for shard in (number - 1, number))
    return begin * store.ROWS_IN_GROUP, min(end * store.ROWS_IN_GROUP, rows)


def _batches(
    images: Path | str, rows: np.ndarray, begin: int, end: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield positions in `rows` and their pixels, `BATCH` at a time, reading row groups once."""
    for start in range(begin, end, store.ROWS_IN_GROUP):
        positions = np.arange(start, min(start + store.ROWS_IN_GROUP, end))
        pixels = store.read_arrays(images, rows[positions])
        for batch in range(0, len(positions), BATCH):
            yield positions[batch : batch + BATCH], pixels[batch : batch + BATCH]
