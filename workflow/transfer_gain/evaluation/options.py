"""Table `options`: what a person can do next, beside each other, and what it is expected to bring.

All options are compared with the same thing, the recommended method with the labels at hand, except
those of a method that stands in for it (see `options`).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from transfer_gain.evaluation import evidence, recommendation, statistics
from transfer_gain.evaluation.evidence import METHOD, Evidence, by_place
from transfer_gain.evaluation.forecast import EXPECTED, FEW_FRACTIONS
from transfer_gain.evaluation.recommendation import Candidate
from transfer_gain.metrics import Metric
from transfer_gain.names import FROM_SCRATCH, HELD_OUT

COLUMNS = [
    *["dataset", "option", "backbone", "method", "times", "new_labels", "labeling_minutes"],
    *["score", "low", "high", "gain", "gain_low", "gain_high"],
    *["margin", "p_better", "p_equal", "p_worse", "outcome", "status"],
]
# Values of `option`.
BEST, METHOD_INSTEAD, MORE_LABELS, UNTRIED = "best", "method", "labels", "untried"
MEASURED, NOT_TRIED = "measured", "not tried in this study"


def options(
    selected: pd.DataFrame,
    predictions: Mapping[str, pd.DataFrame],
    metric: Metric,
    scores: pd.DataFrame,
    forecast: pd.DataFrame,
    *,
    controls: Collection[str] = (),
    untried: Sequence[str] = (),
    minutes_per_label: float | None = None,
) -> pd.DataFrame:
    """Return the options of each dataset: the recommended method, others, more labels.

    Args:
        selected: see `comparison`; only the rows under protocol "held-out" count.
        predictions: see `comparison`.
        metric: the metric that is compared.
        scores: the metric's table, see `comparison.scores`.
        forecast: table `forecast`.
        controls: backbones with random weights.
        untried: methods that the study could have trained, and did not.
        minutes_per_label: time that it takes to label an image, if the user gave it.

    Returns:
        Columns `COLUMNS`. Of each dataset: the recommended method, then the other methods at the
        largest fraction, the best first, then the recommended method with more labels, then the
        methods that were not tried. If the recommended method was trained with too few fractions to
        be forecast, the best of its family that is forecast stands in for it. `gain` is what is
        gained over the recommended method with the labels at hand; an improvement is above zero.
        Its interval holds for all other methods together (Bonferroni), and `outcome` is what it
        shows (`statistics.outcome`). `p_better`, `p_equal` and `p_worse` are the probabilities that
        the gain is above, within and below the margin, see `comparison.gains`. Of more labels,
        gains and `p_better` are those of the forecast, each by itself and over the same method now;
        the other two are empty. `new_labels` are labeled images beyond those at hand; `times` is
        how many times as many there are then.
    """
    selected = selected[selected["protocol"] == HELD_OUT]
    largest = selected.groupby("dataset")["fraction"].transform("max")
    rows: list[dict[str, Any]] = []
    for place, known in by_place(selected[selected["fraction"] == largest], predictions, metric):
        dataset = place["dataset"]
        best, *others = recommendation.ranked(scores, dataset, metric, controls)
        own = known[best.backbone, best.method]
        rows.append(_row(dataset, BEST, best) | {"margin": own.margin, "status": MEASURED})
        rows += [
            _row(dataset, METHOD_INSTEAD, other)
            | _gain(evidence.gain(known[other.backbone, other.method], own, metric), len(others))
            for other in others
        ]
        rows += [
            {**row, "margin": own.margin, "labeling_minutes": _minutes(row, minutes_per_label)}
            for row in _more_labels(forecast, dataset, [best, *others])
        ]
        rows += [
            {"dataset": dataset, "option": UNTRIED, "method": method, "status": NOT_TRIED}
            for method in untried
        ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    for text in ("backbone", "outcome", "status"):
        table[text] = [value if isinstance(value, str) else "" for value in table[text]]
    return table


def _row(dataset: str, option: str, candidate: Candidate) -> dict[str, Any]:
    """Return the columns of a method with the labels at hand."""
    return {
        "dataset": dataset,
        "option": option,
        "backbone": candidate.backbone,
        "method": candidate.method,
        "times": 1,
        "new_labels": 0,
        "score": candidate.score,
        "low": candidate.low,
        "high": candidate.high,
    }


def _gain(gain: Evidence, told_together: int) -> dict[str, Any]:
    """Return the columns of a method's gain over the recommended one."""
    together = evidence.contrast([gain], [1], 1 - statistics.SIGNIFICANT / told_together)
    alone = evidence.contrast([gain], [1])
    worse, equal, better = statistics.probabilities(alone, gain.margin)
    return {
        "gain": together.estimate,
        "gain_low": together.low,
        "gain_high": together.high,
        "margin": gain.margin,
        "p_better": better,
        "p_equal": equal,
        "p_worse": worse,
        "outcome": statistics.outcome(together, gain.margin),
        "status": MEASURED,
    }


def _more_labels(
    forecast: pd.DataFrame, dataset: str, ranked: Sequence[Candidate]
) -> list[dict[str, Any]]:
    """Return the columns of more labels, from table `forecast`: of the best method, or a stand-in.

    The best other method of its family, transfer or training from scratch, stands in for one that
    was trained with too few fractions.
    """
    forecast = forecast[(forecast["dataset"] == dataset) & (forecast["protocol"] == HELD_OUT)]
    is_scratch = ranked[0].backbone == FROM_SCRATCH
    chosen, *others = (
        forecast[(forecast[METHOD] == [each.backbone, each.method]).all(axis=1)]
        for each in ranked
        if (each.backbone == FROM_SCRATCH) == is_scratch
    )
    if (chosen["status"] == FEW_FRACTIONS).any():
        chosen = next((rows for rows in others if (rows["status"] == EXPECTED).any()), chosen)
    kept = [name for name in COLUMNS if name in forecast]
    rows = chosen[[*kept, "total_labels"]].to_dict("records")
    return [
        row
        | {
            "option": MORE_LABELS,
            "new_labels": np.round(row["total_labels"] * (1 - 1 / row["times"])),
        }
        for row in rows
    ]


def _minutes(row: Mapping[str, Any], minutes_per_label: float | None) -> float:
    """Return how long the new labels take, in minutes; NaN if it is not known."""
    return np.nan if minutes_per_label is None else row["new_labels"] * minutes_per_label
