"""The figures of the report: rows in, pictures out."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from .selection import CONFIGURATION
from .statistics import mean_interval
from .store import written_whole

BAND = "line: mean over replicates; band: 95 % interval (Student's t)"


def save(figure: Figure, *paths: Path | str) -> None:
    """Write a figure to files, in the formats of their endings, the same bytes every time.

    Text stays text in SVG, for readers and search.
    """
    with matplotlib.rc_context({"svg.hashsalt": "transfer-gain", "svg.fonttype": "none"}):
        for path in paths:
            ending = Path(path).suffix.removeprefix(".")
            metadata = {"Date": None} if ending == "svg" else {}
            with written_whole(path) as temporary:
                figure.savefig(
                    temporary, format=ending, dpi=200, bbox_inches="tight", metadata=metadata
                )
    plt.close(figure)


def percent(size: float) -> str:
    """Return a fraction as the report writes it: 0.001 as "0.1 %"."""
    return f"{size * 100:g} %"


def describe(configuration: pd.Series) -> str:
    """Return a head's layers and activation in words: "hidden layers (100, 50), sigmoid"."""
    units = configuration["layers"].replace("-", ", ")
    noun = "layers" if "," in units else "layer"
    return f"hidden {noun} ({units}), {configuration['activation']}"


def plot_learning_rates(
    runs: pd.DataFrame, chosen: pd.Series, published: pd.DataFrame, chance: float
) -> Figure:
    """Plot validation accuracy against learning rate, a line a size (the report's Figures 1 and 2).

    Args:
        runs: rows of one dataset's and backbone's heads.
        chosen: the configuration whose layers and activation are shown: as in the report, the one
            selected at the smallest size.
        published: the report's Table 3 for this dataset; may be empty.
        chance: accuracy of a guess.
    """
    same = runs[
        (runs[["layers", "activation"]] == list(chosen[["layers", "activation"]])).all(axis=1)
    ]
    sizes = sorted(same["size"].unique())
    with _style():
        figure, axes = plt.subplots(figsize=(6.4, 4))
        for size, color in zip(sizes, _colors(len(sizes)), strict=True):
            rows = same[same["size"] == size]
            intervals = _intervals(rows, "learning_rate", "validation_accuracy")
            images, count = rows["training_samples"].iloc[0], rows["replicate"].nunique()
            label = f"{percent(size)}: {images:,} images, {_count(count, 'replicate')}"
            axes.plot(intervals.index, intervals["mean"], "o-", color=color, label=label)
            axes.fill_between(
                intervals.index, intervals["low"], intervals["high"], color=color, alpha=0.2
            )
        for _, row in published.iterrows():
            axes.plot(
                row["learning_rate"],
                row["validation_accuracy"],
                "D",
                color="black",
                fillstyle="none",
                label=f"2018 report, its best at {percent(row['size'])}\n"
                f"({row['hidden_layers']} hidden layers, {row['activation']})",
            )
        axes.axhline(chance, color="0.4", linestyle=":", label=f"chance ({chance:.3f})")
        axes.set(
            xscale="log",
            xlabel="learning rate of Adam",
            ylabel="validation accuracy",
            ylim=(0, 1),
            title=f"{_subject(runs)}: accuracy against learning rate\n{describe(chosen)}",
        )
        rates = sorted(same["learning_rate"].unique())
        axes.set_xticks(rates, [f"{rate:g}" for rate in rates])
        axes.minorticks_off()
        axes.legend(title="training images", loc="center left", bbox_to_anchor=(1.01, 0.5))
        _footnote(figure, BAND)
    return figure


def plot_long_runs(history: pd.DataFrame) -> Figure:
    """Plot training and validation loss of the selected heads (the report's Figure 3).

    Args:
        history: rows of one dataset's and backbone's long runs under one protocol.
    """
    sizes = sorted(history["size"].unique(), reverse=True)
    names = {"train_loss": "training", "validation_loss": "validation"}
    with _style():
        figure, row = plt.subplots(
            1, len(sizes), figsize=(4.2 * len(sizes), 3.6), sharey=True, squeeze=False
        )
        for size, axes in zip(sizes, row[0], strict=True):
            rows = history[history["size"] == size]
            for (column, name), color in zip(names.items(), _colors(2), strict=True):
                intervals = _intervals(rows, "epoch", column)
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
                title=f"{percent(size)} ({_count(rows['replicate'].nunique(), 'replicate')}), "
                f"lowest at epoch {lowest}\n{describe(first)}, rate {first['learning_rate']:g}",
                xlabel="epoch",
                xlim=(0, rows["epoch"].max()),
            )
        row[0][0].set(ylabel="cross-entropy (nats)", ylim=(0, None))
        handles, labels = row[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="center left", bbox_to_anchor=(1.0, 0.5))
        figure.suptitle(f"{_subject(history)}: loss of the selected heads")
        figure.tight_layout()
        _footnote(figure, BAND)
    return figure


