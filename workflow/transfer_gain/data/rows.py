"""Rows that training jobs write: `runs`, one row per replicate, and `history`, its course."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from transfer_gain.data import store
from transfer_gain.data.sampling import Replicates
from transfer_gain.metrics import METRICS, Predictions

# A run has levelled off if its training loss fell by less than this (in nats) in its last fifth.
STILL_FALLING = 0.01


def scores(
    training: Predictions, validation: Predictions, data: Replicates
) -> dict[str, np.ndarray]:
    """Return every replicate's scores by all metrics, and mean losses, as columns of `runs`.

    Args:
        training: predictions for the training sample.
        validation: predictions for the validation images and test images.
        data: defines the selection set and the test set.

    Returns:
        Columns (replicates,): `train_`, `validation_`, `selection_` and `test_`, each followed by
        the name of every metric; the first three also followed by `loss`. Those of `validation_`
        are over the selection set and the test set, except that they never read test images that
        the dataset came with.
    """
    selection, test = validation.of(data.selection), validation.of(~data.selection)
    validated = selection if data.has_test else validation
    return {
        **_scored(training, "train"),
        "train_loss": training.losses.mean(axis=1, dtype=np.float64),
        **_scored(validated, "validation"),
        "validation_loss": validated.losses.mean(axis=1, dtype=np.float64),
        "selection_loss": selection.losses.mean(axis=1, dtype=np.float64),
        **_scored(selection, "selection"),
        **_scored(test, "test"),
    }


def _scored(predictions: Predictions, role: str) -> dict[str, np.ndarray]:
    """Return the scores by every metric, in columns named after what the images are for."""
    return {f"{role}_{metric.name}": metric.score(predictions) for metric in METRICS}


def levelled_off(history: pd.DataFrame) -> np.ndarray:
    """Return whether each replicate's training loss had stopped falling (`STILL_FALLING`).

    Args:
        history: rows of one run: replicate, epoch, train_loss.

    Returns:
        bool (replicates,), False if the run was evaluated only at its end.
    """
    losses = history.pivot(index="replicate", columns="epoch", values="train_loss")
    *evaluated, last = losses.columns
    # Rounded as in `loop.evaluation_epochs`.
    before = losses[[epoch for epoch in evaluated if epoch <= max(round(0.8 * last), 1)]]
    if before.empty:
        return np.zeros(len(losses), bool)
    return (before.iloc[:, -1] - losses.iloc[:, -1] < STILL_FALLING).to_numpy()


def write(rows: pd.DataFrame, path: Path | str, names: Mapping[str, Any]) -> None:
    """Write the rows of a training job, preceded by the columns that name it.

    Args:
        rows: one row per replicate, or per evaluation and replicate.
        path: file to write.
        names: dataset, backbone, precision, method, fraction, run and protocol; a series where the
            rows differ.
    """
    columns = ("dataset", "backbone", "precision", "method", "fraction", "run", "protocol")
    values = {name: names[name] for name in columns} | {"fraction": float(names["fraction"])}
    store.write_rows(store.with_names(rows, values), path)
