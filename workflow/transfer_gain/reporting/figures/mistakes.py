"""The images that the best method gets wrong with most confidence."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from transfer_gain.reporting import words
from transfer_gain.reporting.figures.contact_sheet import SHOWN, contact_sheet
from transfer_gain.reporting.figures.style import class_label, footnote, paper_style, percent


def plot_mistakes(mistakes: pd.DataFrame, pixels: np.ndarray, dataset: str) -> Figure:
    """Draw a contact sheet of mistakes: picture, true and predicted class, confidence, name.

    Args:
        mistakes: rows of table `mistakes` of one dataset; the first `SHOWN` are drawn.
        pixels: uint8 (at least those drawn, size, size, 1 or 3), in the order of `mistakes`.
        dataset: name of the dataset.
    """
    shown = mistakes.head(SHOWN)
    titles = [
        f"{class_label(row['class'])}\n→ {class_label(row['predicted'])} {row['confidence']:.2f}"
        for _, row in shown.iterrows()
    ]
    with paper_style():
        figure = contact_sheet(pixels, titles, shown["image_id"].to_list())
        title = "no mistakes"
        if len(shown):
            first = shown.iloc[0]
            method = words.named(first)
            title = f"{len(shown)} of {len(mistakes)} mistake{'s' * (len(mistakes) > 1)}, "
            title += f"the most confident first\n{method}, {percent(first['fraction'])} of the "
            title += "training images"
            footnote(figure, "true class → predicted class and its probability, a mean over runs")
        figure.tight_layout()
        figure.suptitle(f"{dataset}: {title}", y=1.02, va="bottom", fontsize="medium")
    return figure
