"""The first answer about a dataset, from two methods, while the study goes on."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from transfer_gain.evaluation import evidence, predictions, selection, statistics
from transfer_gain.evaluation.evidence import Evidence
from transfer_gain.metrics import Metric
from transfer_gain.names import FROM_SCRATCH, HELD_OUT
from transfer_gain.reporting import metric_display, words


def first_answer(
    runs: pd.DataFrame,
    roles: pd.DataFrame,
    index: pd.DataFrame,
    paths: Iterable[Path | str],
    dataset: str,
    metric: Metric,
) -> str:
    """Return the first answer about a dataset as a line of text.

    Scores, intervals and probabilities are those of the full answer's tables for the same runs.

    Args:
        runs: rows of a method on a backbone and of one that trains from scratch, at one fraction.
        roles: the dataset's validation roles (split, image_id, role).
        index: the dataset's rows (image_id and, if there are groups, group).
        paths: files of the predictions of these runs.
        dataset: its name.
        metric: the metric that selects and is compared.

    Raises:
        StoreError: a file is corrupt.
    """
    # The number of labels is of no interest here, but `select_runs` asks for it.
    labels = runs[["dataset", "fraction"]].drop_duplicates().assign(training_per_class=0)
    selected = selection.select_runs(runs, labels, metric)
    selected = selected[selected["protocol"] == HELD_OUT]
    predicted = predictions.gather(selected, roles, index, dataset, paths)
    ((_, known),) = evidence.by_place(selected, {dataset: predicted}, metric)
    scored = predicted.drop_duplicates("image_id")["label"]
    return _sentences(known, metric.chance(np.bincount(scored)), dataset, metric)


def _sentences(
    known: dict[tuple[str, str], Evidence], chance: float, dataset: str, metric: Metric
) -> str:
    """Return what is known of the two methods, and how sure it is which one is better."""
    by_score = sorted(known, key=lambda name: metric.sign * known[name].mean, reverse=True)
    scores = ", ".join(
        f"{_named(name)} {_score(known[name], metric)}"
        for name in sorted(known, key=lambda name: name[0] == FROM_SCRATCH)
    )
    best, other = by_score
    gain = evidence.gain(known[best], known[other], metric)
    found = evidence.contrast([gain], [1])
    if np.isfinite(found.low):
        *_, better = statistics.probabilities(found, gain.margin)
        odds = (
            f"The probability that {_named(best)} is better by more than "
            f"{words.margin(gain.margin)} is {words.probability(better)}."
        )
    else:
        odds = "The difference may be luck."
    return (
        f"First answer, to be refined, on {dataset}: {metric_display.words(metric).noun} of "
        f"{scores}; of a guess that does not look at the images {words.accuracy(chance)}. {odds}\n"
    )


def _named(name: tuple[str, str]) -> str:
    backbone, method = name
    return words.method(method, backbone) + (
        " (one learning rate)" if backbone == FROM_SCRATCH else ""
    )


def _score(own: Evidence, metric: Metric) -> str:
    return words.score(*evidence.mean_interval(own, metric))
