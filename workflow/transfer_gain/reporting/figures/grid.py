"""Scores of every configuration of the grid."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from transfer_gain.evaluation.selection import CONFIGURATION
from transfer_gain.metrics import Metric
from transfer_gain.reporting import metric_display
from transfer_gain.reporting.figures.head_runs import subject
from transfer_gain.reporting.figures.style import paper_style, percent


def plot_grid(runs: pd.DataFrame, chance: float, metric: Metric) -> Figure:
    """Plot the mean validation score of every configuration at every fraction as a heat map.

    Args:
        runs: rows of the heads of one dataset and backbone.
        chance: score of a constant guess, the worst end of the color scale.
        metric: the metric that is shown.
    """
    noun = metric_display.words(metric).noun
    scores = runs.groupby([*CONFIGURATION, "fraction"], sort=False)[f"validation_{metric.name}"]
    means = scores.mean()
    grid = means.unstack("fraction")[sorted(runs["fraction"].unique(), reverse=True)]
    grid.index = [
        f"({layers.replace('-', ', ')}) {activation} {rate:g}"
        for layers, activation, rate, _ in grid.index
    ]
    grid.columns = [percent(fraction) for fraction in grid.columns]
    with paper_style():
        figure, axes = plt.subplots(figsize=(5.6, 0.9 + 0.27 * len(grid)))
        sns.heatmap(
            grid,
            **dict(zip(("vmin", "vmax"), sorted((chance, metric.best)), strict=True)),
            cmap="cividis" if metric.higher_is_better else "cividis_r",
            annot=True,
            fmt=".3f",
            linewidths=0.5,
            cbar_kws={"label": f"validation {noun}"},
            ax=axes,
        )
        axes.set(
            title=f"{subject(runs)}: mean {noun} over replicates\n"
            "rows: hidden layers, activation, learning rate",
            xlabel=f"fraction of the training images (chance: {chance:.3f})",
        )
    return figure
