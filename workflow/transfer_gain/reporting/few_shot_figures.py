"""The figures of one-shot learning and similarity, drawn from the rows of the tables."""

import itertools
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy import stats

from transfer_gain.evaluation import similarity
from transfer_gain.evaluation.few_shot_tables import CONTROLS, SIAMESE, UNTRAINED_SIAMESE
from transfer_gain.evaluation.statistics import accuracy_interval
from transfer_gain.few_shot import one_shot
from transfer_gain.names import EPOCH_IS_BATCH, EPOCH_IS_PASS
from transfer_gain.reporting import words
from transfer_gain.reporting.figures import NO_BARS, colors, footnote, paper_style, percent, spread

APPROACHES = {
    "first": "trained on some of its classes",
    "second": "trained on related images",
}
EPOCHS = {EPOCH_IS_BATCH: "epoch (one batch)", EPOCH_IS_PASS: "epoch (one pass)"}
# Color (index into the color-blind palette) and line style of each control.
CONTROL_STYLES = {"l1": (1, "--"), "cosine": (2, "-."), "prototype": (4, ":")}
CONTROL_STYLES |= {UNTRAINED_SIAMESE: (7, "-")}
MARKERS = "osD^vP"
CHANCE: dict[str, Any] = {"color": "0.4", "linestyle": (0, (1, 3)), "linewidth": 1}


