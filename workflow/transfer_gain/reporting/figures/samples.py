"""Images of each class of a dataset."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from transfer_gain.reporting.figures.style import paper_style, show_image


def plot_samples(
    index: pd.DataFrame, pixels: np.ndarray, classes: Sequence[str], dataset: str
) -> Figure:
    """Draw a contact sheet: one row of images per class.

    Args:
        index: image_id, split and label of the images to show.
        pixels: uint8 (images, size, size, 1 or 3), in the order of `index`.
        classes: names by label.
        dataset: name of the dataset.
    """
    labels = index["label"].to_numpy()
    columns = int(np.bincount(labels).max())
    with paper_style():
        figure, grid = plt.subplots(
            len(classes), columns, figsize=(0.72 * columns, 0.76 * len(classes)), squeeze=False
        )
        for label, (name, row) in enumerate(zip(classes, grid, strict=True)):
            for axes in row:
                axes.set_axis_off()
            for axes, image in zip(row, pixels[labels == label], strict=False):
                show_image(axes, image)
            row[0].text(-0.15, 0.5, name, transform=row[0].transAxes, ha="right", va="center")
        side = pixels.shape[1]
        figure.suptitle(f"{dataset}: training images of each class, {side} × {side} pixels", y=0.95)
        figure.subplots_adjust(wspace=0.06, hspace=0.06)
    return figure
