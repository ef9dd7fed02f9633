"""Scores against labels, one line per method."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from transfer_gain.evaluation.evidence import METHOD
from transfer_gain.methods import records
from transfer_gain.metrics import Metric
from transfer_gain.names import BASELINE
from transfer_gain.reporting import metric_display, words
from transfer_gain.reporting.figures.method_lines import (
    comparison_title,
    legend,
    plot_published,
    side_by_side,
    tick_labels,
)
from transfer_gain.reporting.figures.style import (
    BAND_AND_BARS,
    NO_BARS,
    footnote,
    hover,
    paper_style,
)

_DASHED = (
    "\ndashed: forecasts of the baseline and of the best method that has one, with 95 % intervals"
)


def plot_learning_curves(
    scores: pd.DataFrame, chance: float, metric: Metric, forecast: pd.DataFrame
) -> Figure:
    """Plot scores against labels per class, one line per method.

    Args:
        scores: rows of the metric's table, of one dataset under one protocol.
        chance: score of a constant guess.
        metric: the metric that is shown.
        forecast: rows of table `forecast` of the same dataset and protocol. Those of the best
            method and of the baseline are drawn.
    """
    noun = metric_display.words(metric).noun
    shown = _drawn(forecast, scores, metric)
    with paper_style():
        figure, axes = plt.subplots(figsize=(6.4, 5.2))
        for (name, style, rows), dodge in side_by_side(scores):
            rows = rows.sort_values("labels")
            labels, color = rows["labels"] * dodge, style["color"]
            axes.fill_between(labels, rows["ci_low"], rows["ci_high"], color=color, alpha=0.13)
            axes.vlines(labels, rows["ci_low"], rows["ci_high"], color=color, linewidth=0.8)
            axes.plot(labels, rows["mean"], **style, label=name)
            plot_published(axes, labels, rows["published"], style)
            for at, row in zip(labels, rows.itertuples(), strict=True):
                about = f"{name}, {words.count(row.labels)} images per class"
                score = words.score(row.mean, row.ci_low, row.ci_high)
                hover(axes, at, row.mean, f"{about}: {score}")
            _plot_forecast(axes, rows.iloc[-1], shown, style, dodge)
        axes.axhline(chance, color="0.4", linestyle=":", label=f"chance ({chance:.3f})")
        axes.set(
            xscale="log",
            ylim=metric_display.limits(metric, chance),
            xlabel="training images per class",
            ylabel=f"validation {noun}",
            title=comparison_title(scores, f"{noun} against labels"),
        )
        tick_labels(axes.xaxis, pd.concat([scores["labels"], shown["labels"].tail(1)]))
        legend(axes, scores["published"])
        footnote(
            figure,
            f"{BAND_AND_BARS};\n{NO_BARS}; markers are shifted sideways to avoid overlap\n"
            f"{_replicates(scores)}{'' if shown.empty else _DASHED}",
        )
    return figure


def _drawn(forecast: pd.DataFrame, scores: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Return the forecasts of the baseline and of the best method that has one."""
    forecast = forecast[forecast["score"].notna()]
    at_most = records.ranked(scores[scores["labels"] == scores["labels"].max()])
    at_most = at_most.merge(forecast[METHOD].drop_duplicates(), on=METHOD)
    if at_most.empty:
        return forecast[:0]
    best = at_most.loc[(metric.sign * at_most["mean"]).idxmax()]
    is_best = (forecast[METHOD] == best[METHOD]).all(axis=1)
    return forecast[is_best | (forecast["method"] == BASELINE)]


def _plot_forecast(
    axes: Axes, last: pd.Series, forecast: pd.DataFrame, style: dict, dodge: float
) -> None:
    """Draw the forecast of a method, if there is one, from its last point on.

    Args:
        axes: where.
        last: the method's row of the most labels.
        forecast: the rows that are drawn.
        style: of the method.
        dodge: its horizontal shift.
    """
    own = forecast[(forecast[METHOD] == last[METHOD]).all(axis=1)].sort_values("times")
    if own.empty:
        return
    labels = np.array([last["labels"], *own["labels"]]) * dodge
    low, high = ([last[end], *own[name]] for end, name in (("ci_low", "low"), ("ci_high", "high")))
    axes.fill_between(labels, low, high, color=style["color"], alpha=0.08, linewidth=0)
    axes.plot(labels, [last["mean"], *own["score"]], color=style["color"], linestyle="--")


def _replicates(scores: pd.DataFrame) -> str:
    """Say how many replicates each number of labels has: the fewest of any method."""
    counts = scores.groupby("labels")["replicates"].min()
    return "replicates: " + ", ".join(f"{count} at {labels:,}" for labels, count in counts.items())
