"""The figures of the report, drawn from the rows of the tables."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from transfer_gain.data.store import written_whole
from transfer_gain.evaluation.selection import CONFIGURATION
from transfer_gain.evaluation.statistics import mean_interval
from transfer_gain.methods import records
from transfer_gain.metrics import Metric
from transfer_gain.names import HELD_OUT, SAME_IMAGES
from transfer_gain.reporting import metric_display

BAND = "line: mean over replicates; band: 95 % interval (Student's t)"
BAND_AND_BARS = "line: mean over replicates; band and bars: 95 % interval (Student's t)"
NO_BARS = "no interval for one replicate or equal results"
LINES = ["-", "--", "-.", ":"]  # one per backbone
PROTOCOLS = {
    SAME_IMAGES: "configurations selected and scored on the same images",
    HELD_OUT: "configurations selected and scored on different images",
}


def save(figure: Figure, *paths: Path | str) -> None:
    """Write a figure to files, in the format of each file's suffix.

    The bytes are the same on every call. SVG keeps text as text, so that it can be read aloud and
    searched.
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


def percent(fraction: float) -> str:
    """Return a fraction as a percentage: 0.001 as "0.1 %"."""
    return f"{fraction * 100:g} %"


def describe(configuration: pd.Series) -> str:
    """Return a head's layers and activation in words: "hidden layers (100, 50), sigmoid"."""
    units = configuration["layers"].replace("-", ", ")
    noun = "layers" if "," in units else "layer"
    return f"hidden {noun} ({units}), {configuration['activation']}"


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
            intervals = _intervals(
                rows, "learning_rate", f"validation_{metric.name}", bounds=metric.bounds
            )
            images, count = rows["training_samples"].iloc[0], rows["replicate"].nunique()
            label = f"{percent(fraction)}: {images:,} images, {_count(count, 'replicate')}"
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
            title=f"{_subject(runs)}: {noun} against learning rate\n{describe(chosen)}",
        )
        rates = sorted(same["learning_rate"].unique())
        axes.set_xticks(rates, [f"{rate:g}" for rate in rates])
        axes.minorticks_off()
        axes.legend(title="training images", loc="center left", bbox_to_anchor=(1.01, 0.5))
        footnote(figure, BAND_AND_BARS)
    return figure


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
                title=f"{percent(fraction)} ({_count(rows['replicate'].nunique(), 'replicate')}), "
                f"lowest at epoch {lowest}\n{describe(first)}, rate {first['learning_rate']:g}",
                xlabel="epoch",
                xlim=(0, rows["epoch"].max()),
            )
        row[0][0].set(ylabel="cross-entropy (nats)", ylim=(0, None))
        handles, labels = row[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="center left", bbox_to_anchor=(1.0, 0.5))
        figure.suptitle(f"{_subject(history)}: loss of the selected heads")
        figure.tight_layout()
        footnote(figure, BAND)
    return figure


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
            title=f"{_subject(runs)}: mean {noun} over replicates\n"
            "rows: hidden layers, activation, learning rate",
            xlabel=f"fraction of the training images (chance: {chance:.3f})",
        )
    return figure


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


def plot_learning_curves(scores: pd.DataFrame, chance: float, metric: Metric) -> Figure:
    """Plot scores against labels per class, one line per method.

    Args:
        scores: rows of the metric's table, of one dataset under one protocol.
        chance: score of a constant guess.
        metric: the metric that is shown.
    """
    noun = metric_display.words(metric).noun
    with paper_style():
        figure, axes = plt.subplots(figsize=(6.4, 5.2))
        for (name, style, rows), dodge in _side_by_side(scores):
            rows = rows.sort_values("labels")
            labels, color = rows["labels"] * dodge, style["color"]
            axes.fill_between(labels, rows["ci_low"], rows["ci_high"], color=color, alpha=0.13)
            axes.vlines(labels, rows["ci_low"], rows["ci_high"], color=color, linewidth=0.8)
            axes.plot(labels, rows["mean"], **style, label=name)
            _plot_published(axes, labels, rows["published"], style)
        axes.axhline(chance, color="0.4", linestyle=":", label=f"chance ({chance:.3f})")
        axes.set(
            xscale="log",
            ylim=metric_display.limits(metric, chance),
            xlabel="training images per class",
            ylabel=f"validation {noun}",
            title=_comparison_title(scores, f"{noun} against labels"),
        )
        _tick_labels(axes.xaxis, scores["labels"])
        _legend(axes, scores["published"])
        footnote(
            figure,
            f"{BAND_AND_BARS};\n{NO_BARS}; markers are shifted sideways to avoid overlap\n"
            f"{_replicates(scores)}",
        )
    return figure


