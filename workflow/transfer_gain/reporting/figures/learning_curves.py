"""Accuracy against labels, one line per method."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from transfer_gain.reporting.figures.method_lines import (
    comparison_title,
    legend,
    plot_published,
    side_by_side,
    tick_labels,
)
from transfer_gain.reporting.figures.style import BAND_AND_BARS, NO_BARS, TOP, footnote, paper_style


def plot_learning_curves(accuracy: pd.DataFrame, chance: float) -> Figure:
    """Plot accuracy against labels per class, one line per method.

    Args:
        accuracy: rows of table `accuracy` of one dataset under one protocol.
        chance: accuracy of a constant guess.
    """
    with paper_style():
        figure, axes = plt.subplots(figsize=(6.4, 5.2))
        for (name, style, rows), dodge in side_by_side(accuracy):
            rows = rows.sort_values("labels")
            labels, color = rows["labels"] * dodge, style["color"]
            axes.fill_between(labels, rows["ci_low"], rows["ci_high"], color=color, alpha=0.13)
            axes.vlines(labels, rows["ci_low"], rows["ci_high"], color=color, linewidth=0.8)
            axes.plot(labels, rows["mean"], **style, label=name)
            plot_published(axes, labels, rows["published"], style)
        axes.axhline(chance, color="0.4", linestyle=":", label=f"chance ({chance:.3f})")
        axes.set(
            xscale="log",
            ylim=(max(chance - 0.08, 0), TOP),
            xlabel="training images per class",
            ylabel="validation accuracy",
            title=comparison_title(accuracy, "accuracy against labels"),
        )
        tick_labels(axes.xaxis, accuracy["labels"])
        legend(axes, accuracy["published"])
        footnote(
            figure,
            f"{BAND_AND_BARS};\n{NO_BARS}; markers are shifted sideways to avoid overlap\n"
            f"{_replicates(accuracy)}",
        )
    return figure


def _replicates(accuracy: pd.DataFrame) -> str:
    """Say how many replicates each number of labels has: the fewest of any method."""
    counts = accuracy.groupby("labels")["replicates"].min()
    return "replicates: " + ", ".join(f"{count} at {labels:,}" for labels, count in counts.items())
