"""What the figures that compare methods share: names, styles and order of the methods."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis

from transfer_gain.methods import records
from transfer_gain.names import HELD_OUT, SAME_IMAGES
from transfer_gain.reporting.figures.style import colors, spread

LINES = ["-", "--", "-.", ":"]  # one per backbone
PROTOCOLS = {
    SAME_IMAGES: "configurations selected and scored on the same images",
    HELD_OUT: "configurations selected and scored on different images",
}


def comparison_title(rows: pd.DataFrame, shown: str) -> str:
    """Return a title: the dataset, what is shown, and the protocol in words."""
    return f"{rows['dataset'].iloc[0]}: {shown}\n{PROTOCOLS[rows['protocol'].iloc[0]]}"


def by_method(rows: pd.DataFrame) -> Iterator[tuple[str, dict[str, Any], pd.DataFrame]]:
    """Yield each method's name, style and rows, weaker methods first.

    Each backbone has its own line style.
    """
    lines = dict(zip(rows["backbone"][rows["backbone"] != "none"].unique(), LINES, strict=False))
    for method in in_order(rows["method"]):
        of_method = rows[rows["method"] == method]
        for backbone, its_rows in of_method.groupby("backbone", sort=False):
            name = f"{method}, {'from scratch' if backbone == 'none' else backbone}"
            yield name, {**method_style(method), "linestyle": lines.get(backbone, "-")}, its_rows


def side_by_side(rows: pd.DataFrame) -> list[tuple[tuple, float]]:
    """Return `by_method` with a horizontal shift per method, so that markers do not overlap."""
    methods = list(by_method(rows))
    return list(zip(methods, np.exp(spread(len(methods), 0.03)), strict=True))


def in_order(names: pd.Series) -> list[str]:
    """Return the distinct methods, weaker ones first.

    Raises:
        UnknownMethodError: a method has no record; it would silently be missing from the figure.
    """
    return sorted(names.unique(), key=lambda name: records.method(name).position)


def method_style(method: str) -> dict[str, Any]:
    """Return the color and marker of a method, as arguments of `Axes.plot`."""
    record = records.method(method)
    large = {"markersize": 9} if record.marker == "*" else {}
    return {"color": colors(10)[record.color], "marker": record.marker, **large}


def plot_published(axes: Axes, at: pd.Series, published: pd.Series, style: dict) -> None:
    """Draw the 2018 paper's values as hollow markers in the method's shape and color."""
    hollow = {"linestyle": "", "fillstyle": "none", "markersize": 8, "zorder": 3}
    axes.plot(at, published, **{**style, **hollow})


def tick_labels(axis: Axis, labels: pd.Series) -> None:
    """Put ticks at the numbers of labels only."""
    ticks = sorted(labels.unique())
    axis.set_ticks(ticks, [f"{tick:,}" for tick in ticks])
    axis.set_ticks([], minor=True)


def legend(axes: Axes, published: pd.Series) -> None:
    """Put the legend next to the axes; explain hollow markers if there are any."""
    if published.notna().any():
        axes.plot([], [], "o", color="0.3", fillstyle="none", label="hollow: 2018 paper")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
