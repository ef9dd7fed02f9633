"""Accuracy against training time."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from transfer_gain.reporting.figures.method_lines import by_method
from transfer_gain.reporting.figures.style import TOP, footnote, paper_style, percent


def plot_cost(cost: pd.DataFrame) -> Figure:
    """Plot accuracy against the cost of training, one line per method through its fractions.

    Args:
        cost: rows of one dataset; columns dataset, backbone, method, fraction, seconds, accuracy.
    """
    fractions = sorted(cost["fraction"].unique())
    areas = dict(zip(fractions, np.linspace(14, 90, len(fractions)), strict=True))
    with paper_style():
        figure, axes = plt.subplots(figsize=(6.4, 4.4))
        for name, style, rows in by_method(cost.dropna(subset=["seconds", "accuracy"])):
            rows = rows.sort_values("fraction")
            marker = style.pop("marker")
            axes.plot(rows["seconds"], rows["accuracy"], **style, alpha=0.5)
            axes.scatter(
                rows["seconds"],
                rows["accuracy"],
                rows["fraction"].map(areas),
                color=style["color"],
                marker=marker,
            )
            axes.plot([], [], **style, marker=marker, label=name)
        axes.set(
            xscale="log",
            ylim=(0, TOP),
            xlabel="training time (seconds)",
            ylabel="validation accuracy (mean over replicates)",
            title=f"{cost['dataset'].iloc[0]}: accuracy against training time",
        )
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
        shares = ", ".join(percent(fraction) for fraction in fractions)
        footnote(figure, f"larger markers stand for larger fractions: {shares}")
    return figure
