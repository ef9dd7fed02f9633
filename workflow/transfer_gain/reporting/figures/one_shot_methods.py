"""One-shot accuracy of every method after training."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from transfer_gain.evaluation.few_shot_tables import CONTROLS, SIAMESE
from transfer_gain.few_shot.tasks import UNSEEN
from transfer_gain.reporting.figures.one_shot_style import CHANCE, shown_group, title
from transfer_gain.reporting.figures.style import NO_BARS, colors, footnote, paper_style


def plot_one_shot_methods(rows: pd.DataFrame) -> Figure:
    """Plot the accuracy of every method after training, controls first.

    Args:
        rows: rows of table `one_shot_summary` of one approach.
    """
    unseen = rows[rows["classes"] == UNSEEN]
    is_control = unseen["method"].isin(CONTROLS)
    ordered = pd.concat(
        [some.sort_values("accuracy") for some in (unseen[is_control], unseen[~is_control])]
    )
    best = ordered[ordered["method"] == ordered["control"]]
    at = np.arange(len(ordered))
    with paper_style():
        figure, axes = plt.subplots(figsize=(5.6, 0.9 + 0.27 * len(ordered)))
        for place, (_, row) in zip(at, ordered.iterrows(), strict=True):
            color = "0.4" if row["method"] in CONTROLS else colors(10)[0]
            axes.hlines(place, row["ci_low"], row["ci_high"], color=color)
            axes.plot(row["accuracy"], place, "o", color=color)
            axes.hlines(
                place - 0.25,
                row["published_low"],
                row["published_high"],
                color="black",
                linewidth=3,
            )
        if ordered["published_low"].notna().any():
            axes.plot([], [], color="black", linewidth=3, label="2018 paper (FERG-DB)")
        axes.axvline(best["accuracy"].iloc[0], color="0.4", linewidth=1, label="strongest control")
        axes.axvline(ordered["chance"].iloc[0], **CHANCE, label="chance")
        axes.set_yticks(at, [_describe(row) for _, row in ordered.iterrows()])
        axes.set(
            xlim=(0, min(axes.get_xlim()[1], 1)),
            xlabel="share of one-shot tasks solved",
            title=title(rows, shown_group(rows, UNSEEN)),
        )
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
        figure.tight_layout()
        footnote(
            figure,
            "gray: controls, which need no training; mean over replicates; bars: 95 % interval "
            f"(Student's t);\n{NO_BARS}",
        )
    return figure


def _describe(row: pd.Series) -> str:
    """Return a method's name; the Siamese network's training settings are added."""
    if row["method"] != SIAMESE:
        return row["method"]
    return f"{SIAMESE}, {row['batch']} pairs, {row['epoch_unit']}"
