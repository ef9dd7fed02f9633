"""Which classes the best method takes for which."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from transfer_gain.reporting import words
from transfer_gain.reporting.figures.style import (
    class_label,
    colors,
    footnote,
    paper_style,
    percent,
)

MOST_CLASSES = 20  # of a heat map whose numbers can be read
PAIRS = 20  # of classes, shown of more classes
_COUNTS = "numbers: images, means over runs; a row adds up to the scored images of its class"


def plot_confusion(confusion: pd.DataFrame) -> Figure:
    """Plot the confusion matrix as a heat map, or the most confused pairs of many classes.

    Args:
        confusion: rows of table `confusion` of one dataset.
    """
    first = confusion.iloc[0]
    method = words.named(first)
    title = f"{method}, {percent(first['fraction'])} of the training images"
    classes = list(confusion.loc[confusion["rank"] == 0, "class"])
    with paper_style():
        if len(classes) <= MOST_CLASSES:
            figure = _heat_map(confusion, classes)
            figure.axes[0].set_title(f"{first['dataset']}: what is taken for what\n{title}")
        else:
            figure = _pairs(confusion[confusion["rank"] > 0].head(PAIRS))
            figure.axes[0].set_title(f"{first['dataset']}: most confused classes\n{title}")
    return figure


def _heat_map(confusion: pd.DataFrame, classes: list[str]) -> Figure:
    """Draw all classes; colors are shares of a class, so that classes of any size compare."""

    def matrix(column: str) -> pd.DataFrame:
        values = confusion.pivot(index="class", columns="predicted", values=column)
        return values.reindex(index=classes, columns=classes).fillna(0)

    images = matrix("images")
    labels = [class_label(name) for name in classes]
    # Inches: cells whose numbers can be read, labels of about a tenth of an inch a character.
    side, beside = max(1.8, 0.42 * len(classes)), 0.4 + 0.08 * max(map(len, labels))
    figure, axes = plt.subplots(figsize=(side + beside + 1.2, side + beside + 0.6))
    sns.heatmap(
        matrix("share_of_class"),
        vmin=0,
        vmax=1,
        cmap="cividis",
        annot=images.map(_count).to_numpy(),
        fmt="",
        annot_kws={"fontsize": "small"},
        square=True,
        linewidths=0.3,
        xticklabels=labels,
        yticklabels=labels,
        cbar_kws={"label": "share of the class", "shrink": 0.7},
        ax=axes,
    )
    axes.tick_params(axis="x", labelrotation=90)
    axes.tick_params(axis="y", labelrotation=0)
    axes.set(xlabel="predicted class", ylabel="true class")
    figure.tight_layout()
    footnote(figure, _COUNTS)
    return figure


def _pairs(pairs: pd.DataFrame) -> Figure:
    """Draw the images of a class that are taken for another one as bars."""
    figure, axes = plt.subplots(figsize=(6.4, 1.4 + 0.24 * max(len(pairs), 1)))
    at = range(len(pairs))
    images, shares = pairs["images"], pairs["share_of_class"]
    axes.barh(at, images, color=colors(10)[0])
    for place, count, share in zip(at, images, shares, strict=True):
        text = f" {_count(count)} of {count / share:.0f}"
        axes.text(count, place, text, va="center", fontsize="small")
    names = zip(pairs["class"], pairs["predicted"], strict=True)
    axes.set_yticks(at, [f"{class_label(true)} → {class_label(taken)}" for true, taken in names])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.margins(y=0.01)
    axes.set_xlim(0, 1.35 * images.max() if len(pairs) else 1)
    axes.set(xlabel="images taken for the other class")
    axes.locator_params(axis="x", integer=True)
    figure.tight_layout()
    footnote(
        figure,
        "true class → predicted class; mean over runs, of the scored images of the true class",
    )
    return figure


def _count(images: float) -> str:
    """Return a mean number of images, "" for none."""
    return f"{images:.1f}".removesuffix(".0") if images else ""
