"""Where the best method goes wrong: its confusions, its calibration, its most confident mistakes.

Everything is computed from the predictions that are kept for the selected runs under protocol
"held-out", from which its score is computed as well. So they agree.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from transfer_gain.data.rows import probabilities
from transfer_gain.evaluation.per_class import confusion_matrix, image_weights, per_class
from transfer_gain.evaluation.predictions import NAMES
from transfer_gain.methods import records
from transfer_gain.metrics import CALIBRATION_BINS, Metric
from transfer_gain.names import HELD_OUT

CONFUSION = [
    *["dataset", *NAMES, "class", "predicted"],
    *["images", "share_of_class", "share_of_mistakes", "rank"],
]
RELIABILITY = [
    *["dataset", *NAMES, "bin_low", "bin_high"],
    *["images", "share", "confidence", "accuracy", "calibration_error"],
]
MISTAKES = [
    *["dataset", *NAMES, "image_id", "class", "predicted"],
    *["confidence", "runs_wrong", "runs"],
]


class Chosen(NamedTuple):
    """A method at a fraction, as the columns `NAMES` name it."""

    backbone: str
    method: str
    fraction: float


def best_methods(
    scores: pd.DataFrame, metric: Metric, dataset: str, controls: Collection[str]
) -> list[Chosen]:
    """Return the method with the best mean score at each fraction, smallest fraction first.

    Args:
        scores: the metric's table, see `comparison.scores`.
        metric: the metric that is compared.
        dataset: name of the dataset.
        controls: backbones with random weights. They and methods that are only references are never
            the best.
    """
    rows = scores[(scores["dataset"] == dataset) & (scores["protocol"] == HELD_OUT)]
    rows = records.ranked(rows[~rows["backbone"].isin(list(controls))])
    best = (metric.sign * rows["mean"]).groupby(rows["fraction"]).idxmax()
    return [Chosen(*names) for names in rows.loc[best, NAMES].itertuples(index=False)]


def tabulate(
    table: str,
    predictions: Mapping[str, pd.DataFrame],
    classes: Mapping[str, Sequence[str]],
    scores: pd.DataFrame,
    metric: Metric,
    controls: Collection[str],
) -> pd.DataFrame:
    """Return a table of all datasets by name.

    Args:
        table: a key of `TABLES`.
        predictions: of each dataset, see `predictions.gather`.
        classes: names of its classes by label.
        scores: the metric's table.
        metric: the metric that is compared.
        controls: see `best_methods`.
    """
    return pd.concat(
        (
            TABLES[table](
                rows, classes[dataset], dataset, best_methods(scores, metric, dataset, controls)
            )
            for dataset, rows in predictions.items()
        ),
        ignore_index=True,
    )


def confusion(
    predictions: pd.DataFrame, classes: Sequence[str], dataset: str, best: Sequence[Chosen]
) -> pd.DataFrame:
    """Count for which class the best method at the largest fraction takes each class.

    Args:
        predictions: of one dataset.
        classes: names by label.
        dataset: its name.
        best: of `best_methods`.

    Returns:
        Columns `CONFUSION`: mistakes, the most frequent first, then the right answers in the order
        of the classes; pairs of classes that are never confused have no row. `images` is a mean
        over runs, so that the rows of a class add up to its scored images. `rank` is 1 for the most
        confused pair, equal for equally many, and 0 for right answers.
    """
    matrix = confusion_matrix(_of(predictions, best[-1]), len(classes))
    wrong = matrix * (1 - np.eye(len(classes)))
    true, taken = np.nonzero((matrix > 0) | np.eye(len(classes), dtype=bool))
    rows = pd.DataFrame({"true": true, "taken": taken, "images": matrix[true, taken]})
    is_wrong = rows["true"] != rows["taken"]
    per_image = matrix.sum(axis=1)[true]
    rows["share_of_class"] = rows["images"] / np.where(per_image > 0, per_image, np.nan)
    rows["share_of_mistakes"] = (rows["images"] / max(wrong.sum(), 1e-9)).where(is_wrong)
    ranks = rows.loc[is_wrong, "images"].rank(method="min", ascending=False)
    rows["rank"] = ranks.reindex(rows.index).fillna(0).astype(np.int64)
    rows = pd.concat([rows[is_wrong].sort_values("rank", kind="stable"), rows[~is_wrong]])
    names = np.array(classes)
    rows = rows.assign(**{"class": names[rows["true"]], "predicted": names[rows["taken"]]})
    return _named(rows, dataset, best[-1])[CONFUSION]


def reliability(
    predictions: pd.DataFrame, classes: Sequence[str], dataset: str, best: Sequence[Chosen]
) -> pd.DataFrame:
    """Compare confidence and accuracy of the best method at each fraction.

    Args:
        predictions: of one dataset.
        classes: names by label.
        dataset: its name.
        best: of `best_methods`.

    Returns:
        Columns `RELIABILITY`, one row per bin of confidence that has images. `images` is the mean
        number over runs, `share` their share of all images. `calibration_error` is that of all runs
        together, the mean distance between confidence and accuracy, weighted by `share`.
    """
    found = []
    for chosen in best:
        rows = _of(predictions, chosen)
        weights = image_weights(rows["image_id"])
        confidence = probabilities(rows).max(axis=1)
        right = (rows["label"] == rows["predicted"]).to_numpy()
        bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
        images = np.bincount(bins, weights, CALIBRATION_BINS)
        (seen,) = np.nonzero(images)
        sums = [
            np.bincount(bins, weights * values, CALIBRATION_BINS)[seen]
            for values in (confidence, right)
        ]
        table = pd.DataFrame(
            {
                "bin_low": seen / CALIBRATION_BINS,
                "bin_high": (seen + 1) / CALIBRATION_BINS,
                "images": images[seen],
                "share": images[seen] / images.sum(),
                "confidence": sums[0] / images[seen],
                "accuracy": sums[1] / images[seen],
                "calibration_error": np.abs(sums[0] - sums[1]).sum() / images.sum(),
            }
        )
        found.append(_named(table, dataset, chosen)[RELIABILITY])
    return pd.concat(found)


def mistakes(
    predictions: pd.DataFrame, classes: Sequence[str], dataset: str, best: Sequence[Chosen]
) -> pd.DataFrame:
    """List the images that the best method at the largest fraction gets wrong.

    Args:
        predictions: of one dataset.
        classes: names by label.
        dataset: its name.
        best: of `best_methods`.

    Returns:
        Columns `MISTAKES`, the most confident first. An image counts as taken for the class that
        most of its runs predict (of several, the one of the highest confidence), and `confidence`
        is the mean probability of that class over all runs that predict the image. `runs_wrong` is
        how many of its `runs` predict any wrong class.
    """
    rows = _of(predictions, best[-1]).reset_index(drop=True)
    image, ids = pd.factorize(rows["image_id"])
    runs = np.bincount(image)
    votes, summed = (np.zeros((len(ids), len(classes))) for _ in range(2))
    np.add.at(votes, (image, rows["predicted"].to_numpy(np.int64)), 1)
    np.add.at(summed, image, probabilities(rows))
    means = summed / runs[:, None]
    taken = np.where(votes == votes.max(axis=1, keepdims=True), means, -1).argmax(axis=1)
    labels = np.zeros(len(ids), np.int64)
    labels[image] = rows["label"]
    table = pd.DataFrame(
        {
            "image_id": ids,
            "class": np.array(classes)[labels],
            "predicted": np.array(classes)[taken],
            "confidence": means[np.arange(len(ids)), taken],
            "runs_wrong": runs - votes[np.arange(len(ids)), labels].astype(np.int64),
            "runs": runs,
        }
    )
    table = table[taken != labels].sort_values(
        ["confidence", "image_id"], ascending=[False, True], ignore_index=True
    )
    return _named(table, dataset, best[-1])[MISTAKES]


TABLES: dict[str, Callable[..., pd.DataFrame]] = {
    "per_class": lambda predictions, classes, dataset, best: per_class(
        predictions, classes, dataset
    ),
    "confusion": confusion,
    "reliability": reliability,
    "mistakes": mistakes,
}


def _of(predictions: pd.DataFrame, chosen: Chosen) -> pd.DataFrame:
    """Return the predictions of one method at one fraction."""
    return predictions[(predictions[NAMES] == list(chosen)).all(axis=1)]


def _named(rows: pd.DataFrame, dataset: str, chosen: Chosen) -> pd.DataFrame:
    """Return rows with the columns that name a dataset and a method at a fraction."""
    return rows.assign(dataset=dataset, **chosen._asdict())
