"""An image and its augmented copies."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from transfer_gain.reporting.figures.style import paper_style, show_image


def plot_augmented(images: np.ndarray, dataset: str) -> Figure:
    """Draw one image next to its augmented copies.

    Args:
        images: uint8 (copies + 1, side, side, 1 or 3); the first is the original.
        dataset: name of the dataset.
    """
    columns = int(np.ceil((len(images) - 1) / 2))
    with paper_style():
        figure = plt.figure(figsize=(0.9 * (columns + 2), 1.8))
        grid = figure.add_gridspec(
            2, columns + 2, left=0, right=1, bottom=0, top=1, wspace=0.06, hspace=0.06
        )
        copies = [grid[row, column + 2] for row in range(2) for column in range(columns)]
        for image, cell in zip(images, [grid[:, :2], *copies], strict=False):
            axes = figure.add_subplot(cell)
            axes.set_axis_off()
            show_image(axes, image)
        title = f"{dataset}: a training image and {len(images) - 1} augmented copies of it"
        figure.suptitle(title, y=1.03, va="bottom", fontsize="medium")
    return figure
