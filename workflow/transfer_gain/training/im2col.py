"""A padded convolution and the max-pooling after it, as one matrix product.

TensorFlow's own operations suit few channels badly: most of an update of a small network goes into
the convolution, its gradient and the pooling's gradient. Here the images are laid out once, so that
the maximum is over the first axis of the product.
"""

from typing import NamedTuple

import numpy as np

from transfer_gain.training.devices import tf


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

    def windows(self, side: int) -> int:
        """Return how many pooling windows there are along a side of so many pixels."""
        return -(-side // self.stride) // self.pooling

    def pixels(self, side: int) -> np.ndarray:
        """Return which pixels along a side the kernel sees: (kernel, places in a window, windows).

        They are counted from 0; what is not from 0 to side - 1 is padding.
        """
        before = max((-(-side // self.stride) - 1) * self.stride + self.kernel - side, 0) // 2
        seen, place, window = np.ogrid[: self.kernel, : self.pooling, : self.windows(side)]
        return (window * self.pooling + place) * self.stride + seen - before


def im2col(images: tf.Tensor, geometry: Geometry) -> list[tf.Tensor]:
    """Return what the kernel sees at each place of a pooling window, for all windows.

    Args:
        images: (replicates, images, height, width, channels), of any numeric type.
        geometry: of the windows.

    Returns:
        For each replicate float32 (kernel ** 2 * channels, places * windows * images), places and
        windows row by row.
    """
    height, width, channels = images.shape[2:]
    values = height * width * channels
    y = geometry.pixels(height)[:, None, None, :, None, :, None]
    x = geometry.pixels(width)[None, :, None, None, :, None, :]
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    channel = np.arange(channels)[:, None, None, None, None]
    rows = np.where(inside, (y * width + x) * channels + channel, values)
    rows = tf.constant(rows.ravel(), tf.int32)

    def patches(images: tf.Tensor) -> tf.Tensor:
        # Of a value (row, column, channel) all images lie side by side: few long rows to copy.
        # What is behind the last value is padding.
        pixels = tf.transpose(tf.reshape(tf.cast(images, tf.float32), (-1, values)))
        pixels = tf.concat([pixels, tf.zeros_like(pixels[:1])], axis=0)
        return tf.reshape(tf.gather(pixels, rows), (geometry.kernel**2 * channels, -1))

    return [patches(own) for own in tf.unstack(images)]


def convolve_and_pool(patches: tf.Tensor, kernel: tf.Tensor, places: int) -> tf.Tensor:
    """Return the maximum, over each pooling window, of the convolution.

    Args:
        patches: one replicate's, as `im2col` returns them.
        kernel: (side, side, channels, filters)
        places: in a pooling window.

    Returns:
        (windows * images, filters)
    """
    filters = kernel.shape[-1]
    values = tf.matmul(patches, tf.reshape(kernel, (-1, filters)), transpose_a=True)
    return _maximum(tf.reshape(values, (places, -1, filters)))


@tf.custom_gradient
def _maximum(values: tf.Tensor) -> tuple:
    """Return the maximum over the first axis; places that tie share its gradient."""
    maximum = tf.reduce_max(values, axis=0)

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        largest = tf.cast(tf.equal(values, maximum), tf.float32)
        return largest * (upstream / tf.reduce_sum(largest, axis=0))

    return maximum, gradient
