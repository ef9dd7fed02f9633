"""Which method is recommended for new images, and the configuration that it is trained with."""

from collections.abc import Collection
from typing import Any, NamedTuple

import pandas as pd

from transfer_gain.evaluation.selection import CONFIGURATION
from transfer_gain.methods import records
from transfer_gain.metrics import Metric
from transfer_gain.names import HELD_OUT


class Candidate(NamedTuple):
    """A method, on a backbone unless it trains from scratch, and how it scored.

    Attributes:
        method: its name.
        backbone: name of the backbone, or "none".
        fraction: the largest fraction of the training images, at which it was scored.
        labels: training images per class at that fraction.
        score: mean score under protocol "held-out".
        low: lower end of its 95 % interval; NaN if there is none.
        high: upper end.
    """

    method: str
    backbone: str
    fraction: float
    labels: float
    score: float
    low: float
    high: float


def ranked(
    scores: pd.DataFrame, dataset: str, metric: Metric, controls: Collection[str] = ()
) -> list[Candidate]:
    """Return the methods of a dataset at the largest fraction, the best first.

    Ties stay in the order of the table. Methods and backbones that only serve for comparison are
    left out.

    Args:
        scores: the metric's table, see `comparison.scores`.
        dataset: name of the dataset.
        metric: the metric that is compared.
        controls: backbones with random weights.
    """
    rows = scores[(scores["dataset"] == dataset) & (scores["protocol"] == HELD_OUT)]
    rows = rows[rows["fraction"] == rows["fraction"].max()]
    rows = records.ranked(rows[~rows["backbone"].isin(controls)])
    rows = rows.sort_values("mean", ascending=not metric.higher_is_better, kind="stable")
    columns = ["method", "backbone", "fraction", "labels", "mean", "ci_low", "ci_high"]
    return [Candidate(*values) for values in rows[columns].itertuples(index=False)]


def configuration(selected: pd.DataFrame, dataset: str, candidate: Candidate) -> dict[str, Any]:
    """Return the configuration that most replicates of a method selected, the first among equals.

    Args:
        selected: the selected runs, see `selection.select_runs`.
        dataset: name of the dataset.
        candidate: the method.

    Returns:
        `CONFIGURATION` by name.
    """
    names = {
        "dataset": dataset,
        "protocol": HELD_OUT,
        "method": candidate.method,
        "backbone": candidate.backbone,
        "fraction": candidate.fraction,
    }
    rows = selected[(selected[list(names)] == list(names.values())).all(axis=1)]
    counts = rows.groupby(CONFIGURATION, sort=False, dropna=False).size()
    return dict(zip(CONFIGURATION, counts.idxmax(), strict=True))


def candidates(
    scores: pd.DataFrame,
    selected: pd.DataFrame,
    dataset: str,
    metric: Metric,
    controls: Collection[str] = (),
) -> pd.DataFrame:
    """Return the methods of `ranked`, the best first, each with its `configuration`: one row each.

    `head_learning_rate` is that of the head which the method trains again, or its own.

    Args:
        scores: see `ranked`.
        selected: see `configuration`.
        dataset: name of the dataset.
        metric: the metric that is compared.
        controls: backbones with random weights.
    """
    rows = []
    for candidate in ranked(scores, dataset, metric, controls):
        own = configuration(selected, dataset, candidate)
        # Fine-tuning has a rate of its own, after that of the head that it starts from.
        refit_of = records.method(candidate.method).refit_of or candidate.method
        head = configuration(selected, dataset, candidate._replace(method=refit_of))
        rows.append(candidate._asdict() | own | {"head_learning_rate": head["learning_rate"]})
    return pd.DataFrame(rows)
