"""Validation scores against learning rate."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from transfer_gain.metrics import Metric
from transfer_gain.names import SAME_IMAGES
from transfer_gain.reporting import metric_display
from transfer_gain.reporting.figures.head_runs import counted, describe, intervals_by, subject
from transfer_gain.reporting.figures.style import (
    BAND_AND_BARS,
    colors,
    footnote,
    paper_style,
    percent,
)


def plot_learning_rates(
    runs: pd.DataFrame,
    chosen: pd.Series,
    published: pd.DataFrame,
    chance: float,
    metric: Metric,
) -> Figure:
    """Plot the validation score against learning rate, one line per fraction.

    This corresponds to Figures 1 and 2 of the 2018 paper.

    Args:
        runs: rows of the heads of one dataset and backbone.
        chosen: the configuration whose layers and activation are shown. As in the 2018 paper, this
            is the one selected at the smallest fraction.
        published: the 2018 paper's Table 3 for this dataset; may be empty.
        chance: score of a constant guess.
        metric: the metric that is shown.
    """
    noun = metric_display.words(metric).noun
    same = runs[
        (runs[["layers", "activation"]] == list(chosen[["layers", "activation"]])).all(axis=1)
    ]
    fractions = sorted(same["fraction"].unique())
    with paper_style():
        figure, axes = plt.subplots(figsize=(6.4, 4))
        for fraction, color in zip(fractions, colors(len(fractions)), strict=True):
            rows = same[same["fraction"] == fraction]
            intervals = intervals_by(
                rows, "learning_rate", f"validation_{metric.name}", bounds=metric.bounds
            )
            images, count = rows["training_samples"].iloc[0], rows["replicate"].nunique()
            label = f"{percent(fraction)}: {images:,} images, {counted(count, 'replicate')}"
            axes.plot(intervals.index, intervals["mean"], "o-", color=color, label=label)
            known = intervals.dropna()
            ends = known.index, known["low"], known["high"]
            axes.fill_between(*ends, color=color, alpha=0.2)
            axes.vlines(*ends, color=color)  # a single rate has no band
        for _, row in published.iterrows():
            axes.plot(
                row["learning_rate"],
                row["validation_accuracy"],
                "D",
                color="black",
                fillstyle="none",
                label=f"2018 paper, its best at {percent(row['fraction'])}\n"
                f"({row['hidden_layers']} hidden layers, {row['activation']})",
            )
        axes.axhline(chance, color="0.4", linestyle=":", label=f"chance ({chance:.3f})")
        axes.set(
            xscale="log",
            xlabel="learning rate (Adam)",
            ylabel=f"validation {noun}",
            ylim=metric_display.limits(metric),
            title=f"{subject(runs)}: {noun} against learning rate\n{describe(chosen)}",
        )
        rates = sorted(same["learning_rate"].unique())
        axes.set_xticks(rates, [f"{rate:g}" for rate in rates])
        axes.minorticks_off()
        axes.legend(title="training images", loc="center left", bbox_to_anchor=(1.01, 0.5))
        footnote(figure, BAND_AND_BARS)
    return figure


def best_at_smallest(selections: pd.DataFrame) -> pd.Series:
    """Return the configuration that protocol "same-images" selected at the smallest fraction."""
    rows = selections[selections["protocol"] == SAME_IMAGES]
    return rows.loc[rows["fraction"].idxmin()]