def plot_grid(runs: pd.DataFrame, chance: float) -> Figure:
    """Plot the mean validation accuracy of every configuration at every size as a heat map.

    Args:
        runs: rows of one dataset's and backbone's heads.
        chance: accuracy of a guess, the lower end of the colours.
    """
    means = runs.groupby([*CONFIGURATION, "size"], sort=False)["validation_accuracy"].mean()
    grid = means.unstack("size")[sorted(runs["size"].unique(), reverse=True)]
    grid.index = [
        f"({layers.replace('-', ', ')}) {activation} {rate:g}"
        for layers, activation, rate in grid.index
    ]
    grid.columns = [percent(size) for size in grid.columns]
    with _style():
        figure, axes = plt.subplots(figsize=(5.6, 0.9 + 0.27 * len(grid)))
        sns.heatmap(
            grid,
            vmin=chance,
            vmax=1,
            cmap="cividis",
            annot=True,
            fmt=".3f",
            linewidths=0.5,
            cbar_kws={"label": "validation accuracy"},
            ax=axes,
        )
        axes.set(
            title=f"{_subject(runs)}: mean accuracy over replicates\n"
            "rows: hidden layers, activation, learning rate",
            xlabel=f"share of the training images (chance: {chance:.3f})",
        )
    return figure


def plot_accuracy(best: pd.DataFrame, sizes: pd.DataFrame) -> Figure:
    """Plot the selected heads' accuracy against labels, a line a dataset and backbone.

    Args:
        best: rows of table `best_heads`; those of protocol "report" are shown.
        sizes: rows of table `sizes`.
    """
    rows = best[best["protocol"] == "report"].merge(sizes, on=["dataset", "size"])
    datasets, backbones = rows["dataset"].unique(), rows["backbone"].unique()
    markers = dict(zip(backbones, "os^DvP*X" * len(backbones), strict=False))
    with _style():
        figure, axes = plt.subplots(figsize=(6.4, 4))
        for dataset, color in zip(datasets, _colors(len(datasets)), strict=True):
            for backbone in backbones:
                line = rows[(rows["dataset"] == dataset) & (rows["backbone"] == backbone)]
                line = line.sort_values("training_per_class")
                accuracy = line["validation_accuracy"]
                axes.errorbar(
                    line["training_per_class"],
                    accuracy,
                    yerr=[accuracy - line["ci_low"], line["ci_high"] - accuracy],
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
                        label=f"{dataset}, 2018 report",
                    )
        axes.set(
            xscale="log",
            ylim=(0, 1),
            xlabel="training images per class",
            ylabel="validation accuracy",
            title="Best head at each size",
        )
        ticks = sorted(rows["training_per_class"].unique())
        axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axes.minorticks_off()
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
        _footnote(figure, "mean over replicates; bars: 95 % interval (Student's t), if replicated")
    return figure


def plot_samples(
    index: pd.DataFrame, pixels: np.ndarray, classes: Sequence[str], dataset: str
) -> Figure:
    """Draw a contact sheet: a row of images for each class.

    Args:
        index: rows image_id, split and label of the images to show.
        pixels: uint8 (images, size, size, 1), in the order of `index`.
        classes: names by label.
        dataset: its name.
    """
    labels = index["label"].to_numpy()
    columns = int(np.bincount(labels).max())
    with _style():
        figure, grid = plt.subplots(
            len(classes), columns, figsize=(0.72 * columns, 0.76 * len(classes)), squeeze=False
        )
        for label, (name, row) in enumerate(zip(classes, grid, strict=True)):
            for axes in row:
                axes.set_axis_off()
            for axes, image in zip(row, pixels[labels == label], strict=False):
                axes.imshow(image[:, :, 0], cmap="gray", vmin=0, vmax=255)
            row[0].text(-0.15, 0.5, name, transform=row[0].transAxes, ha="right", va="center")
        side = pixels.shape[1]
        figure.suptitle(f"{dataset}: training images of each class, {side} × {side} pixels", y=0.95)
        figure.subplots_adjust(wspace=0.06, hspace=0.06)
    return figure


def best_at_smallest(selections: pd.DataFrame) -> pd.Series:
    """Return the configuration that protocol "report" selected at the smallest size."""
    rows = selections[selections["protocol"] == "report"]
    return rows.loc[rows["size"].idxmin()]


def _intervals(rows: pd.DataFrame, by: str, column: str) -> pd.DataFrame:
    """Return mean, low and high over replicates of a column for each value of another."""
    return (
        rows.groupby(by)[column]
        .apply(lambda values: pd.Series(mean_interval(values), index=["mean", "low", "high"]))
        .unstack()
    )


def _subject(rows: pd.DataFrame) -> str:
    return f"{rows['dataset'].iloc[0]}, features of {rows['backbone'].iloc[0]}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _colors(count: int) -> list:
    """Return colours that colour-blind readers can tell apart; more than ten differ in shade."""
    return sns.color_palette("colorblind" if count <= 10 else "cividis", count)


def _footnote(figure: Figure, text: str) -> None:
    figure.text(0.0, -0.04, text, fontsize="small", color="0.35")


@contextmanager
def _style() -> Iterator[None]:
    """Draw as for a printed column."""
    with (
        sns.axes_style("whitegrid"),
        sns.plotting_context("paper"),
        matplotlib.rc_context({"axes.titlesize": "medium"}),
    ):
        yield
