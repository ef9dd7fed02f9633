"""Table `options` as the report shows it beside the answer."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from transfer_gain.evaluation import options
from transfer_gain.evaluation.training_cost import training_cost
from transfer_gain.methods import records
from transfer_gain.metrics import Metric
from transfer_gain.names import HELD_OUT
from transfer_gain.reporting import forecast_sentences, metric_display, words

COMPUTING = "computing"

Tables = Mapping[str, pd.DataFrame]


class Shown(NamedTuple):
    """A table of texts.

    Attributes:
        columns: headings, and whether each column is a cost, which differs between runs.
        rows: one text per column, "" for what is not known.
    """

    columns: list[tuple[str, bool]]
    rows: list[tuple[str, ...]]


def shown(tables: Tables, metric: Metric, dataset: str) -> Shown:
    """Return the options of a dataset as texts; columns without any are left out.

    The first row is the best method, which the others are compared with, except where another
    method stands in for it with more labels (see `options.options`). Computing is the
    time that this study took for all runs of a method with all labels.

    Args:
        tables: `options`, the metric's table, `cost` and `fractions`.
        metric: the metric that is compared.
        dataset: its name.
    """
    seconds = _seconds(tables, metric, dataset)
    rows = tables["options"].query("dataset == @dataset")
    other = forecast_sentences.stand_in(tables, dataset)
    judged = ""
    if other is not None:
        judged = f", {words.named(other)} against itself now"

    def computing(row: pd.Series) -> str:
        measured = row["option"] in (options.BEST, options.METHOD_INSTEAD)
        taken = seconds.get((row["backbone"], row["method"]), np.nan) if measured else np.nan
        return _number(taken, _computing)

    columns: dict[str, Callable[[pd.Series], str]] = {
        "option": lambda row: _label(row, judged),
        metric_display.words(metric).noun: lambda row: _number(
            row["score"], lambda score: words.score(score, row["low"], row["high"])
        ),
        f"chance of +{words.margin(rows['margin'].iloc[0])}": lambda row: _number(
            row["p_better"], words.probability
        ),
        "gain in points": lambda row: (
            _number(row["gain"], words.points)
            + words.interval(row["gain_low"], row["gain_high"], words.points)
        ),
        COMPUTING: computing,
    }
    texts = {name: [write(row) for _, row in rows.iterrows()] for name, write in columns.items()}
    texts = {name: own for name, own in texts.items() if any(own)}
    return Shown(
        [(name, name == COMPUTING) for name in texts], list(zip(*texts.values(), strict=True))
    )


def _label(row: pd.Series, judged: str) -> str:
    """Return the name of an option; `judged` says with which method more labels are judged."""
    if row["option"] == options.MORE_LABELS:
        times = f"{words.times(row['times'])} times the labels{judged}"
        return f"{times}: {', '.join(known)}" if (known := forecast_sentences.work(row)) else times
    if row["option"] == options.UNTRIED:
        return f"{records.method(row['method']).label}: {row['status']}"
    name = words.named(row)
    return f"{name} (best)" if row["option"] == options.BEST else name


def _number(value: float, show) -> str:
    return "" if pd.isna(value) else show(value)


def _computing(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else words.duration(seconds / 60)


def _seconds(tables: Tables, metric: Metric, dataset: str) -> dict[tuple[str, str], float]:
    """Return the time of all runs with all labels, by backbone and method."""
    scores = tables[metric.name]
    scores = scores[(scores["dataset"] == dataset) & (scores["protocol"] == HELD_OUT)]
    cost = training_cost(tables["cost"], scores, tables["fractions"])
    cost = cost[cost["fraction"] == cost["fraction"].max()]
    return dict(
        zip(zip(cost["backbone"], cost["method"], strict=True), cost["seconds"], strict=True)
    )
