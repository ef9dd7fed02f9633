"""Studies that were never run: the rows of every method, and the tables made of them."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from transfer_gain.data import store
from transfer_gain.data.rows import probability_of
from transfer_gain.evaluation import comparison, evidence, mistakes, selection, tables
from transfer_gain.evaluation import forecast as future
from transfer_gain.evaluation import label_value as worth
from transfer_gain.evaluation import options as choices
from transfer_gain.evaluation.evidence import Evidence
from transfer_gain.evaluation.published import PUBLISHED
from transfer_gain.metrics import ACCURACY
from transfer_gain.reporting.figures.samples import plot_samples

SOURCES = {"clothes": "fashion-mnist", "avatars": "avatars"}
LABELS = {0.001: 6, 0.01: 60, 0.1: 600, 1.0: 6000}
REPLICATES = {1.0: 1, 0.1: 3, 0.01: 5, 0.001: 10}
SCRATCH = [("none", "baseline"), ("none", "augmentation"), ("none", "baseline-2018")]
TRANSFERS = [("vgg16", "transfer"), ("vgg16-random", "transfer"), ("vgg16", "linear-probe")]
PROTOCOLS = ("same-images", "held-out")
HEADS = [
    (layers, activation, rate, 0.0001)
    for layers in ("100", "100-50", "100-50-25")
    for activation in ("sigmoid", "elu")
    for rate in (0.01, 0.001, 0.0001)
]
ACCURACIES = ["validation_accuracy", "selection_accuracy", "test_accuracy"]
LOSSES = ["validation_loss", "selection_loss"]
CLASSES = ["t-shirt", "trouser", "kurta & été"]


def runs(
    method: tuple[str, str],
    fraction: float,
    accuracies: list[float],
    dataset: str = "clothes",
    protocol: str = "same-images",
) -> pd.DataFrame:
    """Rows of one method's replicates."""
    return pd.DataFrame(
        {
            "dataset": dataset,
            "backbone": method[0],
            "method": method[1],
            "fraction": fraction,
            "labels": LABELS[fraction],
            "protocol": protocol,
            "replicate": range(len(accuracies)),
            "accuracy": accuracies,
            "configurations": 3 if method[0] == "none" else 18,
            "train_loss": np.linspace(0.1, 0.3, len(accuracies)),
            "levelled_off": np.arange(len(accuracies)) % 2 == 0,
            "updates": 1000,
        }
    )


def study(replicates: dict[float, int] = REPLICATES, seed: int = 0) -> pd.DataFrame:
    """A whole study: every method, transfer better where data are few."""
    rng = np.random.default_rng(seed)
    parts = []
    for dataset in SOURCES:
        for fraction, count in replicates.items():
            easy = 0.8 + 0.1 * np.log10(fraction)
            for number, method in enumerate(SCRATCH + TRANSFERS):
                gain = -0.07 * np.log10(fraction) - 0.05 if "transfer" in method else 0.01 * number
                for protocol in PROTOCOLS:
                    accuracies = easy + gain + rng.normal(0, 0.02, count)
                    parts.append(runs(method, fraction, accuracies, dataset, protocol))
    return pd.concat(parts, ignore_index=True)


def published(table: str, sources: dict[str, str] = SOURCES) -> pd.DataFrame:
    return tables.read_published(PUBLISHED, table, sources)


def accuracy(selected: pd.DataFrame, **sources: str) -> pd.DataFrame:
    theirs = published("accuracy", sources or SOURCES)
    return comparison.scores(selected, {}, ACCURACY, theirs, ["vgg16"])


def gains(selected: pd.DataFrame, **sources: str) -> pd.DataFrame:
    theirs = published("gains", sources or SOURCES)
    return comparison.gains(selected, {}, ACCURACY, theirs, ["vgg16"], {"vgg16-random": ["vgg16"]})


def hypotheses(selected: pd.DataFrame) -> pd.DataFrame:
    return comparison.hypotheses(selected, {}, ACCURACY, 0.01, 1)


def label_value(selected: pd.DataFrame) -> pd.DataFrame:
    return worth.label_value(selected, {}, ACCURACY)


def forecast(selected: pd.DataFrame, seed: int = 1, target: float | None = None) -> pd.DataFrame:
    return future.forecast(selected, {}, ACCURACY, seed, target)


def options(
    selected: pd.DataFrame, target: float | None = None, minutes_per_label: float | None = None
) -> pd.DataFrame:
    return choices.options(
        selected,
        {},
        ACCURACY,
        accuracy(selected),
        forecast(selected, target=target),
        controls=["vgg16-random"],
        untried=["fine-tuning"],
        minutes_per_label=minutes_per_label,
    )


class Gain(NamedTuple):
    """A relative and an absolute gain, each with its interval, and the test's p-value."""

    relative_gain: float
    relative_low: float
    relative_high: float
    absolute_gain: float
    absolute_low: float
    absolute_high: float
    p_value: float


def paired_gain(method: Sequence[float], reference: Sequence[float], level: float = 0.95) -> Gain:
    """What scores of the same replicates say about a gain."""
    own, other = (Evidence(pd.Series(np.asarray(each, float))) for each in (method, reference))
    absolute = evidence.contrast([own - other], [1], level)
    relative = evidence.relative_gain(own, other, absolute, level)
    return Gain(*relative, *absolute[:3], 2 * min(absolute.p_less, absolute.p_greater))


