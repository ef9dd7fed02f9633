"""Rows that training jobs write: `runs`, their `history`, and their `predictions`."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from transfer_gain.data import store
from transfer_gain.data.replicates import Replicates
from transfer_gain.metrics import METRICS, Predictions
from transfer_gain.schedule import before_last_fifth

# A run has levelled off if its training loss fell by less than this (in nats) in its last fifth.
STILL_FALLING = 0.01
_PROBABILITY = "probability_"


def scores(
    training: Predictions, validation: Predictions, data: Replicates
) -> dict[str, np.ndarray]:
    """Return every replicate's scores by all metrics as columns of `runs`.

    Args:
        training: predictions for the training sample.
        validation: predictions for the images that any replicate selects or is scored on.
        data: says which of them select and which are scored.

    Returns:
        Columns (replicates,): `train_`, `validation_`, `selection_` and `test_`, each followed by
        the name of every metric. Those of `validation_` are over the selection set and the test
        set, except that they never read test images that the dataset came with.
    """
    validated = data.selection if data.has_test else data.selection | data.test
    return {
        **{f"train_{metric.name}": metric.score(training) for metric in METRICS},
        **_scored(validation, validated, "validation"),
        **_scored(validation, data.selection, "selection"),
        **_scored(validation, data.test, "test"),
    }


def _scored(predictions: Predictions, images: np.ndarray, role: str) -> dict[str, np.ndarray]:
    """Return the scores by every metric, in columns named after what the images are for.

    Args:
        predictions: of all images.
        images: bool (replicates, images), those that count for each replicate.
        role: "validation", "selection" or "test".
    """
    scored = {f"{role}_{metric.name}": np.empty(len(images)) for metric in METRICS}
    for members in _of_same_images(images):
        own = predictions.by(members).of(images[members[0]])
        for metric in METRICS:
            scored[f"{role}_{metric.name}"][members] = metric.score(own)
    return scored


def _of_same_images(images: np.ndarray) -> list[np.ndarray]:
    """Return the places of replicates that share their images, together: one array per split."""
    _, split = np.unique(images, axis=0, return_inverse=True)
    return [np.flatnonzero(split == number) for number in np.unique(split)]


def of_all_images(made: Predictions, places: np.ndarray, data: Replicates) -> Predictions:
    """Return predictions for all of `data.validation`: those made, and zeros elsewhere.

    Args:
        made: predictions for some of the images.
        places: which they are, see `Replicates.own_places`.
        data: labels, and the images that select and score.
    """
    replicates = np.arange(len(made.classes))[:, None]
    of_all = []
    for values in made[1:]:
        shape = len(replicates), len(data.validation), *values.shape[2:]
        of_all.append(np.zeros(shape, values.dtype))
        of_all[-1][replicates, places] = values
    return Predictions(data.labels[data.validation], *of_all)


def predictions(scored: Predictions, data: Replicates) -> pd.DataFrame:
    """Return what was predicted of the images that select and score, as rows.

    Args:
        scored: predictions for `data.validation`.
        data: says which of them each replicate selects or is scored on.

    Returns:
        One row per replicate and image: replicate (int32), image_id, label, predicted (classes,
        int16) and the probability of each class (float32, of half precision: 0.05 % of itself).
    """
    replicates, images = np.nonzero(data.selection | data.test)
    rounded = scored.probabilities[replicates, images].astype(np.float16).astype(np.float32)
    return pd.DataFrame(
        {
            "replicate": data.replicate_numbers[replicates].astype(np.int32),
            "image_id": data.image_ids[images],
            "label": scored.labels[images].astype(np.int16),
            "predicted": scored.classes[replicates, images].astype(np.int16),
            **{probability_of(label): values for label, values in enumerate(rounded.T)},
        }
    )


def probability_of(label: int) -> str:
    """Return the column of a class's probability."""
    return f"{_PROBABILITY}{label}"


def probability_columns(predicted: pd.DataFrame) -> list[str]:
    """Return the columns of the probabilities, by class."""
    return [name for name in predicted if name.startswith(_PROBABILITY)]


def probabilities(predicted: pd.DataFrame) -> np.ndarray:
    """Return the probability of each class, float64 (rows, classes)."""
    return predicted[probability_columns(predicted)].to_numpy(np.float64)


def levelled_off(history: pd.DataFrame) -> np.ndarray:
    """Return whether each replicate's training loss had stopped falling (`STILL_FALLING`).

    Args:
        history: rows of one run: replicate, epoch, train_loss.

    Returns:
        bool (replicates,), False if the run was evaluated only at its end.
    """
    losses = history.pivot(index="replicate", columns="epoch", values="train_loss")
    *evaluated, last = losses.columns
    before = losses[[epoch for epoch in evaluated if epoch <= before_last_fifth(last)]]
    if before.empty:
        return np.zeros(len(losses), bool)
    return (before.iloc[:, -1] - losses.iloc[:, -1] < STILL_FALLING).to_numpy()


def write(
    made: Mapping[str, pd.DataFrame], paths: Mapping[str, Path | str], names: Mapping[str, str]
) -> None:
    """Write the rows of a training job, preceded by the columns that name it.

    Args:
        made: rows by kind: "history", "predictions", "runs".
        paths: file of each kind to write; the runs are written last, so that if they exist, all
            others do.
        names: dataset, backbone, precision, method, fraction, run and protocol. Where the runs of
            rows differ, they have a column `run`.
    """
    columns = ("dataset", "backbone", "precision", "method", "fraction", "run", "protocol")
    values = {name: names[name] for name in columns} | {"fraction": float(names["fraction"])}
    for kind in sorted(paths):
        found = made[kind]
        about = values | ({"run": found["run"]} if "run" in found else {})
        named = store.with_names(found.drop(columns="run", errors="ignore"), about)
        store.write_rows(named, paths[kind])
