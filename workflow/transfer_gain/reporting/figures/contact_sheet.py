"""Pictures side by side, each with what is to be said of it and its name."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from transfer_gain.data import store
from transfer_gain.printable import printable
from transfer_gain.reporting.figures.style import show_image

SHOWN = 24  # pictures of a sheet at most
_COLUMNS = 6
_LONGEST = 24  # characters of an image's name
_SIDE = 128  # pixels of a picture at most: 24 photographs of 224 would be megabytes in the report


def read_pictures(images: Path | str, names: Sequence[str]) -> np.ndarray:
    """Return images by their names, uint8 (images, size, size, 1 or 3).

    Args:
        images: file of a dataset's images.
        names: values of `image_id`.

    Raises:
        StoreError: the file is corrupt.
        KeyError: an image is not in it.
    """
    index = store.read_index(images)
    row_of_image = pd.Series(np.arange(len(index)), index=index["image_id"])
    return store.read_arrays(images, row_of_image[list(names)].to_numpy())


def contact_sheet(pixels: np.ndarray, titles: Sequence[str], names: Sequence[str]) -> Figure:
    """Draw pictures in rows of six.

    Args:
        pixels: uint8 (at least as many as titles, size, size, 1 or 3).
        titles: what stands above each picture.
        names: what stands below it, shortened.
    """
    columns = min(max(len(titles), 3), _COLUMNS)
    lines = max(1, -(-len(titles) // columns))
    figure, grid = plt.subplots(
        lines, columns, figsize=(1.7 * columns, 2.15 * lines), squeeze=False
    )
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, title, name, image in zip(grid.flat, titles, names, pixels, strict=False):
        show_image(axes, _reduced(image))
        axes.images[0].set_interpolation("none")  # embeds the pixels as they are
        axes.set_title(title, fontsize=7)
        axes.text(
            *(0.5, -0.03, _short(name)),
            transform=axes.transAxes,
            ha="center",
            va="top",
            fontsize=5,
            color="0.35",
        )
    return figure


def _reduced(image: np.ndarray) -> np.ndarray:
    """Return an image of at most `_SIDE` pixels: means of squares of pixels, uint8."""
    side, _, channels = image.shape
    step = -(-side // _SIDE)
    size = side // step
    squares = image[: size * step, : size * step].reshape(size, step, size, step, channels)
    return squares.mean(axis=(1, 3)).round().astype(np.uint8)


def _short(name: str) -> str:
    """Return the end of a long name, on one line."""
    name = printable(name)
    return name if len(name) <= _LONGEST else f"…{name[1 - _LONGEST :]}"
