"""Studies of simulated images, small enough for hundreds, through the workflow's functions.

The population is known: classes are mixtures of Gaussian clouds in `DIMENSIONS` dimensions. A
method sees an image through noise of its own, as a backbone would, and a ridge classifier is fitted
to what it sees, in closed form, with one of `PENALTIES`. Everything else is the workflow's own:
roles of images, nested samples, selection, predictions, scores, gains and the value of a label.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from transfer_gain import metrics
from transfer_gain.data import rows, sampling, splits, store
from transfer_gain.data.replicates import Replicates
from transfer_gain.data.sources.base import Item
from transfer_gain.evaluation import comparison, predictions, selection
from transfer_gain.evaluation.label_value import label_value
from transfer_gain.methods.records import TRANSFER
from transfer_gain.metrics import Metric, Predictions
from transfer_gain.names import AUGMENTATION, BASELINE, BASELINE_2018, FROM_SCRATCH, HELD_OUT

DATASET, BACKBONE = "simulated", "simulated-backbone"
# The true gain of transfer over each reference, about, in points at fraction 0.3. That over the
# first one is exactly zero: both see images through equal noise.
REFERENCES = {BASELINE_2018: 0, AUGMENTATION: 5, BASELINE: 10}
METHODS = (TRANSFER, *REFERENCES)
FRACTIONS = {1.0: 5, 0.3: 5, 0.1: 10}  # replicates, as in workflow/studies/own.yaml
DIMENSIONS = 40
CLOUDS = 2  # of each class
PENALTIES = (0.03, 0.3, 3.0)  # per training image


@dataclass(frozen=True)
class Design:
    """The images that a user has, and how hard they are.

    Attributes:
        name: in tables.
        images: of each class.
        distance: between the centers of the clouds, in standard deviations of a cloud.
        noise: through which each method sees images, in standard deviations of a cloud.
        metric_name: of the metric that selects and is compared.
    """

    name: str
    images: tuple[int, ...]
    distance: float
    noise: Mapping[str, float]
    metric_name: str = "accuracy"

    @property
    def metric(self) -> Metric:
        """Return the metric that selects and is compared."""
        return metrics.metric(self.metric_name)


def _noise(transfer: float, five: float, ten: float) -> dict[str, float]:
    return dict(zip(METHODS, (transfer, transfer, five, ten), strict=True))


DESIGNS = (
    Design("4 × 60", (60,) * 4, 4.5, _noise(0.7, 0.93, 1.16)),
    Design("225 + 75", (225, 75), 4.0, _noise(0.7, 1.0, 1.31), "balanced_accuracy"),
    Design("10 × 20", (20,) * 10, 5.5, _noise(0.7, 0.86, 1.0)),
)


@functools.cache
def centers(classes: int) -> np.ndarray:
    """Return the centers of all clouds, the same in every study, float (classes, clouds, values).

    All classes share half of their variance with a neighbor, so that they are confused in pairs.
    """
    rng = np.random.default_rng(2018)
    shared = np.repeat(rng.normal(size=((classes + 1) // 2, 1, DIMENSIONS)), 2, axis=0)[:classes]
    own = rng.normal(size=(classes, 1, DIMENSIONS))
    cloud = rng.normal(size=(classes, CLOUDS, DIMENSIONS))
    return (shared + own + cloud) / np.sqrt(3 * DIMENSIONS)


def seen(labels: np.ndarray, design: Design, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw images of given classes, as each method sees them.

    Args:
        labels: class of each image, int (images,).
        design: says how far apart the clouds are, and what methods see.
        rng: random generator.

    Returns:
        Of each method, float32 (images, values).
    """
    of_class = centers(len(design.images))
    cloud = rng.integers(CLOUDS, size=len(labels))
    images = design.distance * of_class[labels, cloud] + rng.normal(size=(len(labels), DIMENSIONS))
    return {
        method: (images + noise * rng.normal(size=images.shape)).astype(np.float32)
        for method, noise in design.noise.items()
    }


