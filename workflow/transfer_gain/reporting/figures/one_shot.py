"""One-shot accuracy against epoch."""

import itertools

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from transfer_gain.evaluation.few_shot_tables import SIAMESE, UNTRAINED_SIAMESE
from transfer_gain.evaluation.statistics import accuracy_interval
from transfer_gain.few_shot.tasks import CANDIDATES, SEEN, UNSEEN
from transfer_gain.names import EPOCH_IS_BATCH, EPOCH_IS_PASS
from transfer_gain.reporting.figures.one_shot_style import CHANCE, shown_group, title
from transfer_gain.reporting.figures.style import colors, footnote, paper_style, spread

EPOCHS = {EPOCH_IS_BATCH: "epoch (one batch)", EPOCH_IS_PASS: "epoch (one pass)"}
# Color (index into the color-blind palette) and line style of each control.
CONTROL_STYLES = {"l1": (1, "--"), "cosine": (2, "-."), "prototype": (4, ":")}
CONTROL_STYLES |= {UNTRAINED_SIAMESE: (7, "-")}


def plot_one_shot(rows: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """Plot one-shot accuracy against epoch, with the controls and chance.

    Panels have one row for unseen and one for seen classes, and one column per epoch_unit.

    Args:
        rows: rows of table `one_shot` of one approach.
        published: the 2018 paper's values for this approach.
    """
    groups = [name for name in (UNSEEN, SEEN) if name in set(rows["classes"])]
    trained = rows[rows["method"] == SIAMESE]
    units = [name for name in EPOCHS if name in set(trained["epoch_unit"])]
    batches = sorted(trained["batch"].unique())
    with paper_style():
        figure, grid = plt.subplots(
            len(groups),
            len(units),
            figsize=(4.1 * len(units), 3.1 * len(groups) + 0.4),
            sharey=True,
            sharex="col",
            squeeze=False,
        )
        for group, line in zip(groups, grid, strict=True):
            of_group = rows[rows["classes"] == group]
            for epoch_unit, axes in zip(units, line, strict=True):
                _draw_controls(axes, of_group)
                for batch, color in zip(batches, itertools.cycle((0, 3, 5, 6, 8, 9)), strict=False):
                    runs = of_group[
                        (of_group["method"] == SIAMESE)
                        & (of_group["epoch_unit"] == epoch_unit)
                        & (of_group["batch"] == batch)
                    ]
                    label = f"siamese, {batch} pairs per batch"
                    _draw_course(axes, runs, colors(10)[color], label)
                if group == UNSEEN and epoch_unit == EPOCH_IS_BATCH:
                    _draw_published(axes, published)
                axes.axhline(1 / CANDIDATES, **CHANCE, label="chance")
                axes.set_title(f"{shown_group(rows, group)}, epoch_unit {epoch_unit}")
            line[0].set_ylabel("share of one-shot tasks solved")
        for epoch_unit, axes in zip(units, grid[-1], strict=True):
            axes.set_xlabel(EPOCHS[epoch_unit])
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        low, high = axes.get_ylim()
        axes.set_ylim(max(low, 0), min(high, 1))  # intervals of two replicates can be wider
        handles: dict[str, Artist] = {}
        for axes in grid.ravel():
            handles |= dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
        figure.legend(
            handles.values(), handles.keys(), loc="center left", bbox_to_anchor=(1.0, 0.5)
        )
        figure.suptitle(title(rows, "one-shot accuracy against epoch"), fontsize="medium")
        figure.tight_layout()
        footnote(
            figure,
            "task: which of 7 images is of the query's class? line: mean over replicates; band: "
            "95 % interval (Student's t);\n320 tasks per replicate after each epoch; horizontal: "
            "controls, which need no training; black: the 2018 paper, on other images",
        )
    return figure


def _draw_controls(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw the mean accuracy of each control as a horizontal line."""
    for name, (color, line) in CONTROL_STYLES.items():
        mean = rows.loc[rows["method"] == name, "accuracy"].mean()
        axes.axhline(mean, color=colors(10)[color], linestyle=line, linewidth=1.2, label=name)


def _draw_course(axes: Axes, rows: pd.DataFrame, color: tuple, label: str) -> None:
    """Draw the mean accuracy on 320 tasks, as in the 2018 paper, with its interval."""
    ends = [
        (epoch, *accuracy_interval(runs)) for epoch, runs in rows.groupby("epochs")["accuracy_320"]
    ]
    epochs, mean, low, high = zip(*ends, strict=True)
    axes.plot(epochs, mean, color=color, label=label)
    axes.fill_between(epochs, low, high, color=color, alpha=0.18)


def _draw_published(axes: Axes, published: pd.DataFrame) -> None:
    """Draw the 2018 paper's ranges; those of the same epoch are shifted sideways."""
    for _, of_epoch in published.groupby("epochs"):
        for shift, (_, row) in zip(spread(len(of_epoch), 1.5), of_epoch.iterrows(), strict=True):
            epoch = row["epochs"] + shift
            axes.plot([epoch, epoch], [row["low"], row["high"]], "_-", color="black")
            axes.annotate(
                str(row["batch"]),
                (epoch, row["high"]),
                (0, 2),
                textcoords="offset points",
                ha="center",
                fontsize="x-small",
            )
    label = "2018 paper (FERG-DB);\nnumber: pairs per batch"
    axes.plot([], [], "_-", color="black", label=label)