def _replicates(scores: pd.DataFrame) -> str:
    """Say how many replicates each number of labels has: the fewest of any method."""
    counts = scores.groupby("labels")["replicates"].min()
    return "replicates: " + ", ".join(f"{count} at {labels:,}" for labels, count in counts.items())


def plot_gains(gains: pd.DataFrame, metric: Metric) -> Figure:
    """Plot the absolute gain of transfer over each reference, one panel per backbone.

    Args:
        gains: rows of table `gains` of one dataset under one protocol.
        metric: the metric that is shown.
    """
    gains = gains[gains["method"] == "transfer"]
    backbones = list(gains["backbone"].unique())
    fractions = sorted(gains["fraction"].unique())
    references = _in_order(gains["reference"])
    offsets = dict(zip(references, spread(len(references), 0.18), strict=True))
    with paper_style():
        figure, panels = plt.subplots(
            1,
            len(backbones),
            figsize=(1.6 + max(2.6, 1.1 * len(fractions)) * len(backbones), 3.8),
            sharey=True,
            squeeze=False,
        )
        for backbone, axes in zip(backbones, panels[0], strict=True):
            axes.axhline(0, color="0.3", linewidth=1)
            for reference in references:
                rows = gains[(gains["backbone"] == backbone) & (gains["reference"] == reference)]
                at = rows["fraction"].map(fractions.index) + offsets[reference]
                style = {"linestyle": "", **_method_style(reference)}
                mean, color = rows["absolute_gain"], style["color"]
                axes.vlines(at, rows["absolute_low"], rows["absolute_high"], color=color)
                axes.plot(at, mean, **style, label=f"over {reference}")
                _plot_published(axes, at, rows["published_absolute_gain"], style)
            axes.set_xticks(range(len(fractions)), [percent(fraction) for fraction in fractions])
            axes.set(
                xlim=(-0.5, len(fractions) - 0.5),
                xlabel="fraction of the training images",
                title=f"transfer from {backbone}",
            )
            axes.grid(visible=False, axis="x")
        noun = metric_display.words(metric).noun
        panels[0][0].set_ylabel(f"absolute gain\n(difference in validation {noun})")
        low, high = axes.get_ylim()
        # Intervals of two replicates can be wider than the largest possible difference.
        largest = metric.bounds[1] - metric.bounds[0]
        axes.set_ylim(max(low, -largest), min(high, largest))
        _legend(axes, gains["published_absolute_gain"])
        figure.suptitle(_comparison_title(gains, "gain from transfer learning"), fontsize="medium")
        figure.tight_layout()
        footnote(
            figure,
            "mean over replicates; bars: 95 % interval of the paired difference (Student's t);\n"
            f"{NO_BARS}",
        )
    return figure


