"""A convolution and the max-pooling after it, as one matrix product for each place in a window.

TensorFlow's own operations spend most of a small network's update in three kernels that suit few
channels badly: the convolution, its gradient and the pooling's gradient. Here the images are laid
out once, so that the product has long rows and the maximum is over a leading axis.
"""

import itertools

import numpy as np

from .devices import tf


def pooled_side(side: int, stride: int, pooling: int) -> int:
    """Return the side of the maps after a padded convolution and the pooling of whole windows."""
    return -(-side // stride) // pooling


def lay_out(images: tf.Tensor, kernel: int, stride: int, pooling: int) -> tf.Tensor:
    """Return what the kernel sees at each place, sorted by the place within its pooling window.

    Args:
        images: (images, height, width, channels), of any numeric type.
        kernel: side of the convolution's window, pixels.
        stride: of the convolution, which is padded as TensorFlow pads it ("SAME").
        pooling: side and stride of the max-pooling.

    Returns:
        float32 (pooling ** 2, kernel ** 2 * channels, windows): the windows are those of the first
        image, row by row, then the next one's.
    """
    height, width, channels = images.shape[1:]
    step, span = stride * pooling, (pooling - 1) * stride + kernel
    beyond = (span - 1) // step
    rows, columns = (pooled_side(side, stride, pooling) for side in (height, width))
    padded = tf.pad(
        images,
        [
            (0, 0),
            *(_padding(side, kernel, stride, step, beyond, pooling) for side in (height, width)),
            (0, 0),
        ],
    )[:, : step * (rows + beyond), : step * (columns + beyond)]
    # Pixels as far from the corner of their window become neighbours.
    tiles = tf.reshape(padded, (-1, rows + beyond, step, columns + beyond, step, channels))
    tiles = tf.transpose(tiles, (2, 4, 5, 0, 1, 3))
    shifts = list(itertools.product(range(beyond + 1), repeat=2))
    pixels = tf.concat(
        [
            tf.reshape(
                tiles[..., down : down + rows, right : right + columns],
                (step * step * channels, -1),
            )
            for down, right in shifts
        ],
        axis=0,
    )
    # Where each pixel of a place's patch is among them.
    y, x = _offsets(kernel, stride, pooling)
    shift = y // step * (beyond + 1) + x // step
    index = (shift * step + y % step) * step + x % step
    index = index[..., None] * channels + np.arange(channels)
    patches = tf.gather(pixels, index.reshape(pooling**2, -1))
    return tf.cast(patches, tf.float32)


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


def _padding(
    side: int, kernel: int, stride: int, step: int, beyond: int, pooling: int
) -> tuple[int, int]:
    """Return the pixels before and after a side: TensorFlow's, and to whole windows."""
    before = max((-(-side // stride) - 1) * stride + kernel - side, 0) // 2
    whole = step * (pooled_side(side, stride, pooling) + beyond)
    return before, max(whole - before - side, 0)


def _offsets(kernel: int, stride: int, pooling: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how far down and right each pixel of each place's patch is from the window's corner.

    Each is (places down, places right, pixels down, pixels right).
    """
    places = np.arange(pooling) * stride
    along = places[:, None] + np.arange(kernel)
    shape = (pooling, pooling, kernel, kernel)
    down = np.broadcast_to(along[:, None, :, None], shape)
    return down, np.broadcast_to(along[None, :, None, :], shape)
