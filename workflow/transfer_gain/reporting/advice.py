"""What the answer opens with: the method to use, how good it will be, and how sure that is."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from transfer_gain.evaluation.statistics import BETTER, EQUAL, WORSE
from transfer_gain.methods import records
from transfer_gain.methods.records import FROM_SCRATCH_METHODS
from transfer_gain.metrics import Metric
from transfer_gain.names import FROM_SCRATCH, HELD_OUT
from transfer_gain.reporting import metric_display, words

Tables = Mapping[str, pd.DataFrame]


def advice(tables: Tables, metric: Metric, dataset: str) -> str:
    """Say which method to use on a dataset with all its labels, and with what odds.

    The best method of the other family (transfer against training from scratch) stands beside it.
    The odds are the probabilities of table `gains`, beyond its margin.

    Args:
        tables: the metric's table, `gains`, `hypotheses` and `classes`.
        metric: the metric that is compared.
        dataset: name of the dataset.
    """
    rows = _candidates(tables, metric, dataset)
    is_scratch = rows["backbone"] == FROM_SCRATCH
    best = _best(rows, metric)
    chance = _chance(tables, metric, dataset)
    if not _beats(best, chance, metric):
        return (
            f"On {dataset}, use none of these methods yet: the best, {_named(best)}, scores "
            f"{_score(best)}, and a guess that does not look at the images {words.accuracy(chance)}"
            ". More labels, or other images, come first."
        )
    text = f"On {dataset}, use {_named(best)}: {metric_display.words(metric).noun} {_score(best)} "
    text += "on new images like these"
    others = rows[is_scratch != (best["backbone"] == FROM_SCRATCH)]
    if others.empty:
        return f"{text}."
    rival = _best(others, metric)
    text += f"; {_named(rival)} reaches {words.accuracy(rival['mean'])}"
    if not _beats(rival, chance, metric):
        text += f", not clearly more than a guess ({words.accuracy(chance)})"
    return f"{text}. {_odds(tables, dataset, best, rival)}"


def _candidates(tables: Tables, metric: Metric, dataset: str) -> pd.DataFrame:
    """Return the methods' rows at the largest fraction, without references and controls."""
    rows = tables[metric.name]
    rows = rows[(rows["dataset"] == dataset) & (rows["protocol"] == HELD_OUT)]
    rows = rows[rows["fraction"] == rows["fraction"].max()]
    trained = [FROM_SCRATCH, *tables["hypotheses"]["backbone"]]
    return records.ranked(rows[rows["backbone"].isin(trained)])


def _best(rows: pd.DataFrame, metric: Metric) -> pd.Series:
    """Return the row with the best mean score; the first of several."""
    return rows.loc[(metric.sign * rows["mean"]).idxmax()]


def _chance(tables: Tables, metric: Metric, dataset: str) -> float:
    """Return the score of the best guess that does not look at the images."""
    scored = tables["classes"].query("dataset == @dataset")["scored"]
    return metric.chance(scored.to_numpy())


def _beats(row: pd.Series, chance: float, metric: Metric) -> bool:
    """Return whether a method's interval, or its score if it has none, is better than a guess."""
    worst = row["ci_low" if metric.higher_is_better else "ci_high"]
    worst = row["mean"] if pd.isna(worst) else worst
    return metric.sign * worst > metric.sign * chance


def _named(row: pd.Series) -> str:
    return words.method(row["method"], row["backbone"])


def _score(row: pd.Series) -> str:
    interval = words.interval(row["ci_low"], row["ci_high"], words.accuracy)
    return f"{words.accuracy(row['mean'])}{interval}"


def _odds(tables: Tables, dataset: str, best: pd.Series, rival: pd.Series) -> str:
    """Say how sure it is that the best method is better than its rival of the other family."""
    method, reference = (best, rival) if rival["backbone"] == FROM_SCRATCH else (rival, best)
    assert reference["method"] in FROM_SCRATCH_METHODS
    gains = tables["gains"]
    same = (
        (gains["dataset"] == dataset)
        & (gains["protocol"] == HELD_OUT)
        & (gains["fraction"] == method["fraction"])
        & (gains["backbone"] == method["backbone"])
        & (gains["method"] == method["method"])
        & (gains["reference"] == reference["method"])
    )
    (gain,) = (row for _, row in gains[same].iterrows())
    if pd.isna(gain["p_better"]):
        return "Each was trained once, so the difference may be luck."
    ahead = gain["p_better"] if method is best else gain["p_worse"]
    margin = f"{100 * gain['margin']:.2g} points"
    outcome = gain["outcome"] if method is best else _REVERSED.get(gain["outcome"])
    if outcome == EQUAL:
        return f"Both are practically equal: the difference is within {margin}."
    probability = f"the probability that it is better by more than {margin} is {_share(ahead)}"
    if outcome == BETTER:
        return words.sentence(probability)
    return f"This is not settled: {probability}."


_REVERSED = {BETTER: WORSE, WORSE: BETTER, EQUAL: EQUAL}


def _share(probability: float) -> str:
    """Return a probability, never as certain."""
    return f"{np.clip(probability, 0.01, 0.99):.2f}"
