"""Text alternatives of figures for screen readers, written from the tables."""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from transfer_gain.evaluation import similarity
from transfer_gain.labelling import replay
from transfer_gain.labelling.strategies import BY_NAME
from transfer_gain.metrics import Metric
from transfer_gain.names import SAME_IMAGES
from transfer_gain.reporting import words

# The table that has the metric's name, and columns whose names contain it.
SCORES = "scores"
VALIDATION, NEEDED = "validation_score", "baseline_labels"

Tables = Mapping[str, pd.DataFrame]


def describe(kind: str, wildcards: Mapping[str, str], tables: Tables, metric: Metric) -> str:
    """Return the values that a figure shows as sentences, or "" for an unknown kind.

    Args:
        kind: kind of the figure, such as "gains".
        wildcards: dataset, protocol and backbone, if the figure has them.
        tables: tables by name.
        metric: the metric that is compared.
    """
    if kind not in _WRITERS:
        return ""
    table, write = _WRITERS[kind]
    rows = tables[metric.name if table == SCORES else table].rename(
        columns={
            f"validation_{metric.name}": VALIDATION,
            f"baseline_labels_for_same_{metric.name}": NEEDED,
        }
    )
    for name in set(wildcards) & set(rows):
        rows = rows[rows[name] == wildcards[name]]
    return write(rows)


def _learning_curves(rows: pd.DataFrame) -> str:
    return _lines(
        rows, lambda row: f"{words.accuracy(row['mean'])} at {words.count(row['labels'])}"
    )


def _decision(rows: pd.DataFrame) -> str:
    rows = rows[rows["score"].notna()]
    said = [
        f"{words.method(row['method'], row['backbone'])} with {words.times(row['times'])} times "
        f"the labels {words.accuracy(row['score'])}"
        for _, row in rows.iterrows()
    ]
    return _sentence("scores", said)


def _label_value(rows: pd.DataFrame) -> str:
    def value(row: pd.Series) -> str:
        needed = words.count(row[NEEDED])
        return f"{row['relation']} {needed} instead of {words.count(row['labels'])}".strip()

    return _lines(rows, value)


def _gains(rows: pd.DataFrame) -> str:
    rows = rows[rows["method"] == "transfer"]
    said = []
    for (backbone, reference), of_pair in rows.groupby(["backbone", "reference"], sort=False):
        values = [
            f"{words.points(row['absolute_gain'])} at {100 * row['fraction']:g} %"
            for _, row in of_pair.sort_values("fraction").iterrows()
        ]
        over = words.method(reference, words.FROM_SCRATCH)
        said.append(f"from {backbone} over {over} {words.listed(values)}")
    return _sentence("gain in percentage points", said)


def _best_heads(rows: pd.DataFrame) -> str:
    rows = rows[rows["protocol"] == SAME_IMAGES]
    said = [
        f"{row['dataset']}, {row['backbone']}, {100 * row['fraction']:g} %: "
        f"{words.accuracy(row[VALIDATION])} with layers {row['layers']}, "
        f"{row['activation']}, learning rate {row['learning_rate']:g}"
        for _, row in rows.iterrows()
    ]
    return _sentence("best heads", said)


def _long_runs(rows: pd.DataFrame) -> str:
    rows = rows[(rows["run"] == "long") & (rows["protocol"] == SAME_IMAGES)]
    losses = rows.groupby("fraction")[["train_loss", "validation_loss"]].mean()
    said = [
        f"{100 * fraction:g} %: training {row['train_loss']:.3g}, validation "
        f"{row['validation_loss']:.3g}"
        for fraction, row in losses.iterrows()
    ]
    return _sentence("losses after the last epoch", said)


def _grid(rows: pd.DataFrame) -> str:
    rows = rows[(rows["run"] == "grid") & (rows["method"] == "transfer")]
    means = rows.groupby(["fraction", "layers", "activation", "learning_rate"])[VALIDATION]
    said = [
        f"{100 * fraction:g} %: {words.accuracy(means.min())} to {words.accuracy(means.max())}"
        for fraction, means in means.mean().groupby("fraction")
    ]
    return _sentence("lowest to highest mean over all heads", said)


def _one_shot(rows: pd.DataFrame) -> str:
    said = [
        f"{_training(row)} {words.accuracy(row['accuracy'])}"
        for _, row in rows[rows["classes"] == "unseen"].iterrows()
    ]
    chance = words.accuracy(rows["chance"].iloc[0])
    return _sentence(f"share of unseen tasks solved (chance {chance})", said)


def _training(row: pd.Series) -> str:
    if not row["batch"]:
        return row["method"]
    return f"{row['method']} ({row['batch']} pairs per batch, epoch: one {row['epoch_unit']})"


