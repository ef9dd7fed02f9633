"""The unlabelled images to label next."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from transfer_gain.labelling.strategies import BY_NAME
from transfer_gain.reporting import words
from transfer_gain.reporting.figures.contact_sheet import SHOWN, contact_sheet
from transfer_gain.reporting.figures.style import class_label, footnote, paper_style


def plot_to_label(listed: pd.DataFrame, pixels: np.ndarray, dataset: str) -> Figure:
    """Draw a contact sheet of images to label: rank, most probable class, probability, file.

    Args:
        listed: rows of table `next_labels` of one dataset; the first `SHOWN` are drawn.
        pixels: uint8 (at least those drawn, size, size, 1 or 3), in the order of `listed`.
        dataset: name of the dataset.
    """
    shown = listed.head(SHOWN)
    titles = [
        f"{row['rank']}\n{class_label(row['class'])}? {row['probability']:.2f}"
        for _, row in shown.iterrows()
    ]
    with paper_style():
        figure = contact_sheet(pixels, titles, shown["path"].to_list())
        title = "no unlabelled images"
        if len(shown):
            first = shown.iloc[0]
            title = f"the first {len(shown)} of {words.count(first['unlabelled'])} images to label"
            title += f", by {BY_NAME[first['strategy']].label}"
            footnote(figure, "rank, the most probable class and its probability")
        figure.tight_layout()
        figure.suptitle(f"{dataset}: {title}", y=1.02, va="bottom", fontsize="medium")
    return figure
