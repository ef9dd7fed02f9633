"""What more labels are expected to bring, in a sentence."""

from collections.abc import Mapping

import pandas as pd

from transfer_gain.evaluation.forecast import EXPECTED, FARTHEST
from transfer_gain.metrics import Metric
from transfer_gain.reporting import metric_display, words


def sentence(tables: Mapping[str, pd.DataFrame], metric: Metric, dataset: str) -> str:
    """Say what the best method with all labels is expected to score with more.

    Args:
        tables: the metric's table and `forecast`.
        metric: the metric that is compared.
        dataset: its name.
    """
    rows = tables["forecast"]
    rows = rows[rows["dataset"] == dataset]
    noun = metric_display.words(metric).noun
    if rows.empty:
        return f"What more labels will bring cannot be told: {noun} is not forecast."
    best = _best(tables[metric.name], rows, metric)
    own = rows[(rows[["backbone", "method"]] == list(best)).all(axis=1)].sort_values("times")
    method = words.method(best[1], best[0])
    status = own["status"].iloc[0]
    if status != EXPECTED:
        reason = status.partition(": ")[2]
        return f"What {method} would reach with more labels cannot be told: {reason}."
    times = words.listed([words.times(value) for value in own["times"]])
    scores = [
        words.accuracy(row["score"]) + words.interval(row["low"], row["high"], words.accuracy)
        for _, row in own.iterrows()
    ]
    text = f"With {times} times the labels, {method} is expected to reach {words.listed(scores)}"
    return f"{text}{_needed(own.iloc[0], noun)}."


def _best(scores: pd.DataFrame, forecast: pd.DataFrame, metric: Metric) -> tuple[str, str]:
    """Return backbone and method of the best score with all labels, among those in `forecast`."""
    on = ["dataset", "backbone", "method", "protocol"]
    known = scores.merge(forecast[on].drop_duplicates(), on=on)
    known = known[known["labels"] == known["labels"].max()]
    best = known.loc[(metric.sign * known["mean"]).idxmax()]
    return best["backbone"], best["method"]


def _needed(row: pd.Series, noun: str) -> str:
    """Say how many labels the target needs, or return "" if there is none."""
    if pd.isna(row["target"]):
        return ""
    text = f"; {noun} {words.accuracy(row['target'])} "
    if row["target_relation"] == "more than":
        return f"{text}would need more than {FARTHEST} times the labels, which cannot be told"
    needed = f"{row['target_relation']} {words.count(round(row['target_labels']))}".strip()
    ends = words.interval(
        round(row["target_low"]),
        row["target_high"] if row["target_high"] == float("inf") else round(row["target_high"]),
        words.count,
    )
    return f"{text}needs {needed}{ends} labels per class"
