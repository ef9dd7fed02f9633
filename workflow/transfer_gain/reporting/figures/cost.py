"""Scores against training time."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from transfer_gain.metrics import Metric
from transfer_gain.reporting import metric_display
from transfer_gain.reporting.figures.method_lines import by_method
from transfer_gain.reporting.figures.style import footnote, paper_style, percent


def plot_cost(cost: pd.DataFrame, metric: Metric) -> Figure:
    """Plot scores against the cost of training, one line per method through its fractions.

    Args:
        cost: rows of `training_cost.training_cost` of one dataset.
        metric: the metric that is shown.
    """
    noun = metric_display.words(metric).noun
    fractions = sorted(cost["fraction"].unique())
    areas = dict(zip(fractions, np.linspace(14, 90, len(fractions)), strict=True))
    with paper_style():
        figure, axes = plt.subplots(figsize=(6.4, 4.4))
        for name, style, rows in by_method(cost.dropna(subset=["seconds", "mean"])):
            rows = rows.sort_values("fraction")
            marker = style.pop("marker")
            axes.plot(rows["seconds"], rows["mean"], **style, alpha=0.5)
            axes.scatter(
                rows["seconds"],
                rows["mean"],
                rows["fraction"].map(areas),
                color=style["color"],
                marker=marker,
            )
            axes.plot([], [], **style, marker=marker, label=name)
        axes.set(
            xscale="log",
            ylim=metric_display.limits(metric),
            xlabel="training time (seconds)",
            ylabel=f"validation {noun} (mean over replicates)",
            title=f"{cost['dataset'].iloc[0]}: {noun} against training time",
        )
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
        shares = ", ".join(percent(fraction) for fraction in fractions)
        footnote(figure, f"larger markers stand for larger fractions: {shares}")
    return figure
