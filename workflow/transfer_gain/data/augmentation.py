"""Data augmentation by random affine transforms, as in the 2018 paper."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from transfer_gain.data import store
from transfer_gain.seeds import generator

# OpenCV's own threads would exceed the cores of a job.
cv2.setNumThreads(1)


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
    """Draw affine maps from the coordinates of a changed image to those of the original.

    Every image is sheared, rotated, zoomed, flipped and shifted about its center. Each amount is
    uniformly distributed.

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


def apply(images: np.ndarray, transforms: np.ndarray) -> np.ndarray:
    """Transform images; pixels from outside repeat the edge.

    Args:
        images: uint8 (..., height, width, 1 or 3), at least two pixels high and wide.
        transforms: float32 (..., 2, 3), as `draw_transforms` returns them.

    Returns:
        uint8, as `images`, bilinearly interpolated.
    """
    height, width, channels = images.shape[-3:]
    # OpenCV maps pixels (x, y), counted from 0.
    half = np.array([(width - 1) / 2, (height - 1) / 2])
    linear = transforms[..., :2] * half[:, None] / half
    shifts = transforms[..., 2] * half + half - linear @ half
    maps = np.concatenate([linear, shifts[..., None]], axis=-1).reshape(-1, 2, 3)
    changed = np.empty(images.shape, np.uint8)
    flat = (-1, height, width, channels)
    for image, map_, output in zip(images.reshape(flat), maps, changed.reshape(flat), strict=True):
        cv2.warpAffine(
            image,
            map_,
            (width, height),
            dst=output,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    return changed


def write_example(
    images: Path | str,
    output: Path | str,
    *,
    ranges: Mapping[str, Any],
    times: int,
    study_seed: int,
    dataset: str,
) -> None:
    """Write a dataset's first training image and some augmented copies, for a figure.

    Args:
        images: a file of images.
        output: file to write, with 1 + `times` images.
        ranges: ranges of the changes, see `draw_transforms`.
        times: number of copies.
        study_seed: the study's seed.
        dataset: name of the dataset, for the seed.

    Raises:
        StoreError: the images are corrupt.
    """
    index = store.read_index(images)
    row = np.flatnonzero(index["split"] == store.TRAINING)[:1]
    pixels = store.read_arrays(images, row)
    rng = generator(study_seed, dataset, "augmented example")
    changed = apply(pixels.repeat(times, axis=0), draw_transforms(rng, times, **ranges))
    every = np.concatenate([pixels, changed])
    store.write_arrays(
        output,
        "pixels",
        every.shape[1:],
        "|u1",
        [(index.iloc[row.repeat(len(every))], every)],
        {"classes": store.read_metadata(images)["classes"]},
    )
