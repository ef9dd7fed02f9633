"""Random affine changes of images: the report's data augmentation."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from . import store
from .devices import tf
from .seeds import generator


def draw_transforms(
    rng: np.random.Generator,
    count: int,
    *,
    rotation: float,
    shift: float,
    zoom: float,
    shear: float,
    flip: bool,
) -> np.ndarray:
    """Draw affine maps from a changed image's coordinates to the original's, about its centre.

    Every image is sheared, rotated, zoomed, flipped and shifted at once; each amount is uniform.

    Args:
        rng: draws.
        count: how many maps.
        rotation: up to this angle either way, degrees.
        shift: up to this share of the side either way, along each axis.
        zoom: by a factor between 1 - zoom and 1 + zoom, in [0, 1).
        shear: up to this angle either way, degrees.
        flip: whether every other image is mirrored left to right.

    Returns:
        float32 (count, 2, 3): (x, y, 1) to (x, y), both from -1 to 1 over the image.
    """
    angle, slant = (np.radians(rng.uniform(-limit, limit, count)) for limit in (rotation, shear))
    scale = 1 / rng.uniform(1 - zoom, 1 + zoom, count)
    mirror = np.where(rng.random(count) < 0.5, -1.0, 1.0) if flip else np.ones(count)
    zero, one = np.zeros(count), np.ones(count)

    def matrices(*rows: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        return np.moveaxis(np.array(rows), -1, 0)

    cos, sin = np.cos(angle), np.sin(angle)
    linear = (
        matrices((mirror * scale, zero), (zero, scale))
        @ matrices((cos, -sin), (sin, cos))
        @ matrices((one, -np.sin(slant)), (zero, np.cos(slant)))
    )
    shifts = 2 * rng.uniform(-shift, shift, (count, 2, 1))
    return np.concatenate([linear, shifts], axis=2).astype(np.float32)


def apply(images: tf.Tensor, transforms: tf.Tensor) -> tf.Tensor:
    """Change images; what comes in from outside repeats their edge.

    Args:
        images: uint8 or float32 (..., height, width, channels).
        transforms: float32 (..., 2, 3), as `draw_transforms` returns them.

    Returns:
        float32 (..., height, width, channels), bilinearly interpolated.
    """
    shape = tf.shape(images)
    height, width, channels = images.shape[-3:]
    # The operation maps pixels (x, y), counted from 0, by [a0 a1 a2; b0 b1 b2].
    half = np.array([(width - 1) / 2, (height - 1) / 2], np.float32)
    linear = tf.reshape(transforms[..., :2], (-1, 2, 2)) * half[:, None] / half[None, :]
    shifts = tf.reshape(transforms[..., 2], (-1, 2)) * half + half
    shifts -= tf.linalg.matvec(linear, tf.constant(half))
    rows = tf.concat([linear, shifts[:, :, None]], axis=2)
    flat = tf.concat([tf.reshape(rows, (-1, 6)), tf.zeros((tf.shape(rows)[0], 2))], axis=1)
    changed = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(tf.reshape(images, (-1, height, width, channels)), tf.float32),
        transforms=flat,
        output_shape=(height, width),
        interpolation="BILINEAR",
        fill_mode="NEAREST",
        fill_value=0.0,
    )
    return tf.reshape(changed, shape)


def write_example(
    images: Path | str,
    output: Path | str,
    *,
    ranges: Mapping[str, float],
    times: int,
    study_seed: int,
    dataset: str,
) -> None:
    """Write a dataset's first training image, as it is and then changed some times, for a figure.

    Args:
        images: a file of images.
        output: file of 1 + times images to write.
        ranges: of the changes, see `draw_transforms`.
        times: how often.
        study_seed: the study's seed.
        dataset: its name, for the seed.

    Raises:
        StoreError: the images are corrupt.
    """
    index = store.read_index(images)
    row = np.flatnonzero(index["split"] == store.TRAINING)[:1]
    pixels = store.read_arrays(images, row)
    rng = generator(study_seed, dataset, "augmented example")
    changed = apply(
        tf.constant(pixels.repeat(times, axis=0)), draw_transforms(rng, times, **ranges)
    )
    every = np.concatenate([pixels, np.rint(changed.numpy()).astype(np.uint8)])
    store.write_arrays(
        output,
        "pixels",
        every.shape[1:],
        "|u1",
        [(index.iloc[row.repeat(len(every))], every)],
        {"classes": store.read_metadata(images)["classes"]},
    )
