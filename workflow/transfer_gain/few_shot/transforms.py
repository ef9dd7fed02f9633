"""One-shot recognition without a network: distances on features as they are, or transformed.

What is learnt here is learnt from the training images in one step, never from the classes that are
tested. See `contrastive` and `siamese` for what is trained by gradients.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from transfer_gain.few_shot import one_shot

# What a trained method must beat: distances on the features as they are.
L1, COSINE, PROTOTYPE = CONTROLS = ("l1", "cosine", "prototype")
# Share of the mean variance that is added to every direction's before whitening: features have more
# dimensions than there are images to estimate their covariance from.
SHRINKAGE = 0.1

# From features (images, features) to what the cosine is taken of.
Transformation = Callable[[np.ndarray], np.ndarray]


def square_root(features: np.ndarray, labels: np.ndarray) -> Transformation:
    """Return the square root: it tames the few large values of features that are mostly zero."""
    return lambda images: np.sqrt(np.maximum(images, 0))


def standardised(features: np.ndarray, labels: np.ndarray) -> Transformation:
    """Return what gives each feature of the training images mean 0 and variance 1."""
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    # A feature that no training image has is left out.
    scale = np.where(deviation > 0, 1 / np.where(deviation > 0, deviation, 1), 0)
    return lambda images: (images - mean) * scale


def standardised_root(features: np.ndarray, labels: np.ndarray) -> Transformation:
    """Return the standardised square root, which the maps of `contrastive` begin with."""
    standardise = standardised(np.sqrt(np.maximum(features, 0)), labels)
    return lambda images: standardise(np.sqrt(np.maximum(images, 0)))


def whitening(features: np.ndarray, labels: np.ndarray) -> Transformation:
    """Return what makes the covariance of the training images' square roots the identity."""
    roots = np.sqrt(np.maximum(features, 0))
    return _whitened(roots.mean(axis=0), roots - roots.mean(axis=0))


def within_class_whitening(features: np.ndarray, labels: np.ndarray) -> Transformation:
    """Return what makes the covariance within the training classes the identity.

    Directions in which images of one class differ count less (Hatch, Kajarekar & Stolcke, 2006), on
    the square roots of features.
    """
    roots = np.sqrt(np.maximum(features, 0))
    classes, own = np.unique(labels, return_inverse=True)
    means = np.stack([roots[own == label].mean(axis=0) for label in range(len(classes))])
    return _whitened(roots.mean(axis=0), roots - means[own])


def _whitened(mean: np.ndarray, deviations: np.ndarray) -> Transformation:
    """Return the whitening of square roots by the covariance of deviations, shrunk."""
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
    method: str, features: np.ndarray, evaluation: one_shot.Evaluation, replicate: int
) -> tuple[list[dict], list[dict]]:
    """Return a control's rows (see `one_shot.evaluate`) on a replicate's features as they are."""
    if method == PROTOTYPE:
        products = features @ features.T
        score = partial(one_shot.to_prototypes, products)
        distances = one_shot.distance_scores(products)
        return one_shot.evaluate(method, distances, evaluation, replicate, score)
    scores = {L1: one_shot.l1_scores, COSINE: one_shot.cosine_scores}[method](features)
    return one_shot.evaluate(method, scores, evaluation, replicate)


def evaluate(method: str, data: one_shot.Data) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Test one of `CONTROLS` or `TRANSFORMATIONS` on every replicate's tasks and episodes.

    Returns:
        A row a replicate and group of classes; a row a replicate and few-shot evaluation.
    """
    rows, few_shot = [], []
    # Sums over several threads depend on their number in the last bits.
    with threadpool_limits(1):
        if method not in CONTROLS:
            transform = TRANSFORMATIONS[method](data.features, data.labels)
        for replicate, (pool, evaluation) in enumerate(
            zip(data.pools, data.evaluations, strict=True)
        ):
            if method in CONTROLS:
                found = evaluate_control(method, pool.features, evaluation, replicate)
            else:
                scores = one_shot.cosine_scores(transform(pool.features))
                found = one_shot.evaluate(method, scores, evaluation, replicate)
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
    """Test methods from and to files.

    Args:
        trained_on: features of what is trained on.
        tested_on: features of the target.
        history: file to write, a row a method, replicate and group of classes.
        few_shot: file to write, a row a method, replicate and few-shot evaluation.
        methods: names of controls and transformations.
        names: approach, backbone, trained_on and tested_on, for the rows.
        study_seed: the study's.
        draws: the other arguments of `one_shot.read`.

    Raises:
        StoreError: an input is corrupt.
    """
    data = one_shot.read(
        trained_on, tested_on, seed_names=(study_seed, names["tested_on"]), **draws
    )
    found = [evaluate(method, data) for method in methods]
    columns: dict[str, str | int] = {**names, "epoch_unit": one_shot.UNTRAINED_EPOCH, "batch": 0}
    for part, path in zip(zip(*found, strict=True), (history, few_shot), strict=True):
        one_shot.write(pd.concat(part, ignore_index=True), path, columns)