def plot_one_shot(rows: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """Plot one-shot accuracy against epoch, with the controls and chance.

    Panels have one row for unseen and one for seen classes, and one column per epoch_unit.

    Args:
        rows: rows of table `one_shot` of one approach.
        published: the 2018 paper's values for this approach.
    """
    groups = [name for name in (one_shot.UNSEEN, one_shot.SEEN) if name in set(rows["classes"])]
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
                if group == one_shot.UNSEEN and epoch_unit == EPOCH_IS_BATCH:
                    _draw_published(axes, published)
                axes.axhline(1 / one_shot.CANDIDATES, **CHANCE, label="chance")
                axes.set_title(f"{_shown(rows, group)}, epoch_unit {epoch_unit}")
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
        figure.suptitle(_title(rows, "one-shot accuracy against epoch"), fontsize="medium")
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


def plot_methods(rows: pd.DataFrame) -> Figure:
    """Plot the accuracy of every method after training, controls first.

    Args:
        rows: rows of table `one_shot_summary` of one approach.
    """
    unseen = rows[rows["classes"] == one_shot.UNSEEN]
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
            title=_title(rows, _shown(rows, one_shot.UNSEEN)),
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


def plot_tasks(
    tasks: pd.DataFrame, pixels: np.ndarray, classes: Sequence[str], dataset: str
) -> Figure:
    """Draw example tasks: the query, the candidates, and the network's predictions.

    Args:
        tasks: rows of `siamese.show_tasks`.
        pixels: uint8 (images, side, side, 1), in the order of `tasks`.
        classes: names by label.
        dataset: name of the dataset.
    """
    count, width = tasks["task"].nunique(), tasks["position"].nunique()
    with paper_style():
        figure, grid = plt.subplots(
            count, width, figsize=(1.05 * width, 1.32 * count), squeeze=False
        )
        for axes in grid.ravel():
            axes.set(xticks=[], yticks=[])
        for row, image in zip(tasks.itertuples(), pixels, strict=True):
            axes = grid[row.task, row.position]
            axes.imshow(image[:, :, 0], cmap="gray", vmin=0, vmax=255)
            name = classes[row.label]
            label = name if row.position == 0 else f"{name}\n{row.p_same:.3f}"
            axes.set_xlabel(label, fontsize="x-small", labelpad=1)
        for task, line in enumerate(grid):
            given = tasks[(tasks["task"] == task) & (tasks["position"] > 0)]
            p_same = given.sort_values("position")["p_same"].to_numpy()
            is_solved = one_shot.solved(p_same)
            line[0].set_ylabel("solved" if is_solved else "failed", fontsize="small")
            for chosen in np.flatnonzero(p_same == p_same.max()):
                color = colors(10)[2 if chosen == 0 else 3]
                for side in line[1 + chosen].spines.values():
                    side.set(color=color, linewidth=2.5)
        grid[0][0].set_title("query", fontsize="small")
        grid[0][1].set_title("same class", fontsize="small")
        title = f"{dataset}: one-shot tasks and the trained network's predictions"
        figure.suptitle(title, y=0.97)
        figure.subplots_adjust(left=0.05, right=1, bottom=0.06, top=0.93, wspace=0.08, hspace=0.45)
        footnote(
            figure,
            "Below each candidate: the probability that it is of the query's class. Frame: the "
            "highest probability, green if correct, red if wrong.\nA tie counts as a failure. "
            "Classes unseen in training, first replicate, epoch_unit pass. The network does not "
            "see the order of the candidates.",
        )
    return figure


def plot_similarity(table: pd.DataFrame) -> Figure:
    """Plot the similarity of all pairs of classes as two heat maps, ordered by clustering.

    Args:
        table: rows of table `similarity`.
    """
    distances = similarity.matrix(table, "feature_distance")
    order = similarity.clustered(distances.where(~np.eye(len(distances), dtype=bool), 0))
    shown = {
        "feature_distance": ("distance of features (MMD)", "cividis_r"),
        "p_same": ('mean probability "same" (Siamese network)', "cividis"),
    }
    side = 1.4 + 0.24 * len(order)
    with paper_style():
        figure, panels = plt.subplots(
            1, 2, figsize=(2 * side + 1, side), sharey=True, layout="constrained"
        )
        for axes, (column, (label, palette)) in zip(panels, shown.items(), strict=True):
            values = similarity.matrix(table, column).loc[order, order]
            if column == "feature_distance":  # zero from itself, by definition
                values = values.where(~np.eye(len(order), dtype=bool))
            sns.heatmap(
                values,
                cmap=palette,
                square=True,
                linewidths=0.3,
                xticklabels=True,
                yticklabels=True,
                cbar_kws={"label": label, "shrink": 0.7},
                ax=axes,
            )
            axes.grid(visible=False)
            axes.set_title(label)
        figure.suptitle("Similarity of classes, ordered by clustering of the feature distances")
        images = table["images"].min()
        footnote(
            figure,
            f"{images} images per class. The network is from the first approach, epoch_unit pass, "
            "first replicate. Its diagonal compares different images of the same class.",
        )
    return figure


def plot_class_map(table: pd.DataFrame, seed: int) -> Figure:
    """Plot all classes as points whose distances approximate the feature distances.

    Args:
        table: rows of table `similarity`.
        seed: seed of the multidimensional scaling.
    """
    points = similarity.placed(similarity.matrix(table, "feature_distance"), seed)
    datasets = list(dict.fromkeys([*table["dataset_a"], *table["dataset_b"]]))
    with paper_style():
        figure, axes = plt.subplots(figsize=(6.4, 5))
        for dataset, color, marker in zip(
            datasets, colors(len(datasets)), (MARKERS * len(datasets))[: len(datasets)], strict=True
        ):
            own = points[points.index.str.startswith(f"{dataset}: ")]
            axes.plot(own["x"], own["y"], marker, color=color, label=dataset)
            for name, point in own.iterrows():
                label = name.removeprefix(f"{dataset}: ")
                axes.annotate(label, point, (4, 3), textcoords="offset points", fontsize="x-small")
        axes.set(
            aspect="equal",
            xlabel="the axes have no meaning; only distances count",
            title="Map of the classes by the distance of their features (MMD)",
        )
        axes.set(xticks=[], yticks=[])
        axes.margins(0.12)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


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


def _shown(rows: pd.DataFrame, group: str) -> str:
    """Describe a group of classes; the second approach has unseen images instead of classes."""
    related = (rows["trained_on"] != rows["tested_on"]).any()
    return f"{'images' if related else 'classes'} {group} in training"


def _title(rows: pd.DataFrame, shown: str) -> str:
    first = rows.iloc[0]
    how = APPROACHES[first["approach"]]
    source = "" if first["trained_on"] == first["tested_on"] else f" ({first['trained_on']})"
    return f"{first['tested_on']}, {how}{source}: {shown}"
