"""Gain from transfer against a dataset's distance from the others."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from transfer_gain.evaluation import similarity
from transfer_gain.reporting import words
from transfer_gain.reporting.figures.style import (
    NO_BARS,
    colors,
    footnote,
    paper_style,
    percent,
    spread,
)


def plot_distance_and_gain(table: pd.DataFrame, gains: pd.DataFrame) -> Figure:
    """Plot the gain from transfer against a dataset's distance from the others.

    Args:
        table: rows of table `similarity`.
        gains: rows of table `gains`; transfer over the baseline, held-out protocol, is shown.
    """
    chosen = {"method": "transfer", "reference": "baseline", "protocol": "held-out"}
    gains = gains[(gains[list(chosen)] == list(chosen.values())).all(axis=1)]
    distance = distances_to_others(table)
    shown = [name for name in gains["dataset"].unique() if name in distance.index]
    fractions = sorted(gains["fraction"].unique())
    shifts = spread(len(fractions), 0.004 * max(distance.max(), 1e-9) * 2)
    with paper_style():
        figure, axes = plt.subplots(figsize=(6.4, 4))
        axes.axhline(0, color="0.3", linewidth=1)
        for fraction, color, shift in zip(fractions, colors(len(fractions)), shifts, strict=True):
            rows = gains[(gains["fraction"] == fraction) & gains["dataset"].isin(shown)]
            at = rows["dataset"].map(distance) + shift
            axes.vlines(at, rows["absolute_low"], rows["absolute_high"], color=color)
            axes.plot(at, rows["absolute_gain"], "o", color=color, label=percent(fraction))
        low, high = axes.get_ylim()
        axes.set_ylim(max(low, -1), min(high, 1))
        for name in shown:
            axes.annotate(
                name,
                (distance[name], axes.get_ylim()[1]),
                (0, 3),
                textcoords="offset points",
                ha="center",
                fontsize="small",
            )
        axes.set(
            xlim=(0, None),
            xlabel="mean distance of the dataset's features from the other datasets' (MMD)",
            ylabel="absolute gain of transfer\nover training from scratch",
        )
        axes.set_title("Does distance from the other datasets predict the gain?", pad=16)
        axes.legend(title="fraction", loc="center left", bbox_to_anchor=(1.01, 0.5))
        count = len(shown)
        footnote(
            figure,
            f"bars: 95 % interval of the gain over replicates; {NO_BARS}. The "
            f"study has {count} dataset{'s' if count != 1 else ''} with a gain:\n"
            + (
                "too few to establish a trend. Further fractions of a dataset add no evidence."
                if count < 5
                else f"rank correlation over datasets: {_rank_correlation(gains, distance)}."
            ),
        )
    return figure


def distances_to_others(table: pd.DataFrame) -> pd.Series:
    """Return each dataset's mean feature distance from the other datasets, all classes pooled.

    Args:
        table: rows of table `similarity`.
    """
    wholes = table[
        (table["class_a"] == similarity.WHOLE) & (table["dataset_a"] != table["dataset_b"])
    ]
    swapped = wholes.rename(columns={"dataset_a": "dataset_b", "dataset_b": "dataset_a"})
    return pd.concat([wholes, swapped]).groupby("dataset_a")["feature_distance"].mean()


def _rank_correlation(gains: pd.DataFrame, distance: pd.Series) -> str:
    """Return Spearman's correlation of distance and mean gain over fractions, in words."""
    means = gains.groupby("dataset")["absolute_gain"].mean()
    found = stats.spearmanr(means, distance.reindex(means.index))
    return f"{found.statistic:.2f}, {words.p_value(found.pvalue)}"