def of_images(datasets: Iterable[str], scored: Sequence[int] = (100,) * 7) -> dict:
    """Return tables `classes`, with so many scored images of each class, and `skipped`."""
    classes = pd.concat(
        pd.DataFrame(
            {
                "dataset": dataset,
                "class": [f"class {number}" for number in range(len(scored))],
                "images": [6000 + 2 * each for each in scored],
                "training": 6000,
                "selection": list(scored),
                "test": list(scored),
                "scored": list(scored),
                "splits": 1,
                "size": 64,
                "channels": "gray",
                "resize": "stretch",
            }
        )
        for dataset in datasets
    )
    skipped = pd.DataFrame({"dataset": [], "path": [], "reason": []}, dtype="str")
    return {"classes": classes, "skipped": skipped}


def predictions(
    probabilities: np.ndarray,
    labels: Sequence[int],
    replicates: Sequence[int] | int = 0,
    images: Sequence[str] | None = None,
    method: tuple[str, str] = ("vgg16", "transfer"),
    fraction: float = 1.0,
) -> pd.DataFrame:
    """Rows of kept predictions: of each, the probability of every class."""
    images = [f"image {number}" for number in range(len(labels))] if images is None else images
    shares = np.asarray(probabilities, np.float64)
    return pd.DataFrame(
        {
            "backbone": method[0],
            "method": method[1],
            "fraction": fraction,
            "replicate": replicates,
            "image_id": images,
            "label": np.asarray(labels, np.int16),
            "predicted": shares.argmax(axis=1).astype(np.int16),
            **{probability_of(label): of for label, of in enumerate(shares.T)},
        }
    )


def random_predictions(
    selected: pd.DataFrame, classes: int = 7, per_class: int = 10
) -> dict[str, pd.DataFrame]:
    """Predictions of every run under protocol "held-out", by dataset; roughly as accurate."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), per_class)
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in selected["dataset"].unique()}
    for run in selected[selected["protocol"] == "held-out"].itertuples():
        shares = rng.dirichlet(np.ones(classes), len(labels))
        right = rng.uniform(size=len(labels)) < run.accuracy
        shares[right, labels[right]] += 1
        shares /= shares.sum(axis=1, keepdims=True)
        method = (run.backbone, run.method)
        made = predictions(shares, labels, run.replicate, None, method, run.fraction)
        found[run.dataset].append(made)
    return {name: pd.concat(parts, ignore_index=True) for name, parts in found.items() if parts}


def of_mistakes(selected: pd.DataFrame, scores: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the tables of the best methods' mistakes in a study of random predictions."""
    made = random_predictions(selected)
    classes = {dataset: [f"class {number}" for number in range(7)] for dataset in made}
    controls = ["vgg16-random"]
    return {
        name: mistakes.tabulate(name, made, classes, scores, ACCURACY, controls)
        for name in mistakes.TABLES
    }


TABLES = {
    "accuracy": (accuracy, comparison.SCORES),
    "gains": (gains, comparison.GAINS),
    "hypotheses": (hypotheses, comparison.HYPOTHESES),
    "label_value": (label_value, worth.columns(ACCURACY)),
    "forecast": (forecast, future.COLUMNS),
    "options": (options, choices.COLUMNS),
}


@cache
def _made_once(name: str) -> pd.DataFrame:
    make, _ = TABLES[name]
    return make(study())


def table_of_study(name: str) -> pd.DataFrame:
    """Return a table of the whole study, which is made once for all tests."""
    return _made_once(name).copy()


def make_runs(replicates: int = 3, seed: int = 0, steps: int = 1024) -> pd.DataFrame:
    """Rows of all 18 heads, in the config's order; few steps make ties, sums are exact."""
    rng = np.random.default_rng(seed)
    rows = [
        dict(zip(selection.CONFIGURATION, head, strict=True))
        | {"replicate": replicate}
        | {name: rng.integers(1, 2 * steps) / steps for name in LOSSES}
        | {name: rng.integers(1, steps) / steps for name in ACCURACIES}
        for head in HEADS
        for replicate in range(replicates)
    ]
    return pd.DataFrame(rows)


def runs_of(fractions: dict[float, int]) -> pd.DataFrame:
    return pd.concat(
        store.with_names(
            make_runs(replicates, seed),
            {
                "dataset": "clothes",
                "backbone": "vgg16",
                "fraction": float(fraction),
                "training_samples": round(42000 * fraction),
            },
        )
        for seed, (fraction, replicates) in enumerate(fractions.items())
    )


def samples(_: dict[float, int] | None = None) -> Figure:
    """A figure of eleven pictures of noise."""
    labels = np.repeat([0, 1, 2], [4, 4, 3])
    index = pd.DataFrame({"image_id": map(str, labels), "split": "training", "label": labels})
    pixels = np.random.default_rng(0).integers(0, 256, (11, 64, 64, 1), dtype=np.uint8)
    return plot_samples(index, pixels, CLASSES, "clothes")
