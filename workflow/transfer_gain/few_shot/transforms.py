"""One-shot recognition without a network: distances between raw or transformed features.

Transformations are fitted to the training images in closed form, never to the tested classes. See
`metric_learning` and `siamese` for methods trained by gradient descent.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from transfer_gain.few_shot import inputs, results, scoring

# Controls that a trained method must beat: distances between raw features.
L1, COSINE, PROTOTYPE = CONTROLS = ("l1", "cosine", "prototype")
# Share of the mean variance that is added to the variance of every direction before whitening:
# there are fewer images than dimensions, so the estimated covariance needs regularization.
SHRINKAGE = 0.1

# Function from features (images, features) to the vectors that the cosine compares.
Transformation = Callable[[np.ndarray], np.ndarray]


def square_root(features: np.ndarray, labels: np.ndarray) -> Transformation:
    """Return the square root, which dampens the few large values of sparse features."""
    return lambda images: np.sqrt(np.maximum(images, 0))


def standardised(features: np.ndarray, labels: np.ndarray) -> Transformation:
    """Return the map that gives each feature of the training images mean 0 and variance 1."""
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    # Features that are constant over the training images are dropped.
    scale = np.where(deviation > 0, 1 / np.where(deviation > 0, deviation, 1), 0)
    return lambda images: (images - mean) * scale


def standardised_root(features: np.ndarray, labels: np.ndarray) -> Transformation:
    """Return the standardized square root, the first step of the maps of `metric_learning`."""
    standardise = standardised(np.sqrt(np.maximum(features, 0)), labels)
    return lambda images: standardise(np.sqrt(np.maximum(images, 0)))


def whitening(features: np.ndarray, labels: np.ndarray) -> Transformation:
    """Return the map that whitens the square roots of the training images' features."""
    roots = np.sqrt(np.maximum(features, 0))
    return _whitened(roots.mean(axis=0), roots - roots.mean(axis=0))


def within_class_whitening(features: np.ndarray, labels: np.ndarray) -> Transformation:
    """Return the map that makes the within-class covariance of the training images the identity.

    It works on square roots of features. Directions in which images of the same class differ get
    less weight (Hatch, Kajarekar & Stolcke, 2006).
    """
    roots = np.sqrt(np.maximum(features, 0))
    classes, own = np.unique(labels, return_inverse=True)
    means = np.stack([roots[own == label].mean(axis=0) for label in range(len(classes))])
    return _whitened(roots.mean(axis=0), roots - means[own])


def _whitened(mean: np.ndarray, deviations: np.ndarray) -> Transformation:
    """Return the map that whitens square roots with the shrunk covariance of deviations."""
    covariance = deviations.T @ deviations / len(deviations)
    ridge = SHRINKAGE * np.trace(covariance) / len(covariance)
    values, vectors = np.linalg.eigh(covariance.astype(np.float64))
    matrix = (vectors / np.sqrt(np.maximum(values, 0) + ridge)).astype(np.float32)
    return lambda images: (np.sqrt(np.maximum(images, 0)) - mean) @ matrix


TRANSFORMATIONS: Mapping[str, Callable[[np.ndarray, np.ndarray], Transformation]] = {
    "square-root": square_root,
    "standardised": standardised,
    "standardised-root": standardised_root,
    "whitening": whitening,
    "within-class-whitening": within_class_whitening,
}


def evaluate_control(
    method: str, features: np.ndarray, evaluation: inputs.Evaluation, replicate: int
) -> tuple[list[dict], list[dict]]:
    """Return a control's rows on a replicate's raw features; see `results.evaluate`."""
    if method == PROTOTYPE:
        products = features @ features.T
        score = partial(scoring.to_prototypes, products)
        distances = scoring.distance_scores(products)
        return results.evaluate(method, distances, evaluation, replicate, score)
    scores = {L1: scoring.l1_scores, COSINE: scoring.cosine_scores}[method](features)
    return results.evaluate(method, scores, evaluation, replicate)


def evaluate(method: str, data: inputs.Data) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Test one of `CONTROLS` or `TRANSFORMATIONS` on every replicate's tasks and episodes.

    Returns:
        One row per replicate and group of classes; one row per replicate and few-shot evaluation.
    """
    rows, few_shot = [], []
    # The last bits of a sum depend on the number of threads.
    with threadpool_limits(1):
        if method not in CONTROLS:
            transform = TRANSFORMATIONS[method](data.features, data.labels)
        for replicate, (pool, evaluation) in enumerate(
            zip(data.pools, data.evaluations, strict=True)
        ):
            if method in CONTROLS:
                found = evaluate_control(method, pool.features, evaluation, replicate)
            else:
                scores = scoring.cosine_scores(transform(pool.features))
                found = results.evaluate(method, scores, evaluation, replicate)
            rows += found[0]
            few_shot += found[1]
    return pd.DataFrame(rows), pd.DataFrame(few_shot)


def evaluate_files(
    trained_on: Path | str,
    tested_on: Path | str,
    history: Path | str,
    few_shot: Path | str,
    *,
    methods: list[str],
    names: Mapping[str, str],
    study_seed: int,
    draws: Mapping[str, Any],
) -> None:
    """Test methods, reading and writing files.

    Args:
        trained_on: file of features to train on.
        tested_on: file of the target's features.
        history: file to write, one row per method, replicate and group of classes.
        few_shot: file to write, one row per method, replicate and few-shot evaluation.
        methods: names of controls and transformations.
        names: approach, backbone, trained_on and tested_on, for the rows.
        study_seed: the study's seed.
        draws: the other arguments of `inputs.read`.

    Raises:
        StoreError: an input is corrupt.
    """
    data = inputs.read(trained_on, tested_on, seed_names=(study_seed, names["tested_on"]), **draws)
    found = [evaluate(method, data) for method in methods]
    columns: dict[str, str | int] = {**names, "epoch_unit": results.UNTRAINED_EPOCH, "batch": 0}
    for part, path in zip(zip(*found, strict=True), (history, few_shot), strict=True):
        results.write(pd.concat(part, ignore_index=True), path, columns)
