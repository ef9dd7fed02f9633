"""Images of each class of a dataset."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from transfer_gain.reporting.figures.style import class_label, footnote, paper_style, show_image

MOST_CLASSES = 50  # more would make a sheet of meters
MOST_PICTURES = 200  # more would make a report of many megabytes


def plot_samples(
    index: pd.DataFrame, pixels: np.ndarray, classes: Sequence[str], dataset: str
) -> Figure:
    """Draw a contact sheet: one row of images per class, of at most `MOST_CLASSES`.

    Of many classes, there are fewer images of each.

    Args:
        index: image_id, split and label of the images to show.
        pixels: uint8 (images, size, size, 1 or 3), in the order of `index`.
        classes: names by label.
        dataset: name of the dataset.
    """
    labels = index["label"].to_numpy()
    left_out = len(classes) - MOST_CLASSES
    classes = classes[:MOST_CLASSES]
    columns = min(int(np.bincount(labels).max()), MOST_PICTURES // len(classes))
    with paper_style():
        figure, grid = plt.subplots(
            len(classes), columns, figsize=(0.72 * columns, 0.76 * len(classes)), squeeze=False
        )
        for number, (name, row) in enumerate(zip(classes, grid, strict=True)):
            for axes in row:
                axes.set_axis_off()
            for axes, image in zip(row, pixels[labels == number], strict=False):
                show_image(axes, image)
            label = class_label(name)
            row[0].text(-0.15, 0.5, label, transform=row[0].transAxes, ha="right", va="center")
        side = pixels.shape[1]
        title = f"{dataset}: training images of each class, {side} × {side} pixels"
        above = figure.subplotpars.top + 0.1 / figure.get_figheight()  # a tenth of an inch
        figure.suptitle(title, y=above, va="bottom")
        figure.subplots_adjust(wspace=0.06, hspace=0.06)
        if left_out > 0:
            footnote(figure, f"… and {left_out} more classes")
    return figure
