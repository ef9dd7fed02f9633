"""What every frozen network is to the workflow, and how images become its input."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from transfer_gain.training.devices import tf


class BackboneError(ValueError):
    """A backbone cannot be built as requested; the message says what is possible."""


@dataclass(frozen=True)
class Frozen:
    """A frozen network.

    Attributes:
        compute: from uint8 (images, height, width, 1 or 3) to float32 (images, features); any
            number of threads may call it in parallel.
        width: number of features.
        precision: what it computes in, "float32" or "bfloat16".
    """

    compute: Callable[[np.ndarray], np.ndarray]
    width: int
    precision: str


def as_pixels(images: tf.Tensor, size: int) -> tf.Tensor:
    """Return images in a network's size and in three channels.

    Args:
        images: uint8 (images, height, width, 1 or 3); gray is repeated.
        size: side in pixels; other images are resized (bilinear).

    Returns:
        float32 (images, size, size, 3), from 0 to 255.
    """
    images = tf.cast(images, tf.float32)
    if images.shape[1:3] != (size, size):
        images = tf.image.resize(images, (size, size))
    return tf.repeat(images, 3, axis=3) if images.shape[3] == 1 else images


def scaled(pixels: Any, mean: Sequence[float] | None, scale: Sequence[float] | None) -> Any:
    """Return pixels as networks expect them that were trained elsewhere.

    Args:
        pixels: float32 (..., 3), from 0 to 255.
        mean: per channel, subtracted from pixels between 0 and 1; None leaves the pixels as they
            are.
        scale: per channel, what the differences are divided by.
    """
    if mean is None or scale is None:
        return pixels
    means, deviations = (np.asarray(values, np.float32) for values in (mean, scale))
    return (pixels / np.float32(255) - means) / deviations