def plot_label_value(label_value: pd.DataFrame, metric: Metric) -> Figure:
    """Plot the labels that the baseline needs for each method's score against the method's own.

    Args:
        label_value: rows of table `label_value` of one dataset under one protocol.
        metric: the metric that is shown.
    """
    needed = f"baseline_labels_for_same_{metric.name}"
    noun = metric_display.words(metric).noun
    ours, theirs = label_value["labels"], label_value[needed]
    ends = label_value[["ci_low", "ci_high"]].to_numpy()
    drawn = np.concatenate([ours, theirs, ends[np.isfinite(ends) & (ends > 0)]])
    low, high = drawn.min() / 1.6, drawn.max() * 1.6
    with paper_style():
        figure, axes = plt.subplots(figsize=(6.4, 4.8))
        axes.plot([low, high], [low, high], color="0.4", linestyle=":", label="no gain")
        for (name, style, rows), dodge in _side_by_side(label_value):
            rows = rows.sort_values("labels")
            at, reached = rows["labels"] * dodge, rows[needed]
            ends = rows[["ci_low", "ci_high"]].clip(low, high)
            axes.vlines(at, ends["ci_low"], ends["ci_high"], color=style["color"], linewidth=0.8)
            axes.plot(at, reached, **style, label=name)
            for relation, way in (("more than", 1), ("fewer than", -1)):
                for x, y in zip(at, reached.where(rows["relation"] == relation), strict=True):
                    axes.annotate(
                        "",
                        (x, y),
                        (0, 17 * way),
                        textcoords="offset points",
                        arrowprops={"arrowstyle": "<-", "color": style["color"]},
                    )
        axes.set(
            xscale="log",
            yscale="log",
            xlim=(low, high),
            ylim=(low, high),
            xlabel="training images per class of the method",
            ylabel=f"training images per class that\nthe baseline needs for the same {noun}",
            title=_comparison_title(label_value, "value of a label"),
        )
        _tick_labels(axes.xaxis, ours)
        _tick_labels(axes.yaxis, ours)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
        footnote(
            figure,
            "above the dotted line, the method saves labels; arrow: the value is outside the "
            "baseline's learning curve\nbars: 95 % interval (bootstrap over replicates); "
            f"{NO_BARS};\nmarkers are shifted sideways to avoid overlap",
        )
    return figure


def plot_cost(cost: pd.DataFrame, metric: Metric) -> Figure:
    """Plot scores against the cost of training, one line per method through its fractions.

    Args:
        cost: rows of `training_cost.training_cost` of one dataset.
        metric: the metric that is shown.
    """
    noun = metric_display.words(metric).noun
    fractions = sorted(cost["fraction"].unique())
    areas = dict(zip(fractions, np.linspace(14, 90, len(fractions)), strict=True))
    with paper_style():
        figure, axes = plt.subplots(figsize=(6.4, 4.4))
        for name, style, rows in _by_method(cost.dropna(subset=["seconds", "mean"])):
            rows = rows.sort_values("fraction")
            marker = style.pop("marker")
            axes.plot(rows["seconds"], rows["mean"], **style, alpha=0.5)
            axes.scatter(
                rows["seconds"],
                rows["mean"],
                rows["fraction"].map(areas),
                color=style["color"],
                marker=marker,
            )
            axes.plot([], [], **style, marker=marker, label=name)
        axes.set(
            xscale="log",
            ylim=metric_display.limits(metric),
            xlabel="training time (seconds)",
            ylabel=f"validation {noun} (mean over replicates)",
            title=f"{cost['dataset'].iloc[0]}: {noun} against training time",
        )
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
        shares = ", ".join(percent(fraction) for fraction in fractions)
        footnote(figure, f"larger markers stand for larger fractions: {shares}")
    return figure


def plot_augmented(images: np.ndarray, dataset: str) -> Figure:
    """Draw one image next to its augmented copies.

    Args:
        images: uint8 (copies + 1, side, side, 1); the first is the original.
        dataset: name of the dataset.
    """
    columns = int(np.ceil((len(images) - 1) / 2))
    with paper_style():
        figure = plt.figure(figsize=(0.9 * (columns + 2), 1.8))
        grid = figure.add_gridspec(
            2, columns + 2, left=0, right=1, bottom=0, top=1, wspace=0.06, hspace=0.06
        )
        copies = [grid[row, column + 2] for row in range(2) for column in range(columns)]
        for image, cell in zip(images, [grid[:, :2], *copies], strict=False):
            axes = figure.add_subplot(cell)
            axes.set_axis_off()
            axes.imshow(image[:, :, 0], cmap="gray", vmin=0, vmax=255)
        title = f"{dataset}: a training image and {len(images) - 1} augmented copies of it"
        figure.suptitle(title, y=1.03, va="bottom", fontsize="medium")
    return figure


def plot_samples(
    index: pd.DataFrame, pixels: np.ndarray, classes: Sequence[str], dataset: str
) -> Figure:
    """Draw a contact sheet: one row of images per class.

    Args:
        index: image_id, split and label of the images to show.
        pixels: uint8 (images, size, size, 1), in the order of `index`.
        classes: names by label.
        dataset: name of the dataset.
    """
    labels = index["label"].to_numpy()
    columns = int(np.bincount(labels).max())
    with paper_style():
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
    """Return the configuration that protocol "same-images" selected at the smallest fraction."""
    rows = selections[selections["protocol"] == SAME_IMAGES]
    return rows.loc[rows["fraction"].idxmin()]


