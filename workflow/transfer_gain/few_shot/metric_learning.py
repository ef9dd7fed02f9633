"""Metric learning: embeddings trained to bring images of a class together.

These are alternatives to the 2018 paper's Siamese network, tested on unseen classes. An embedding
is a linear map of standardized square roots of the features, normalized to length 1 and compared by
the cosine.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from transfer_gain.few_shot import inputs, results, scoring, transforms
from transfer_gain.seeds import run_seed
from transfer_gain.training import loop
from transfer_gain.training.devices import tf
from transfer_gain.training.loop import Parameters

SUPERVISED_CONTRASTIVE, PROTOTYPICAL, NEAR_IDENTITY = METHODS = (
    "supervised-contrastive",
    "prototypical",
    "near-identity",
)
DIMENSIONS = 512
TEMPERATURE = 0.1
# Weight of the squared deviation from the identity.
DISTANCE_PENALTY = 1e-3


def prepared(features: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return square roots of features, standardized like those in `like`, with length 1."""
    values = transforms.standardised_root(like, np.empty(0))(features)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return (values / np.maximum(lengths, 1e-12)).astype(np.float32)


def embed(parameters: Parameters, inputs: tf.Tensor, method: str) -> tf.Tensor:
    """Return embedded images, of length 1.

    Args:
        parameters: the kernel (replicates, inputs, dimensions).
        inputs: `prepared` features (replicates or 1, images, inputs).
        method: one of `METHODS`; "near-identity" adds the product with the kernel to the inputs.
    """
    values = tf.matmul(inputs, parameters[0])
    if method == NEAR_IDENTITY:
        values = values + inputs
    return tf.math.l2_normalize(values, axis=-1)


