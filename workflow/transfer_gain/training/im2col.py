"""A padded convolution followed by max-pooling, as one matrix product.

TensorFlow's own operations are slow for few channels: a small network spends most of an update on
the convolution, its gradient and the gradient of the pooling. Here the images are rearranged into
patches once, so that pooling is a maximum over the first axis of the product.
"""

from typing import NamedTuple

import numpy as np

from transfer_gain.training.devices import tf


class Geometry(NamedTuple):
    """Layout of the windows.

    Attributes:
        kernel: side of the convolution's window in pixels.
        stride: stride of the convolution, which is padded like TensorFlow's "SAME".
        pooling: side and stride of the max-pooling; incomplete windows are dropped.
    """

    kernel: int
    stride: int
    pooling: int

    def windows(self, side: int) -> int:
        """Return the number of pooling windows along a side of the given number of pixels."""
        return -(-side // self.stride) // self.pooling

    def pixels(self, side: int) -> np.ndarray:
        """Return the pixels that the kernel sees along a side: (kernel, places, windows).

        Pixels are counted from 0. Indices outside 0 to side - 1 are padding.
        """
        before = max((-(-side // self.stride) - 1) * self.stride + self.kernel - side, 0) // 2
        seen, place, window = np.ogrid[: self.kernel, : self.pooling, : self.windows(side)]
        return (window * self.pooling + place) * self.stride + seen - before


def im2col(images: tf.Tensor, geometry: Geometry) -> list[tf.Tensor]:
    """Return the patches that the kernel sees at each place of each pooling window.

    Args:
        images: (replicates, images, height, width, channels), of any numeric type.
        geometry: layout of the windows.

    Returns:
        For each replicate, float32 (kernel ** 2 * channels, places * windows * images), with places
        and windows in row-major order.
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
        # For each value (row, column, channel), all images are contiguous: few long rows to copy.
        # The row after the last value is padding.
        pixels = tf.transpose(tf.reshape(tf.cast(images, tf.float32), (-1, values)))
        pixels = tf.concat([pixels, tf.zeros_like(pixels[:1])], axis=0)
        return tf.reshape(tf.gather(pixels, rows), (geometry.kernel**2 * channels, -1))

    return [patches(own) for own in tf.unstack(images)]


def convolve_and_pool(patches: tf.Tensor, kernel: tf.Tensor, places: int) -> tf.Tensor:
    """Return the maximum of the convolution over each pooling window.

    Args:
        patches: patches of one replicate, as `im2col` returns them.
        kernel: (side, side, channels, filters)
        places: number of places in a pooling window.

    Returns:
        (windows * images, filters)
    """
    filters = kernel.shape[-1]
    values = tf.matmul(patches, tf.reshape(kernel, (-1, filters)), transpose_a=True)
    return _maximum(tf.reshape(values, (places, -1, filters)))


@tf.custom_gradient
def _maximum(values: tf.Tensor) -> tuple:
    """Return the maximum over the first axis; tied places share the gradient."""
    maximum = tf.reduce_max(values, axis=0)

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        largest = tf.cast(tf.equal(values, maximum), tf.float32)
        return largest * (upstream / tf.reduce_sum(largest, axis=0))

    return maximum, gradient