def _intervals(
    rows: pd.DataFrame, by: str, column: str, bounds: tuple[float, float] = (-np.inf, np.inf)
) -> pd.DataFrame:
    """Return the mean and interval of a column over replicates, for each value of `by`."""
    return (
        rows.groupby(by)[column]
        .apply(
            lambda values: pd.Series(
                mean_interval(values, bounds=bounds), index=["mean", "low", "high"]
            )
        )
        .unstack()
    )


def _subject(rows: pd.DataFrame) -> str:
    return f"{rows['dataset'].iloc[0]}, features of {rows['backbone'].iloc[0]}"


def _comparison_title(rows: pd.DataFrame, shown: str) -> str:
    return f"{rows['dataset'].iloc[0]}: {shown}\n{PROTOCOLS[rows['protocol'].iloc[0]]}"


def _method_style(method: str) -> dict[str, Any]:
    record = records.method(method)
    large = {"markersize": 9} if record.marker == "*" else {}
    return {"color": colors(10)[record.color], "marker": record.marker, **large}


def _in_order(names: pd.Series) -> list[str]:
    """Return the distinct methods, weaker ones first.

    Raises:
        UnknownMethodError: a method has no record; it would silently be missing from the figure.
    """
    return sorted(names.unique(), key=lambda name: records.method(name).position)


def _by_method(rows: pd.DataFrame) -> Iterator[tuple[str, dict[str, Any], pd.DataFrame]]:
    """Yield each method's name, style and rows, weaker methods first.

    Each backbone has its own line style.
    """
    lines = dict(zip(rows["backbone"][rows["backbone"] != "none"].unique(), LINES, strict=False))
    for method in _in_order(rows["method"]):
        of_method = rows[rows["method"] == method]
        for backbone, its_rows in of_method.groupby("backbone", sort=False):
            name = f"{method}, {'from scratch' if backbone == 'none' else backbone}"
            yield name, {**_method_style(method), "linestyle": lines.get(backbone, "-")}, its_rows


def _plot_published(axes: Axes, at: pd.Series, published: pd.Series, style: dict) -> None:
    """Draw the 2018 paper's values as hollow markers in the method's shape and color."""
    hollow = {"linestyle": "", "fillstyle": "none", "markersize": 8, "zorder": 3}
    axes.plot(at, published, **{**style, **hollow})


def _side_by_side(rows: pd.DataFrame) -> list[tuple[tuple, float]]:
    """Return `_by_method` with a horizontal shift per method, so that markers do not overlap."""
    methods = list(_by_method(rows))
    return list(zip(methods, np.exp(spread(len(methods), 0.03)), strict=True))


def _tick_labels(axis: Axis, labels: pd.Series) -> None:
    """Put ticks at the numbers of labels only."""
    ticks = sorted(labels.unique())
    axis.set_ticks(ticks, [f"{tick:,}" for tick in ticks])
    axis.set_ticks([], minor=True)


def _legend(axes: Axes, published: pd.Series) -> None:
    """Put the legend next to the axes; explain hollow markers if there are any."""
    if published.notna().any():
        axes.plot([], [], "o", color="0.3", fillstyle="none", label="hollow: 2018 paper")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))


def spread(count: int, step: float) -> np.ndarray:
    """Return `count` evenly spaced offsets centered on zero."""
    return (np.arange(count) - (count - 1) / 2) * step


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def colors(count: int) -> list:
    """Return a color-blind safe palette; more than ten colors differ in shade only."""
    return sns.color_palette("colorblind" if count <= 10 else "cividis", count)


def footnote(figure: Figure, text: str) -> None:
    """Write an explanation below a figure."""
    figure.text(0.0, -0.015, text, fontsize="small", color="0.35", va="top")


@contextmanager
def paper_style() -> Iterator[None]:
    """Use seaborn's paper context and a white grid."""
    with (
        sns.axes_style("whitegrid"),
        sns.plotting_context("paper"),
        matplotlib.rc_context({"axes.titlesize": "medium"}),
    ):
        yield
