"""The answer for programs: the sentences of `answer.txt`, and the numbers behind them."""

import json
import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from transfer_gain.metrics import Metric
from transfer_gain.reporting import advice, answer, looked_at

FORMAT = 1  # of the file; a new number tells of renamed or removed keys
_SCORED = ("method", "backbone", "score", "low", "high")

Tables = Mapping[str, pd.DataFrame]


def write(
    tables: Tables, metric: Metric, where: str, models: Mapping[str, str] | None = None
) -> str:
    """Return the answer as JSON; what is not known is null.

    Args:
        tables: see `answer.details`.
        metric: the metric that is compared.
        where: path of the report.
        models: folder of the model of each dataset that has one.
    """
    models = models or {}
    datasets = {
        dataset: {
            **_numbers(tables, metric, dataset),
            "model": models.get(dataset),
            "opening": advice.opening(tables, metric, dataset),
            "looked_at": looked_at.looked_at(tables, dataset),
            "details": sentences,
        }
        for dataset, sentences in answer.details(tables, metric).items()
    }
    whole = {
        "format": FORMAT,
        "metric": metric.name,
        "datasets": datasets,
        "caveats": [*answer.caveats(tables, metric), *answer.limits(tables)],
        "report": where,
    }
    return json.dumps(_plain(whole), indent=2, ensure_ascii=False) + "\n"


def _numbers(tables: Tables, metric: Metric, dataset: str) -> dict[str, Any]:
    """Return what the opening says, as numbers, and the rows of table `options`."""
    found = advice.standing(tables, metric, dataset)
    rows = tables["options"].query("dataset == @dataset").drop(columns="dataset")
    return {
        "recommended": _scored(found.best) if found.best_beats_chance else None,
        "rival": None if found.rival is None else _scored(found.rival),
        "stand_in": None if found.stand_in is None else _scored(found.stand_in),
        "chance": found.chance,
        "margin": found.best["margin"],
        "p_better_than_rival": found.p_better,
        "outcome": advice.outcome(tables, dataset, found),
        "options": rows.to_dict("records"),
    }


def _scored(row: pd.Series) -> dict[str, Any]:
    return {name: row[name] for name in _SCORED}


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it: no NaN, no infinity, no types of NumPy."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