def fit(data: Replicates, keep_predictions: bool = True) -> dict[str, pd.DataFrame]:
    """Fit every replicate's sample once per penalty, as `linear_probe.fit` does.

    Args:
        data: features, labels, samples and roles.
        keep_predictions: whether predictions are wanted.

    Returns:
        `runs` and `predictions`.
    """
    made: dict[str, list[pd.DataFrame]] = {"runs": [], "predictions": []}
    inputs = data.features[data.samples].astype(np.float64)  # (replicates, images, values)
    targets = np.eye(data.classes)[data.labels[data.samples]]
    middle, share = inputs.mean(axis=1, keepdims=True), targets.mean(axis=1, keepdims=True)
    scale = np.sqrt(np.square(inputs - middle).mean(axis=(1, 2), keepdims=True))
    inputs = (inputs - middle) / scale
    squares = np.swapaxes(inputs, 1, 2) @ inputs / inputs.shape[1]
    products = np.swapaxes(inputs, 1, 2) @ (targets - share) / inputs.shape[1]
    validation = (data.features[data.validation] - middle) / scale
    for penalty in PENALTIES:
        kernel = np.linalg.solve(squares + penalty * np.eye(DIMENSIONS), products)
        scored = _predicted(validation @ kernel + share, data.labels[data.validation])
        training = _predicted(inputs @ kernel + share, data.labels[data.samples])
        configuration = {"layers": "none", "activation": "none", "learning_rate": np.nan}
        configuration["l2"] = penalty
        scores = rows.scores(training, scored, data)
        about = {"updates": 1, "levelled_off": True, "replicate": data.replicate_numbers}
        made["runs"].append(pd.DataFrame({**configuration, **about, **scores}))
        if keep_predictions:
            predicted = rows.predictions(scored, data)
            made["predictions"].append(store.with_names(predicted, configuration))
    return {kind: pd.concat(parts, ignore_index=True) for kind, parts in made.items() if parts}


def _backbone(method: str) -> str:
    return BACKBONE if method == TRANSFER else FROM_SCRATCH


def _predicted(scores: np.ndarray, labels: np.ndarray) -> Predictions:
    """Return predictions from scores (replicates, images, classes)."""
    raised = np.exp(6 * (scores - scores.max(axis=-1, keepdims=True)))
    probabilities = raised / raised.sum(axis=-1, keepdims=True)
    true = np.take_along_axis(
        probabilities, np.broadcast_to(labels, scores.shape[:2])[..., None], -1
    )
    return Predictions(labels, scores.argmax(axis=-1), -np.log(true[..., 0]), probabilities)


@dataclass(frozen=True)
class Study:
    """What a study has made, for the tables of `transfer_gain.evaluation`.

    Attributes:
        selected: see `comparison`, of protocol "held-out".
        predictions: see `comparison`.
        metric: that selected and is compared.
    """

    selected: pd.DataFrame
    predictions: dict[str, pd.DataFrame]
    metric: Metric

    def scores(self) -> pd.DataFrame:
        """Return table `scores`."""
        published = pd.DataFrame(columns=["dataset", "fraction"])
        about = self.selected, self.predictions, self.metric
        return comparison.scores(*about, published, [])

    def gains(self) -> pd.DataFrame:
        """Return table `gains`."""
        names = ["dataset", "fraction", "reference", "relative_gain", "absolute_gain"]
        published = pd.DataFrame(columns=names).astype({"dataset": str, "reference": str})
        about = self.selected, self.predictions, self.metric
        return comparison.gains(*about, published.astype({"fraction": float}), [], {})

    def label_value(self) -> pd.DataFrame:
        """Return table `label_value`."""
        return label_value(self.selected, self.predictions, self.metric)


