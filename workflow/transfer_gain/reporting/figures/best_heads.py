"""Scores of the selected heads against labels."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from transfer_gain.metrics import Metric
from transfer_gain.names import SAME_IMAGES
from transfer_gain.reporting import metric_display
from transfer_gain.reporting.figures.style import colors, footnote, paper_style


def plot_best_heads(best: pd.DataFrame, fractions: pd.DataFrame, metric: Metric) -> Figure:
    """Plot the selected heads' scores against labels, one line per dataset and backbone.

    Args:
        best: rows of table `best_heads`; those under protocol "same-images" are shown.
        fractions: rows of table `fractions`.
        metric: the metric that is shown.
    """
    rows = best[best["protocol"] == SAME_IMAGES].merge(fractions, on=["dataset", "fraction"])
    datasets, backbones = rows["dataset"].unique(), rows["backbone"].unique()
    markers = dict(zip(backbones, "os^DvP*X" * len(backbones), strict=False))
    with paper_style():
        figure, axes = plt.subplots(figsize=(6.4, 4))
        for dataset, color in zip(datasets, colors(len(datasets)), strict=True):
            for backbone in backbones:
                line = rows[(rows["dataset"] == dataset) & (rows["backbone"] == backbone)]
                line = line.sort_values("training_per_class")
                mean = line[f"validation_{metric.name}"]
                axes.errorbar(
                    line["training_per_class"],
                    mean,
                    yerr=[mean - line["ci_low"], line["ci_high"] - mean],
                    color=color,
                    marker=markers[backbone],
                    linestyle="-" if backbone == backbones[0] else "--",
                    capsize=3,
                    label=f"{dataset}, {backbone}",
                )
                published = line.dropna(subset="published_validation_accuracy")
                if len(published):
                    axes.plot(
                        published["training_per_class"],
                        published["published_validation_accuracy"],
                        "D",
                        color=color,
                        fillstyle="none",
                        label=f"{dataset}, 2018 paper",
                    )
        axes.set(
            xscale="log",
            ylim=metric_display.limits(metric),
            xlabel="training images per class",
            ylabel=f"validation {metric_display.words(metric).noun}",
            title="Best head at each fraction",
        )
        ticks = sorted(rows["training_per_class"].unique())
        axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axes.minorticks_off()
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
        footnote(
            figure,
            "mean over replicates; bars: 95 % interval (Student's t), if there are replicates",
        )
    return figure
