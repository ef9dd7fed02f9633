"""What the report opens with: the recommended method, its rival, and what more labels may bring."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from transfer_gain.evaluation.evidence import METHOD
from transfer_gain.metrics import Metric
from transfer_gain.reporting import metric_display, words
from transfer_gain.reporting.figures.method_lines import method_style, tick_labels
from transfer_gain.reporting.figures.style import hover, paper_style


def plot_decision(
    scores: pd.DataFrame,
    forecast: pd.DataFrame,
    shown: list[tuple[str, str]],
    chance: float,
    metric: Metric,
) -> Figure:
    """Plot scores against labels of a few methods, continued by their forecasts.

    The figure is small, so that it can be read on a phone. Every point has a text for the pointer.

    Args:
        scores: rows of the metric's table, of one dataset under protocol "held-out".
        forecast: rows of table `forecast` of the same dataset and protocol.
        shown: backbone and method of the methods that are drawn, the recommended one first.
        chance: score of the best guess that does not look at the images.
        metric: the metric that is shown.
    """
    with paper_style():
        figure, axes = plt.subplots(figsize=(4.6, 2.9))
        for backbone, method in shown:
            style = method_style(method)
            own, later = (
                rows[(rows[METHOD] == [backbone, method]).all(axis=1)].sort_values("labels")
                for rows in (scores, forecast)
            )
            name = words.method(method, backbone)
            _plot_known(axes, own, style, name)
            _plot_expected(axes, own.iloc[-1], later[later["score"].notna()], style, name)
        axes.axhline(chance, color="0.4", linestyle=":", label=f"a guess ({chance:.3f})")
        for wanted in forecast["target"].dropna().unique():
            axes.axhline(wanted, color="0.2", linestyle="-.", label=f"target ({wanted:.3f})")
        axes.set(
            xscale="log",
            ylim=metric_display.limits(metric, chance),
            xlabel="training images per class (dashed: forecast)",
            ylabel=metric_display.words(metric).noun,
        )
        farthest = forecast.loc[forecast["score"].notna(), "labels"].tail(1)
        tick_labels(axes.xaxis, pd.concat([scores["labels"], farthest]))
        axes.legend(loc="lower center", bbox_to_anchor=(0.45, 1), ncols=2, frameon=False)
    return figure


def _plot_known(axes: Axes, rows: pd.DataFrame, style: dict, name: str) -> None:
    """Draw what was measured of a method."""
    labels, low, high = rows["labels"], rows["ci_low"], rows["ci_high"]
    axes.fill_between(labels, low, high, color=style["color"], alpha=0.13, linewidth=0)
    axes.plot(labels, rows["mean"], **style, label=name)
    for row in rows.itertuples():
        text = f"{name}, {words.count(row.labels)} images per class: "
        score = words.score(row.mean, row.ci_low, row.ci_high)
        hover(axes, row.labels, row.mean, f"{text}{score}")


def _plot_expected(axes: Axes, last: pd.Series, rows: pd.DataFrame, style: dict, name: str) -> None:
    """Draw what is expected of a method, from its last measured point on."""
    if rows.empty:
        return
    labels = np.array([last["labels"], *rows["labels"]])
    low, high = ([last[end], *rows[name]] for end, name in (("ci_low", "low"), ("ci_high", "high")))
    axes.fill_between(labels, low, high, color=style["color"], alpha=0.07, linewidth=0)
    axes.plot(labels, [last["mean"], *rows["score"]], color=style["color"], linestyle="--")
    for row in rows.itertuples():
        text = f"{name}, {words.count(row.labels)} images per class: expected "
        score = words.score(row.score, row.low, row.high)
        hover(axes, row.labels, row.score, f"{text}{score}")
