"""What the answer opens with: what to do, how good it will be, and how sure that is.

Every number is read from tables; which words stand around it follows rules.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from transfer_gain.evaluation import evidence, options
from transfer_gain.evaluation.evidence import METHOD
from transfer_gain.evaluation.statistics import BETTER, EQUAL, WORSE
from transfer_gain.metrics import Metric
from transfer_gain.names import FROM_SCRATCH, HELD_OUT
from transfer_gain.reporting import forecast_sentences, metric_display, mistakes, words

Tables = Mapping[str, pd.DataFrame]

_REVERSED = {BETTER: WORSE, WORSE: BETTER, EQUAL: EQUAL}


class Standing(NamedTuple):
    """How the methods stand on a dataset with all its labels.

    Attributes:
        best: row of table `options` of the recommended method.
        rival: row of the best method of the other family (transfer against training from scratch);
            None if there is none.
        chance: score of the best guess that does not look at the images.
        best_beats_chance: whether the recommended method is better than that: its whole interval,
            or its score if there is no interval.
        rival_beats_chance: whether the rival is.
        p_better: probability that the recommended method is better than the rival by more than the
            margin; NaN if their difference has no interval.
        methods_tried: methods among which the best was picked.
        stand_in: row of the method that is forecast in place of the recommended one, or None.
    """

    best: pd.Series
    rival: pd.Series | None
    chance: float
    best_beats_chance: bool
    rival_beats_chance: bool
    p_better: float
    methods_tried: int
    stand_in: pd.Series | None

    def methods(self) -> list[tuple[str, str]]:
        """Return backbone and method of the recommended one, its rival and what is forecast."""
        rows = (row for row in (self.best, self.rival, self.stand_in) if row is not None)
        return [*dict.fromkeys((row["backbone"], row["method"]) for row in rows)]


def standing(tables: Tables, metric: Metric, dataset: str) -> Standing:
    """Return how the methods stand on a dataset.

    Args:
        tables: `options` and `classes`.
        metric: the metric that is compared.
        dataset: its name.
    """
    rows = tables["options"].query("dataset == @dataset")
    (best,) = (row for _, row in rows[rows["option"] == options.BEST].iterrows())
    others = rows[rows["option"] == options.METHOD_INSTEAD]
    tried = 1 + len(others)
    is_scratch = others["backbone"] == FROM_SCRATCH
    others = others[is_scratch != (best["backbone"] == FROM_SCRATCH)]
    rival = None if others.empty else others.iloc[0]
    scored = tables["classes"].query("dataset == @dataset")["scored"]
    chance = metric.chance(scored.to_numpy())

    def beats(row: pd.Series) -> bool:
        return bool(evidence.beats(chance, row["score"], row["low"], row["high"], metric))

    return Standing(
        best=best,
        rival=rival,
        chance=chance,
        best_beats_chance=beats(best),
        rival_beats_chance=rival is not None and beats(rival),
        p_better=np.nan if rival is None else rival["p_worse"],
        methods_tried=tried,
        stand_in=forecast_sentences.stand_in(tables, dataset),
    )


def outcome(tables: Tables, dataset: str, found: Standing) -> str:
    """Return what is known of the difference to the rival, in the words of `statistics.outcome`.

    It is that of table `gains`, where both are in a row of it, so that the answer says the same of
    them wherever it speaks of them; else that of table `options`. "" without a rival.

    Args:
        tables: `gains`.
        dataset: name of the dataset.
        found: how its methods stand.
    """
    if found.rival is None:
        return ""
    rows = tables["gains"]
    rows = rows[(rows["dataset"] == dataset) & (rows["protocol"] == HELD_OUT)]
    for method, other in ((found.best, found.rival), (found.rival, found.best)):
        if other["backbone"] != FROM_SCRATCH:
            continue
        same = (rows[METHOD] == [method["backbone"], method["method"]]).all(axis=1)
        same &= rows["reference"] == other["method"]
        if same.any():
            row = rows[same].sort_values("fraction").iloc[-1]
            said = row["outcome"]
            return said if method is found.best else _REVERSED.get(said, said)
    return _REVERSED.get(found.rival["outcome"], found.rival["outcome"])


def opening(tables: Tables, metric: Metric, dataset: str) -> list[str]:
    """Return what the answer opens with, as sentences: the advice, and what follows it.

    Args:
        tables: `options`, `gains`, `classes`, `forecast` and `confusion`.
        metric: the metric that is compared.
        dataset: its name.
    """
    found = standing(tables, metric, dataset)
    said = [_advice(found, outcome(tables, dataset, found), metric, dataset)]
    if found.best_beats_chance:
        said.append(forecast_sentences.next_labels(tables, metric, dataset))
    said.append(forecast_sentences.target(tables, metric, dataset))
    said.append(mistakes.most_frequent(tables, dataset))
    return [sentence for sentence in said if sentence]


def _advice(found: Standing, known: str, metric: Metric, dataset: str) -> str:
    """Say which method to use, and with what odds; or that none is of use yet."""
    best, rival, guess = found.best, found.rival, words.accuracy(found.chance)
    if not found.best_beats_chance:
        return (
            f"On {dataset}, use none of these methods yet: the best, {words.named(best)}, scores "
            f"{_score(best)}, and a guess that does not look at the images {guess}. More labels, "
            "or other images, come first."
        )
    text = f"On {dataset}, use {words.named(best)}: {metric_display.words(metric).noun} "
    text += f"{_score(best)} on new images like these"
    if found.methods_tried > 1:
        text += f" (the best of {found.methods_tried}, so rather a little less)"
    if rival is None:
        return f"{text}."
    text += f"; {words.named(rival)} reaches {words.accuracy(rival['score'])}"
    if not found.rival_beats_chance:
        text += f", not clearly better than a guess ({guess})"
    return f"{text}. {_odds(found, known)}"


def _odds(found: Standing, known: str) -> str:
    """Say how sure it is that the best method is better than its rival of the other family."""
    if pd.isna(found.p_better):
        return "Their difference has no interval, so it may be luck."
    margin = words.margin(found.best["margin"])
    if known == EQUAL:
        return f"Both are practically equal: the difference is within {margin}."
    probability = (
        f"the probability that it is better by more than {margin} is "
        f"{words.probability(found.p_better)}"
    )
    if known == BETTER:
        return words.sentence(probability)
    return f"This is not settled: {probability}."


def _score(row: pd.Series) -> str:
    return words.score(row["score"], row["low"], row["high"])
