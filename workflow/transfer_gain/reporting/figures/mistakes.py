"""The images that the best method gets wrong with most confidence."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from transfer_gain.printable import printable
from transfer_gain.reporting import words
from transfer_gain.reporting.figures.style import (
    class_label,
    footnote,
    paper_style,
    percent,
    show_image,
)

SHOWN = 24  # images
_COLUMNS = 6
_LONGEST = 24  # characters of an image's name
_SIDE = 128  # pixels of a picture at most: 24 photographs of 224 would be megabytes in the report


def plot_mistakes(mistakes: pd.DataFrame, pixels: np.ndarray, dataset: str) -> Figure:
    """Draw a contact sheet of mistakes: picture, true and predicted class, confidence, name.

    Args:
        mistakes: rows of table `mistakes` of one dataset; the first `SHOWN` are drawn.
        pixels: uint8 (at least those drawn, size, size, 1 or 3), in the order of `mistakes`.
        dataset: name of the dataset.
    """
    shown = mistakes.head(SHOWN)
    columns = min(max(len(shown), 3), _COLUMNS)
    lines = max(1, -(-len(shown) // columns))
    with paper_style():
        figure, grid = plt.subplots(
            lines, columns, figsize=(1.7 * columns, 2.15 * lines), squeeze=False
        )
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, (_, row), image in zip(grid.flat, shown.iterrows(), pixels, strict=False):
            show_image(axes, _reduced(image))
            axes.images[0].set_interpolation("none")  # embeds the pixels as they are
            true, taken = class_label(row["class"]), class_label(row["predicted"])
            axes.set_title(f"{true}\n→ {taken} {row['confidence']:.2f}", fontsize=7)
            axes.text(
                *(0.5, -0.03, _short(row["image_id"])),
                transform=axes.transAxes,
                ha="center",
                va="top",
                fontsize=5,
                color="0.35",
            )
        title = "no mistakes"
        if len(shown):
            first = shown.iloc[0]
            method = words.method(first["method"], first["backbone"])
            title = f"{len(shown)} of {len(mistakes)} mistake{'s' * (len(mistakes) > 1)}, "
            title += f"the most confident first\n{method}, {percent(first['fraction'])} of the "
            title += "training images"
            footnote(figure, "true class → predicted class and its probability, a mean over runs")
        figure.tight_layout()
        figure.suptitle(f"{dataset}: {title}", y=1.02, va="bottom", fontsize="medium")
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