def study(
    design: Design,
    cross_fitted: bool,
    seed: int,
    folder: Path,
    fractions: Mapping[float, int] = FRACTIONS,
) -> Study:
    """Draw images that no other study has, and run a study of them.

    Args:
        design: the images.
        cross_fitted: whether the images are cross-fitted, instead of split once.
        seed: of the study.
        folder: for the files of a study, which are overwritten.
        fractions: and the replicates of each.
    """
    rng = np.random.default_rng([2018, seed])
    classes = [f"class {label}" for label in range(len(design.images))]
    labels = np.repeat(np.arange(len(classes)), design.images)
    items = [Item(f"{row}", int(label)) for row, label in enumerate(labels)]
    drawn = splits.draw_split(items, classes, None, None, rng, cross_fitted=cross_fitted)
    index = pd.DataFrame(
        [(item.image_id, split, item.label) for item, split in drawn],
        columns=["image_id", "split", "label"],
    )
    views = seen(index["label"].to_numpy(), design, rng)
    roles = sampling.validation_roles(index, DATASET, seed, classes)
    runs, counts = [], []
    paths = [folder / f"{method}.parquet" for method in METHODS]
    predicted: dict[str, list[pd.DataFrame]] = {method: [] for method in METHODS}
    for fraction, replicates in fractions.items():
        samples = sampling.draw_samples(index, fraction, DATASET, replicates, seed, classes, roles)
        per_class = len(samples) / samples["replicate"].nunique() / len(classes)
        counts.append((DATASET, fraction, per_class))
        for method, features in views.items():
            made = fit(replicates_of(index, samples, roles, features))
            names = {"dataset": DATASET, "backbone": _backbone(method), "method": method}
            names |= {"fraction": fraction, "run": "grid", "protocol": "both"}
            runs.append(store.with_names(made["runs"], names))
            predicted[method].append(store.with_names(made["predictions"], names))
    for method, path in zip(METHODS, paths, strict=True):
        store.write_rows(pd.concat(predicted[method], ignore_index=True), path)
    labels_of = pd.DataFrame(counts, columns=["dataset", "fraction", "training_per_class"])
    runs_of_all = pd.concat(runs, ignore_index=True)
    selected = selection.select_runs(runs_of_all, labels_of, design.metric)
    gathered = predictions.gather(selected, roles, index, DATASET, paths)
    held_out = selected[selected["protocol"] == HELD_OUT].reset_index(drop=True)
    return Study(held_out, {DATASET: gathered}, design.metric)


def replicates_of(
    index: pd.DataFrame, samples: pd.DataFrame, roles: pd.DataFrame, features: np.ndarray
) -> Replicates:
    """Return what `read_replicates` reads from files, from the tables themselves."""
    row_of = pd.Series(np.arange(len(index)), index=index["image_id"])
    image_ids = roles["image_id"].unique()
    replicates = samples["replicate"].nunique()

    def who_has(role: str) -> np.ndarray:
        of_splits = [
            np.isin(image_ids, own["image_id"][own["role"] == role])
            for _, own in roles.groupby("split")
        ]
        return np.stack(of_splits * (replicates if len(of_splits) == 1 else 1))

    return Replicates(
        features,
        index["label"].to_numpy(np.int32),
        row_of[samples["image_id"]].to_numpy().reshape(replicates, -1),
        row_of[image_ids].to_numpy(),
        who_has("selection"),
        who_has("test"),
        image_ids,
        index["label"].nunique(),
    )


def true_scores(
    design: Design,
    counts: tuple[int, ...],
    selecting: tuple[int, ...],
    draws: int,
    seed: int = 2018,
) -> dict[str, float]:
    """Return what each method scores on average, over training sets and the whole population.

    Args:
        design: the population, and the shares of the classes in it.
        counts: training images of each class.
        selecting: images of each class that select, as in a study.
        draws: number of independent training sets, a multiple of 20.
        seed: of the draws.
    """
    rng = np.random.default_rng([seed, *counts])
    at_once, classes = 20, np.arange(len(counts))
    scored = np.array(design.images) * 2000 // sum(design.images)
    training = np.tile(np.repeat(classes, counts), at_once)
    validation = np.repeat(np.tile(classes, 2), [*selecting, *scored])
    of_test = np.arange(len(validation)) >= sum(selecting)
    found: dict[str, list[float]] = {method: [] for method in design.noise}
    for _ in range(draws // at_once):
        labels = np.concatenate([training, validation]).astype(np.int32)
        for method, features in seen(labels, design, rng).items():
            rows_of = np.arange(len(labels))
            data = Replicates(
                features,
                labels,
                rows_of[: len(training)].reshape(at_once, -1),
                rows_of[len(training) :],
                np.tile(~of_test, (at_once, 1)),
                np.tile(of_test, (at_once, 1)),
                validation.astype(str),
                len(classes),
            )
            runs = fit(data, keep_predictions=False)["runs"]
            chosen = selection.select_heads(runs, design.metric)
            best = selection.runs_of(runs, chosen[chosen["protocol"] == HELD_OUT])
            found[method] += best[f"test_{design.metric.name}"].tolist()
    return {method: float(np.mean(scores)) for method, scores in found.items()}
