"""Whether the best method is as often right as it is confident."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from transfer_gain.reporting import words
from transfer_gain.reporting.figures.style import colors, footnote, paper_style, percent

_COLUMNS = 4
_EXPLAINED = """\
dashed: perfectly calibrated; below it, the method is too confident
all runs together, in bins of confidence; larger dots: more images
ECE: expected calibration error, the mean distance of an image's bin from the dashed line"""


def plot_reliability(reliability: pd.DataFrame) -> Figure:
    """Plot accuracy against confidence, above the share of images: one panel per fraction.

    Args:
        reliability: rows of table `reliability` of one dataset.
    """
    fractions = list(reliability["fraction"].unique())
    columns = min(len(fractions), _COLUMNS)
    lines = -(-len(fractions) // columns)
    with paper_style():
        figure, grid = plt.subplots(
            2 * lines,
            columns,
            figsize=(0.8 + 2.6 * columns, 0.6 + 3.7 * lines),
            height_ratios=[3, 1] * lines,
            sharex=True,
            sharey="row",
            squeeze=False,
        )
        for axes in grid.flat:
            axes.set_axis_off()
        for number, fraction in enumerate(fractions):
            line, column = divmod(number, columns)
            upper, lower = grid[2 * line : 2 * line + 2, column]
            upper.set_axis_on()
            lower.set_axis_on()
            _draw(upper, lower, reliability[reliability["fraction"] == fraction])
        for axes in grid[::2, 0]:
            axes.set_ylabel("share that is right")
        for axes in grid[1::2, 0]:
            axes.set_ylabel("share of\nimages")
        dataset = reliability["dataset"].iloc[0]
        figure.suptitle(f"{dataset}: confidence and accuracy of the best method", fontsize="medium")
        figure.tight_layout()
        footnote(figure, _EXPLAINED)
    return figure


def _draw(upper: Axes, lower: Axes, rows: pd.DataFrame) -> None:
    """Draw the panel of one fraction."""
    first, color = rows.iloc[0], colors(10)[0]
    upper.plot([0, 1], [0, 1], "--", color="0.5", linewidth=1)
    upper.vlines(rows["confidence"], rows["confidence"], rows["accuracy"], color=color, alpha=0.4)
    upper.plot(rows["confidence"], rows["accuracy"], color=color, linewidth=1)
    upper.scatter(
        rows["confidence"], rows["accuracy"], 10 + 200 * rows["share"], color=color, clip_on=False
    )
    method = words.named(first)
    upper.set_title(
        f"{percent(first['fraction'])}: {method}\nECE {first['calibration_error']:.3f}",
        fontsize="small",
    )
    upper.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    width = rows["bin_high"] - rows["bin_low"]
    lower.bar(rows["bin_low"], rows["share"], width, align="edge", color=color, alpha=0.6)
    lower.set(ylim=(0, 1), xlabel="confidence")
    lower.tick_params(labelbottom=True)