def _similarity(rows: pd.DataFrame) -> str:
    def pair(row: pd.Series) -> str:
        sides = (f"{row[f'class_{side}']} of {row[f'dataset_{side}']}" for side in "ab")
        return f"{words.listed(list(sides))} ({words.accuracy(row['feature_distance'])})"

    whole = rows["class_a"] == similarity.WHOLE
    itself = (rows["dataset_a"] == rows["dataset_b"]) & (rows["class_a"] == rows["class_b"])
    classes = rows[~whole & ~itself].sort_values("feature_distance")
    said = [
        f"nearest {words.listed([pair(row) for _, row in classes.head(3).iterrows()])}",
        f"farthest {words.listed([pair(row) for _, row in classes.tail(3).iterrows()])}",
    ]
    return _sentence("distances between classes (MMD)", said)


def _distances(rows: pd.DataFrame) -> str:
    whole = rows[(rows["class_a"] == similarity.WHOLE) & (rows["dataset_a"] != rows["dataset_b"])]
    said = [
        f"{row['dataset_a']} from {row['dataset_b']} {words.accuracy(row['feature_distance'])}"
        for _, row in whole.iterrows()
    ]
    return _sentence("distances between datasets (MMD)", said)


def _near_copies(rows: pd.DataFrame) -> str:
    said = [
        f"{row['path']} and {row['other']} ({row['relation']})"
        for _, row in rows.head(12).iterrows()
    ]
    return _sentence("near copies", said or ["none"])


def _confusion(rows: pd.DataFrame) -> str:
    said = [
        f"{row['class']} for {row['predicted']} {words.count(row['images'])}"
        for _, row in rows[rows["rank"] > 0].head(12).iterrows()
    ]
    return _sentence("images of one class taken for another, most first", said or ["none"])


def _reliability(rows: pd.DataFrame) -> str:
    said = [
        f"{100 * fraction:g} %: {words.accuracy(own['calibration_error'].iloc[0])}, "
        f"confidence {words.accuracy((own['confidence'] * own['share']).sum())} and accuracy "
        f"{words.accuracy((own['accuracy'] * own['share']).sum())} on average"
        for fraction, own in rows.groupby("fraction")
    ]
    return _sentence("expected calibration error", said)


def _mistakes(rows: pd.DataFrame) -> str:
    said = [
        f"{row['image_id']}: {row['class']} taken for {row['predicted']}, {row['confidence']:.2f}"
        for _, row in rows.head(12).iterrows()
    ]
    return _sentence("mistakes with their confidence, most first", said or ["none"])


def _next_labels(rows: pd.DataFrame) -> str:
    rows = rows[(rows["batch"] == replay.ALL) & rows["difference"].notna()]
    said = [
        f"{BY_NAME[row['strategy']].label} {words.points(row['difference'])}"
        + words.interval(row["low"], row["high"], words.points)
        for _, row in rows.iterrows()
    ]
    return _sentence("gain over random choice in points", said)


def _to_label(rows: pd.DataFrame) -> str:
    said = [
        f"{row['path']}: {row['class']}, {row['probability']:.2f}"
        for _, row in rows.head(12).iterrows()
    ]
    return _sentence("images to label, the first one first", said or ["none"])


def _lines(rows: pd.DataFrame, value: Callable[[pd.Series], str]) -> str:
    """Return the values of each method, ordered by its labels per class."""
    said = []
    for (name, backbone), own in rows.groupby(["method", "backbone"], sort=False):
        values = [value(row) for _, row in own.sort_values("labels").iterrows()]
        said.append(f"{words.method(name, backbone)} {words.listed(values)}")
    return _sentence("by images per class", said)


_WRITERS = {
    "decision": ("options", _decision),
    "learning_curves": (SCORES, _learning_curves),
    "gains": ("gains", _gains),
    "label_value": ("label_value", _label_value),
    "best_heads": ("best_heads", _best_heads),
    "learning_rates": ("best_heads", _best_heads),
    "long_runs": ("runs", _long_runs),
    "grid": ("runs", _grid),
    "near_copies": ("near_copies", _near_copies),
    "confusion": ("confusion", _confusion),
    "reliability": ("reliability", _reliability),
    "mistakes": ("mistakes", _mistakes),
    "next_labels": ("next_labels_test", _next_labels),
    "to_label": ("next_labels", _to_label),
    "one_shot": ("one_shot_summary", _one_shot),
    "one_shot_methods": ("one_shot_summary", _one_shot),
    "similarity": ("similarity", _similarity),
    "class_map": ("similarity", _similarity),
    "distance_and_gain": ("similarity", _distances),
}


def _sentence(what: str, said: Sequence[str]) -> str:
    """Join the parts into one sentence, or return "" if there are none."""
    return words.sentence(f"{what}: {'; '.join(said)}") if said else ""
