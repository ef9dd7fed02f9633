"""A padded convolution and the max-pooling after it: a matrix product for each place of a window.

TensorFlow's own operations suit few channels badly: most of an update of a small network goes into
the convolution, its gradient and the pooling's gradient. Here the images are laid out once, so that
the products have long rows and the maximum is over the first axis.
"""

import itertools
from typing import NamedTuple

import numpy as np

from .devices import tf


class Geometry(NamedTuple):
    """How windows lie.

    Attributes:
        kernel: side of the convolution's window, pixels.
        stride: of the convolution, which is padded as TensorFlow's "SAME".
        pooling: side and stride of the max-pooling, of whole windows only.
    """

    kernel: int
    stride: int
    pooling: int

    @property
    def step(self) -> int:
        """Return the pixels from one pooling window to the next."""
        return self.stride * self.pooling

    @property
    def overlap(self) -> int:
        """Return how many further steps a pooling window sees into, beyond its own."""
        return ((self.pooling - 1) * self.stride + self.kernel - 1) // self.step

    def windows(self, side: int) -> int:
        """Return how many pooling windows there are along a side of so many pixels."""
        return -(-side // self.stride) // self.pooling

    def padding(self, side: int) -> tuple[int, int]:
        """Return the pixels to add before and after a side, so that all windows are whole."""
        before = max((-(-side // self.stride) - 1) * self.stride + self.kernel - side, 0) // 2
        return before, max(self.seen(side) - before - side, 0)

    def seen(self, side: int) -> int:
        """Return the pixels along a padded side that windows see into, in whole steps."""
        return self.step * (self.windows(side) + self.overlap)


def lay_out(images: tf.Tensor, geometry: Geometry) -> tf.Tensor:
    """Return what the kernel sees at each place of a pooling window, for all windows.

    Args:
        images: (images, height, width, channels), of any numeric type.
        geometry: of the windows.

    Returns:
        float32 (places, kernel ** 2 * channels, windows): the windows are those of the first image,
        row by row, then the next one's.
    """
    *sides, channels = images.shape[1:]
    step, overlap = geometry.step, geometry.overlap
    rows, columns = map(geometry.windows, sides)
    height, width = map(geometry.seen, sides)
    padded = tf.pad(images, [(0, 0), *map(geometry.padding, sides), (0, 0)])[:, :height, :width]
    # Pixels at the same place within their step become neighbours: with the steps that a window
    # sees into beyond its own, all that any window sees, (pixels, windows).
    steps = tf.reshape(padded, (-1, rows + overlap, step, columns + overlap, step, channels))
    steps = tf.transpose(steps, (2, 4, 5, 0, 1, 3))
    pixels = tf.concat(
        [
            tf.reshape(
                steps[..., down : down + rows, right : right + columns], (step**2, channels, -1)
            )
            for down, right in itertools.product(range(overlap + 1), repeat=2)
        ],
        axis=0,
    )
    return tf.cast(_by_place(pixels, geometry), tf.float32)


def _by_place(pixels: tf.Tensor, geometry: Geometry) -> tf.Tensor:
    """Return those of a window's pixels that the kernel sees at each place.

    Args:
        pixels: (pixels, channels, windows), as `lay_out` sorts them.
        geometry: of the windows.

    Returns:
        (places, kernel ** 2 * channels, windows)
    """
    step, places = geometry.step, np.arange(geometry.pooling) * geometry.stride
    seen = places[:, None] + np.arange(geometry.kernel)  # (places, kernel) along a side
    y, x = seen[:, None, :, None], seen[None, :, None, :]
    beyond = y // step * (geometry.overlap + 1) + x // step
    index = beyond * step**2 + y % step * step + x % step
    patches = tf.gather(pixels, index.reshape(geometry.pooling**2, -1))
    size = geometry.kernel**2 * pixels.shape[1]
    return tf.reshape(patches, (geometry.pooling**2, size, -1))


def convolve_and_pool(patches: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Return the maximum, over each pooling window, of the convolution.

    Args:
        patches: as `lay_out` returns them.
        kernel: (side, side, channels, filters)

    Returns:
        (filters, windows)
    """
    kernel = tf.reshape(kernel, (1, -1, kernel.shape[-1]))
    return _maximum(tf.matmul(kernel, patches, transpose_a=True))


@tf.custom_gradient
def _maximum(values: tf.Tensor) -> tuple:
    """Return the maximum over the first axis; places that tie share its gradient."""
    maximum = tf.reduce_max(values, axis=0)

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        largest = tf.cast(tf.equal(values, maximum), tf.float32)
        return largest * (upstream / tf.reduce_sum(largest, axis=0))

    return maximum, gradient