def supervised_contrastive(embedded: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Return the supervised contrastive loss (Khosla et al., 2020, equation 2), (replicates,).

    Args:
        embedded: (replicates, images, dimensions), of length 1.
        labels: (replicates, images), each class at least twice.
    """
    itself = tf.eye(tf.shape(embedded)[1])
    similarity = tf.matmul(embedded, embedded, transpose_b=True) / TEMPERATURE - 1e9 * itself
    log_shares = similarity - tf.reduce_logsumexp(similarity, axis=-1, keepdims=True)
    positive = tf.cast(labels[:, :, None] == labels[:, None, :], tf.float32) * (1 - itself)
    mean = tf.reduce_sum(positive * log_shares, axis=-1) / tf.reduce_sum(positive, axis=-1)
    return -tf.reduce_mean(mean, axis=-1)


def prototypical(embedded: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Return the loss of prototypical networks (Snell et al., 2017), (replicates,).

    The first half of a batch is the support, the second half the queries, with the same labels.

    Args:
        embedded: (replicates, images, dimensions).
        labels: (replicates, images).
    """
    support, query = tf.split(embedded, 2, axis=1)
    of_support, of_query = tf.split(labels, 2, axis=1)
    same = tf.cast(of_support[:, :, None] == of_support[:, None, :], tf.float32)
    # Each support image carries the prototype of its class; their counts divide its share.
    counts = tf.reduce_sum(same, axis=-1)
    prototypes = tf.matmul(same, support) / counts[..., None]
    products = tf.matmul(query, prototypes, transpose_b=True)
    distances = tf.reduce_sum(prototypes**2, axis=-1)[:, None] - 2 * products
    log_shares = -distances / TEMPERATURE - tf.math.log(counts)[:, None]
    log_shares -= tf.reduce_logsumexp(log_shares, axis=-1, keepdims=True)
    own = tf.cast(of_query[:, :, None] == of_support[:, None, :], tf.float32)
    return -tf.reduce_mean(tf.math.log(tf.reduce_sum(own * tf.exp(log_shares), axis=-1)), axis=-1)


def draw_batches(
    labels: np.ndarray, batches: int, batch_size: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw batches whose halves have the same number of images of each class, all different.

    Args:
        labels: class of each image, (images,).
        batches: number of batches.
        batch_size: approximate number of images per batch, rounded to equal classes and halves.
        rng: random generator.

    Returns:
        int32 (batches, images), rows.
    """
    classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    fewest = min(map(len, classes))
    of_class = max(2, min(batch_size // len(classes), fewest) // 2 * 2)
    drawn = [
        np.stack([rng.permutation(rows)[:of_class] for rows in classes]) for _ in range(batches)
    ]
    halves = np.split(np.stack(drawn), 2, axis=2)
    return np.concatenate([half.reshape(batches, -1) for half in halves], axis=1).astype(np.int32)


def train(
    data: inputs.Data,
    method: str,
    *,
    batch_size: int,
    updates: int,
    learning_rate: float,
    l2: float,
    seed_names: tuple[int, str, str],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train an embedding and test it after training.

    Args:
        data: training images, and the tests of each replicate.
        method: one of `METHODS`.
        batch_size: approximate number of images per batch.
        updates: number of updates.
        learning_rate: learning rate of Adam.
        l2: weight of the sum of squares of the kernel; "near-identity" uses `DISTANCE_PENALTY`.
        seed_names: study seed and names, for each replicate's seed.

    Returns:
        One row per replicate and group of classes; one row per replicate and few-shot evaluation.
    """
    replicates, inputs = len(data.pools), data.features.shape[1]
    initial, batches = [], []
    for replicate in range(replicates):
        rng = np.random.default_rng(run_seed(*seed_names, method, replicate))
        kernel = (
            np.zeros((inputs, inputs), np.float32)
            if method == NEAR_IDENTITY
            else loop.glorot_uniform(rng, inputs, DIMENSIONS)
        )
        initial.append(kernel)
        batches.append(draw_batches(data.labels, updates, batch_size, rng))
    parameters = [tf.Variable(np.stack(initial))]
    features = tf.constant(prepared(data.features, data.features))
    labels = tf.constant(data.labels)
    contrast = prototypical if method == PROTOTYPICAL else supervised_contrastive
    weight = DISTANCE_PENALTY if method == NEAR_IDENTITY else l2

    def loss(parameters: Parameters, images: tf.Tensor) -> tf.Tensor:
        embedded = embed(parameters, tf.gather(features, images), method)
        contrasted = contrast(embedded, tf.gather(labels, images))
        return tf.reduce_sum(contrasted) + loop.penalty(parameters, weight)

    for _ in loop.fit(parameters, loss, [np.stack(batches, axis=1)], learning_rate, [updates]):
        pass
    rows: list[dict[str, object]] = []
    few_shot: list[dict[str, object]] = []
    for replicate, (pool, evaluation) in enumerate(zip(data.pools, data.evaluations, strict=True)):
        images = prepared(pool.features, data.features)[None]
        trained = [parameters[0][replicate : replicate + 1]]
        scores = scoring.cosine_scores(embed(trained, images, method)[0].numpy())
        found = results.evaluate(method, scores, evaluation, replicate)
        rows, few_shot = rows + found[0], few_shot + found[1]
    return pd.DataFrame(rows).assign(updates=updates), pd.DataFrame(few_shot)


def train_files(
    trained_on: Path | str,
    tested_on: Path | str,
    history: Path | str,
    few_shot: Path | str,
    *,
    method: str,
    names: Mapping[str, str],
    study_seed: int,
    draws: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> None:
    """Train and test an embedding, reading and writing files.

    Args:
        trained_on: file of features to train on.
        tested_on: file of the target's features.
        history: file to write, one row per replicate and group of classes.
        few_shot: file to write, one row per replicate and few-shot evaluation.
        method: one of `METHODS`.
        names: approach, backbone, trained_on and tested_on, for the rows.
        study_seed: the study's seed.
        draws: the other arguments of `inputs.read`.
        settings: the other arguments of `train`.

    Raises:
        StoreError: an input is corrupt.
    """
    data = inputs.read(trained_on, tested_on, seed_names=(study_seed, names["tested_on"]), **draws)
    seed_names = (study_seed, names["tested_on"], names["trained_on"])
    rows, episodes = train(data, method, seed_names=seed_names, **settings)
    names = {**names, "epoch_unit": results.UNTRAINED_EPOCH, "batch": settings["batch_size"]}
    results.write(episodes, few_shot, names)
    results.write(rows, history, names)
