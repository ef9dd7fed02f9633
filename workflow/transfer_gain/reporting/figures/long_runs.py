"""Loss of the selected heads over a long run."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from transfer_gain.reporting.figures.head_runs import counted, describe, intervals_by, subject
from transfer_gain.reporting.figures.style import BAND, colors, footnote, paper_style, percent


def plot_long_runs(history: pd.DataFrame) -> Figure:
    """Plot training and validation loss of the selected heads (Figure 3 of the 2018 paper).

    Args:
        history: rows of the long runs of one dataset and backbone under one protocol.
    """
    fractions = sorted(history["fraction"].unique(), reverse=True)
    names = {"train_loss": "training", "validation_loss": "validation"}
    with paper_style():
        figure, row = plt.subplots(
            1, len(fractions), figsize=(4.2 * len(fractions), 3.6), sharey=True, squeeze=False
        )
        for fraction, axes in zip(fractions, row[0], strict=True):
            rows = history[history["fraction"] == fraction]
            for (column, name), color in zip(names.items(), colors(2), strict=True):
                intervals = intervals_by(rows, "epoch", column)
                axes.plot(intervals.index, intervals["mean"], color=color, label=name)
                axes.fill_between(
                    intervals.index, intervals["low"], intervals["high"], color=color, alpha=0.2
                )
            lowest = rows.groupby("epoch")["validation_loss"].mean().idxmin()
            axes.axvline(
                lowest, color="0.4", linestyle="--", linewidth=1, label="lowest validation loss"
            )
            first = rows.iloc[0]
            axes.set(
                title=f"{percent(fraction)} ({counted(rows['replicate'].nunique(), 'replicate')}), "
                f"lowest at epoch {lowest}\n{describe(first)}, rate {first['learning_rate']:g}",
                xlabel="epoch",
                xlim=(0, rows["epoch"].max()),
            )
        row[0][0].set(ylabel="cross-entropy (nats)", ylim=(0, None))
        handles, labels = row[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="center left", bbox_to_anchor=(1.0, 0.5))
        figure.suptitle(f"{subject(history)}: loss of the selected heads")
        figure.tight_layout()
        footnote(figure, BAND)
    return figure
