"""Scores against labels, one line per method."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from transfer_gain.metrics import Metric
from transfer_gain.reporting import metric_display
from transfer_gain.reporting.figures.method_lines import (
    comparison_title,
    legend,
    plot_published,
    side_by_side,
    tick_labels,
)
from transfer_gain.reporting.figures.style import BAND_AND_BARS, NO_BARS, footnote, paper_style


def plot_learning_curves(scores: pd.DataFrame, chance: float, metric: Metric) -> Figure:
    """Plot scores against labels per class, one line per method.

    Args:
        scores: rows of the metric's table, of one dataset under one protocol.
        chance: score of a constant guess.
        metric: the metric that is shown.
    """
    noun = metric_display.words(metric).noun
    with paper_style():
        figure, axes = plt.subplots(figsize=(6.4, 5.2))
        for (name, style, rows), dodge in side_by_side(scores):
            rows = rows.sort_values("labels")
            labels, color = rows["labels"] * dodge, style["color"]
            axes.fill_between(labels, rows["ci_low"], rows["ci_high"], color=color, alpha=0.13)
            axes.vlines(labels, rows["ci_low"], rows["ci_high"], color=color, linewidth=0.8)
            axes.plot(labels, rows["mean"], **style, label=name)
            plot_published(axes, labels, rows["published"], style)
        axes.axhline(chance, color="0.4", linestyle=":", label=f"chance ({chance:.3f})")
        axes.set(
            xscale="log",
            ylim=metric_display.limits(metric, chance),
            xlabel="training images per class",
            ylabel=f"validation {noun}",
            title=comparison_title(scores, f"{noun} against labels"),
        )
        tick_labels(axes.xaxis, scores["labels"])
        legend(axes, scores["published"])
        footnote(
            figure,
            f"{BAND_AND_BARS};\n{NO_BARS}; markers are shifted sideways to avoid overlap\n"
            f"{_replicates(scores)}",
        )
    return figure


def _replicates(scores: pd.DataFrame) -> str:
    """Say how many replicates each number of labels has: the fewest of any method."""
    counts = scores.groupby("labels")["replicates"].min()
    return "replicates: " + ", ".join(f"{count} at {labels:,}" for labels, count in counts.items())
