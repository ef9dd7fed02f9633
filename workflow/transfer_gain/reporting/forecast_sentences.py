"""What more labels are expected to bring, in sentences."""

from collections.abc import Mapping

import pandas as pd

from transfer_gain.evaluation import options
from transfer_gain.evaluation.evidence import METHOD
from transfer_gain.evaluation.forecast import EXPECTED, FARTHEST
from transfer_gain.metrics import Metric
from transfer_gain.names import HELD_OUT
from transfer_gain.reporting import metric_display, words

# Probabilities of a gain that make more labels worth a recommendation, or not.
LIKELY, UNLIKELY = 0.5, 0.2

Tables = Mapping[str, pd.DataFrame]


def next_labels(tables: Tables, metric: Metric, dataset: str) -> str:
    """Say how many more labels are likely to bring more than the margin, or that none are.

    Args:
        tables: `options`.
        metric: the metric that is compared.
        dataset: its name.
    """
    rows = more_labels(tables, dataset)
    if rows.empty:
        return _not_forecast(metric)
    first = rows.iloc[0]
    if first["status"] != EXPECTED:
        return f"What more labels would bring cannot be told: {_reason(first)}."
    likely = rows[rows["p_better"] >= LIKELY]
    row = rows.iloc[-1] if likely.empty else likely.iloc[0]
    noun, margin = metric_display.words(metric).noun, words.margin(row["margin"])
    score = words.score(row["score"], row["low"], row["high"])
    chance = words.probability(row["p_better"])
    many = f"{words.times(row['times'])} times as many images"
    if known := work(row):
        many += f" ({', '.join(known)})"
    if (other := stand_in(tables, dataset)) is not None:
        tried = words.named(_recommended(tables, dataset))
        told = words.sentence(f"{tried} was tried with too few numbers of labels to be forecast")
        now = f"{words.named(other)}, {words.accuracy(other['score'])} now"
        expected = words.sentence(
            f"{now}, is expected to reach {score} with {many}; the probability that it gains more "
            f"than {margin} is {chance}"
        )
        return f"{told} {expected}"
    if likely.empty:
        little = row["p_better"] < UNLIKELY
        begun = "More labels alone will bring little" if little else "More labels may bring little"
        return (
            f"{begun}: with {many}, {noun} {score} is expected, and the probability of a gain of "
            f"more than {margin} is {chance}."
        )
    return (
        f"Then label until there are {many}: {noun} {score} is expected, and the probability of a "
        f"gain of more than {margin} is {chance}."
    )


def work(row: pd.Series) -> list[str]:
    """Return "about 300 more" and "5 hours of work", as far as they are known.

    Args:
        row: a row of table `options` about more labels.
    """
    known = []
    if pd.notna(row["new_labels"]):
        known.append(f"about {words.count(row['new_labels'])} more")
    if pd.notna(row["labeling_minutes"]):
        known.append(f"{words.duration(row['labeling_minutes'])} of work")
    return known


def target(tables: Tables, metric: Metric, dataset: str) -> str:
    """Say how many labels the target needs, with the method that needs the fewest, or "".

    Args:
        tables: `forecast` and `options`, of which only the methods count that can be used.
        metric: the metric that is compared.
        dataset: its name.
    """
    rows = tables["options"].query("dataset == @dataset")
    usable = rows.loc[rows["option"].isin([options.BEST, options.METHOD_INSTEAD]), METHOD]
    rows = tables["forecast"]
    rows = rows[(rows["dataset"] == dataset) & (rows["protocol"] == HELD_OUT)]
    rows = rows.merge(usable, on=METHOD).drop_duplicates(METHOD).dropna(subset="target")
    if rows.empty:
        return ""
    noun = metric_display.words(metric).noun
    score = rows["target"].iloc[0]
    wanted = f"the target, {noun} {words.accuracy(score)}"
    # Without a forecast of its own, what it would need is not known, but it may be there already.
    best = _recommended(tables, dataset)
    is_forecast = (rows[METHOD] == best[METHOD]).all(axis=1).any()
    if not is_forecast and best["score"] >= score:
        reached = f"{wanted}, is reached by {words.named(best)} with the labels at hand"
        return words.sentence(reached)
    within = rows[rows["target_relation"] != "more than"]
    if within.empty:
        return f"No method here is expected to reach {wanted}, with {FARTHEST} times the labels."
    row = within.loc[within["target_labels"].idxmin()]
    needed = f"{row['target_relation']} {words.count(round(row['target_labels']))}".strip()
    low, high = row["target_low"], row["target_high"]
    high = high if high == float("inf") else round(high)
    ends = words.interval(round(low), high, words.count)
    method = words.named(row)
    text = f"To reach {wanted}, {method} needs {needed}{ends} training images per class"
    total = row["target_labels"] * row["total_labels"] / row["labels"]
    return (
        f"{text} (about {words.count(round(total))} labeled images)." if total > 0 else f"{text}."
    )


def sentence(tables: Tables, metric: Metric, dataset: str) -> str:
    """Say what the recommended method, or its stand-in, is expected to score with more labels.

    Args:
        tables: `options`.
        metric: the metric that is compared.
        dataset: its name.
    """
    rows = more_labels(tables, dataset)
    if rows.empty:
        return _not_forecast(metric)
    first = rows.iloc[0]
    method = words.named(first)
    if first["status"] != EXPECTED:
        return f"What {method} would reach with more labels cannot be told: {_reason(first)}."
    times = words.listed([words.times(value) for value in rows["times"]])
    scores = [words.score(row["score"], row["low"], row["high"]) for _, row in rows.iterrows()]
    return f"With {times} times the labels, {method} is expected to reach {words.listed(scores)}."


def stand_in(tables: Tables, dataset: str) -> pd.Series | None:
    """Return the method that is forecast in place of the recommended one, as it is now.

    Args:
        tables: `options`.
        dataset: its name.

    Returns:
        Its row of table `options`; None if the recommended method is forecast, or none is.
    """
    rows = tables["options"].query("dataset == @dataset")
    now = rows[rows["option"] == options.METHOD_INSTEAD]
    now = now.merge(more_labels(tables, dataset)[METHOD].drop_duplicates(), on=METHOD)
    return None if now.empty else now.iloc[0]


def more_labels(tables: Tables, dataset: str) -> pd.DataFrame:
    """Return a dataset's rows about more labels, by their number."""
    rows = tables["options"]
    rows = rows[(rows["dataset"] == dataset) & (rows["option"] == options.MORE_LABELS)]
    return rows.sort_values("times")


def _recommended(tables: Tables, dataset: str) -> pd.Series:
    """Return the row of the recommended method in table `options`."""
    rows = tables["options"]
    return rows[(rows["dataset"] == dataset) & (rows["option"] == options.BEST)].iloc[0]


def _not_forecast(metric: Metric) -> str:
    noun = metric_display.words(metric).noun
    return f"What more labels will bring cannot be told: {noun} is not forecast."


def _reason(row: pd.Series) -> str:
    return row["status"].partition(": ")[2]
