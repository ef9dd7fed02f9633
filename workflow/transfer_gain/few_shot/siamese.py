"""Siamese network on frozen features (2018 paper, section 4.2.1), all replicates at once.

Both images of a pair pass through one shared dense layer of 4,096 sigmoids. A last sigmoid turns
the absolute differences into the probability that both images are of the same class.
"""

import itertools
import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from transfer_gain.data import store
from transfer_gain.few_shot import one_shot
from transfer_gain.names import EPOCH_IS_BATCH
from transfer_gain.seeds import run_seed
from transfer_gain.training import loop
from transfer_gain.training.devices import tf
from transfer_gain.training.loop import Parameters

UNITS = 4096
METHOD, UNTRAINED = "siamese", "siamese-untrained"
# Approximate number of the last epoch's pairs that measure the training accuracy.
SCORED_PAIRS = 500
# Pairs whose differences are held in memory together.
CHUNK = 4096
# Images that an image is compared with at a time: 1 MB of differences fits into a core's cache.
BLOCK = 64

log = logging.getLogger(__name__)


def initial_parameters(
    rng: np.random.Generator, inputs: int, units: int = UNITS
) -> list[np.ndarray]:
    """Draw one replicate's parameters, float32, with zero biases.

    Returns:
        Shared kernel (inputs, units) and bias (units,), last kernel (units, 1) and bias (1,).
    """
    return [
        loop.glorot_uniform(rng, inputs, units),
        np.zeros(units, np.float32),
        loop.glorot_uniform(rng, units, 1),
        np.zeros(1, np.float32),
    ]


def embed(parameters: Parameters, features: tf.Tensor) -> tf.Tensor:
    """Return the output of the shared layer.

    Args:
        parameters: parameters of `initial_parameters`, with a leading axis of replicates.
        features: float32 (replicates or 1, images, inputs).

    Returns:
        (replicates, images, units), in (0, 1).
    """
    return tf.sigmoid(tf.matmul(features, parameters[0]) + tf.expand_dims(parameters[1], 1))


def logits(parameters: Parameters, left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """Return the logit of the probability that both images of a pair are of the same class.

    Args:
        parameters: see `embed`.
        left: embedded images (replicates, pairs, units).
        right: the images that they are paired with.

    Returns:
        (replicates, pairs); swapping left and right gives identical bits.
    """
    values = tf.matmul(tf.abs(left - right), parameters[2]) + tf.expand_dims(parameters[3], 1)
    return values[..., 0]


def probability(parameters: Parameters, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the probability that both images of a pair are of the same class.

    Args:
        parameters: see `embed`.
        left: features, float32 (replicates or 1, pairs, inputs).
        right: features of the images that they are paired with.

    Returns:
        float32 (replicates, pairs)
    """
    return tf.sigmoid(logits(parameters, embed(parameters, left), embed(parameters, right))).numpy()


@tf.function(autograph=False, reduce_retracing=True)
def _logits_of_rows(
    parameters: Parameters, embedded: tf.Tensor, left: tf.Tensor, right: tf.Tensor
) -> tf.Tensor:
    """Return logits (pairs,) of rows of one replicate's embedded images (1, images, units)."""
    twins = (tf.gather(embedded, rows, axis=1) for rows in (left, right))
    return logits(parameters, *twins)[0]


def pair_logits(
    parameters: Parameters, features: np.ndarray, left: np.ndarray, right: np.ndarray
) -> np.ndarray:
    """Return the logits of pairs of images under one replicate's network.

    Args:
        parameters: see `embed`, of one replicate.
        features: float32 (images, inputs); each image is embedded once.
        left: rows of images (pairs,).
        right: rows of the images that they are paired with.

    Returns:
        float32 (pairs,)
    """
    embedded = embed(parameters, features[None])
    chunks = [
        _logits_of_rows(
            parameters,
            embedded,
            tf.constant(left[start : start + CHUNK], tf.int32),
            tf.constant(right[start : start + CHUNK], tf.int32),
        ).numpy()
        for start in range(0, len(left), CHUNK)
    ]
    return np.concatenate(chunks)


@tf.function(autograph=False, reduce_retracing=True)
def _logits_of_block(parameters: Parameters, embedded: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    """Return the logits (images up to the block's last, images of the block) of a block's pairs."""
    block = embedded[:, start : start + BLOCK]
    return tf.map_fn(
        lambda image: logits(parameters, image[None, None], block)[0],
        embedded[0, : start + BLOCK],
        fn_output_signature=tf.float32,
    )


def all_logits(parameters: Parameters, features: np.ndarray) -> np.ndarray:
    """Return the logits of all pairs of images under one replicate's network.

    Args:
        parameters: see `embed`, of one replicate.
        features: float32 (images, inputs); each image is embedded once.

    Returns:
        float32 (images, images), symmetric, identical to `pair_logits` in every bit
    """
    embedded = embed(parameters, features[None])
    images = len(features)
    above = np.empty((images, images), np.float32)
    for start in range(0, images, BLOCK):
        # The last block overlaps the one before: a block of one image would give other bits.
        start = max(0, min(start, images - BLOCK))
        stop = start + BLOCK
        above[:stop, start:stop] = _logits_of_block(parameters, embedded, tf.constant(start))
    return np.where(np.tri(images, dtype=bool), above.T, above)


def train(
    data: one_shot.Data,
    *,
    batch_size: int,
    epochs: int,
    batches_per_epoch: int,
    learning_rate: float,
    l2: float,
    seed_names: tuple[int, str, str, str],
    units: int = UNITS,
) -> tuple[pd.DataFrame, pd.DataFrame, list[np.ndarray]]:
    """Train the network on pairs of images and test it after every epoch.

    The loss is the binary cross-entropy, averaged over a batch, plus `l2` times the sum of squares
    of both kernels. The optimizer is Adam. All tasks are used before training and after the last
    epoch; in between, only 320, as in the 2018 paper.

    Args:
        data: training images, and the tests of each replicate.
        batch_size: pairs per batch.
        epochs: number of epochs.
        batches_per_epoch: batches per epoch; 1 if an epoch is a batch.
        learning_rate: learning rate of Adam.
        l2: weight of the penalty.
        seed_names: study seed and names, for each replicate's seed.
        units: units of the shared layer.

    Returns:
        One row per replicate, epoch (0: untrained) and group of classes; one row per replicate and
        few-shot evaluation, before and after training; and the trained parameters.
    """
    replicates = len(data.pools)
    initial, drawn = [], []
    for replicate in range(replicates):
        rng = np.random.default_rng(run_seed(*seed_names, replicate))
        initial.append(initial_parameters(rng, data.features.shape[1], units))
        drawn.append(one_shot.draw_pairs(data.labels, epochs * batches_per_epoch, batch_size, rng))
    parameters = [tf.Variable(np.stack(values)) for values in zip(*initial, strict=True)]
    pairs = one_shot.Pairs(*(np.stack(part, axis=1) for part in zip(*drawn, strict=True)))
    features = tf.constant(data.features)

    def loss(
        parameters: Parameters, left: tf.Tensor, right: tf.Tensor, same: tf.Tensor
    ) -> tf.Tensor:
        # One product for both images of a pair, so that the large kernel is read once.
        both = embed(parameters, tf.gather(features, tf.concat([left, right], axis=1)))
        values = logits(parameters, *tf.split(both, 2, axis=1))
        entropy = tf.nn.sigmoid_cross_entropy_with_logits(same, values)
        mean = tf.reduce_mean(entropy, axis=1)
        return tf.reduce_sum(mean) + loop.penalty(parameters[::2], l2)

    def evaluate(epoch: int) -> tuple[list[dict], list[dict]]:
        rows, few_shot = [], []
        at_an_end = epoch in (0, epochs)
        start = max(epoch - 1, 0) * batches_per_epoch
        stop = start + max(1, min(batches_per_epoch, SCORED_PAIRS // batch_size))
        for replicate in range(replicates):
            its = [tf.constant(parameter[replicate : replicate + 1]) for parameter in parameters]
            scores = _training_scores(its, data.features, pairs, slice(start, stop), replicate)
            tested = {"epochs": epoch, **scores}
            rows += [row | tested for row in _task_rows(its, data, replicate, at_an_end)]
            if at_an_end:
                every = all_logits(its, data.pools[replicate].features)
                found = one_shot.few_shot_rows(
                    partial(one_shot.mean_over_shots, every), data.evaluations[replicate], replicate
                )
                few_shot += [row | {"epochs": epoch} for row in found]
        return rows, few_shot

    rows, few_shot = evaluate(0)
    pauses = [epoch * batches_per_epoch for epoch in range(1, epochs + 1)]
    for updates in loop.fit(parameters, loss, pairs, learning_rate, pauses):
        more = evaluate(updates // batches_per_epoch)
        rows, few_shot = rows + more[0], few_shot + more[1]
        solved = {row["classes"]: row["accuracy"] for row in more[0]}
        log.info("%d updates, last replicate's accuracy: %s", updates, solved)
    return (
        _with_method(rows).assign(updates=lambda rows: rows["epochs"] * batches_per_epoch),
        _with_method(few_shot),
        [parameter.numpy() for parameter in parameters],
    )


def _with_method(rows: list[dict]) -> pd.DataFrame:
    """Return rows as a table whose method is the trained or the untrained network."""
    table = pd.DataFrame(rows)
    table.insert(0, "method", np.where(table["epochs"] > 0, METHOD, UNTRAINED))
    return table


def _task_rows(
    parameters: Parameters, data: one_shot.Data, replicate: int, every: bool
) -> list[dict]:
    """Return one row per group of classes, with the share of a replicate's tasks solved."""
    rows = []
    for name, (query, candidates) in data.evaluations[replicate].tasks.items():
        count = len(query) if every else one_shot.REPORT_TASKS
        query, candidates = query[:count], candidates[:count]
        left = query.repeat(candidates.shape[1])
        scores = pair_logits(parameters, data.pools[replicate].features, left, candidates.ravel())
        correct = one_shot.solved(scores.reshape(candidates.shape))
        rows.append(one_shot.task_row(correct, replicate, name))
    return rows


def _training_scores(
    parameters: Parameters,
    features: np.ndarray,
    pairs: one_shot.Pairs,
    batches: slice,
    replicate: int,
) -> dict[str, float]:
    """Return a replicate's accuracy and mean cross-entropy (nats) on the given batches."""
    left, right, same = (part[batches, replicate].ravel() for part in pairs)
    used, rows = np.unique(np.concatenate([left, right]), return_inverse=True)
    values = pair_logits(parameters, features[used], *np.split(rows, 2))
    entropy = np.logaddexp(0, np.where(same > 0, -values, values))
    correct = (values > 0) == (same > 0)
    return {
        "train_accuracy": correct.mean(),
        "train_loss": entropy.mean(dtype=np.float64),
    }


def train_files(
    trained_on: Path | str,
    tested_on: Path | str,
    history: Path | str,
    few_shot: Path | str,
    network: Path | str,
    *,
    names: Mapping[str, str],
    study_seed: int,
    draws: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> None:
    """Train and test the network, reading and writing files.

    Args:
        trained_on: file of features to train on.
        tested_on: file of the target's features.
        history: file to write, one row per epoch, replicate and group of classes.
        few_shot: file to write, one row per replicate and few-shot evaluation.
        network: file to write, the first replicate's parameters.
        names: approach, epoch_unit, backbone, trained_on, tested_on and batch, for the rows.
        study_seed: the study's seed.
        draws: the other arguments of `one_shot.read`.
        settings: the other arguments of `train`, except `batches_per_epoch`.

    Raises:
        StoreError: an input is corrupt.
    """
    data = one_shot.read(
        trained_on, tested_on, seed_names=(study_seed, names["tested_on"]), **draws
    )
    whole_pass = -(-len(data.labels) // settings["batch_size"])
    rows, episodes, parameters = train(
        data,
        batches_per_epoch=1 if names["epoch_unit"] == EPOCH_IS_BATCH else whole_pass,
        seed_names=(study_seed, names["tested_on"], names["trained_on"], METHOD),
        **settings,
    )
    with store.written_whole(network) as temporary, temporary.open("wb") as file:
        np.savez(file, *[parameter[0] for parameter in parameters])
    one_shot.write(episodes, few_shot, names)
    one_shot.write(rows, history, names)


def read_network(path: Path | str) -> list[tf.Tensor]:
    """Return the parameters in a file of `train_files`, with one replicate.

    Raises:
        StoreError: the file is corrupt or of another kind.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return [tf.constant(arrays[name][None]) for name in arrays.files]
    except FileNotFoundError:
        raise
    except Exception as error:  # zipfile and numpy raise many types for a corrupt file
        raise store.StoreError(
            f"{path}: found no whole file of arrays ({error}), expected a trained network; "
            "delete it and run again"
        ) from error


def compare_classes(parameters: Parameters, samples: one_shot.ClassSamples) -> pd.DataFrame:
    """Return the mean probability "same" of all pairs of classes, including a class with itself.

    Args:
        parameters: see `embed`, of one replicate.
        samples: images of each class.

    Returns:
        Columns dataset_a, class_a, dataset_b, class_b, p_same; one row per unordered pair. No image
        is paired with itself.
    """
    features = np.concatenate(samples.features)
    owner = np.repeat(np.arange(len(samples.classes)), [len(some) for some in samples.features])
    same = expit(all_logits(parameters, features).astype(np.float64))
    np.fill_diagonal(same, np.nan)
    rows = []
    for a, b in itertools.combinations_with_replacement(range(len(samples.classes)), 2):
        names = (samples.datasets[a], samples.classes[a], samples.datasets[b], samples.classes[b])
        rows.append((*names, np.nanmean(same[np.ix_(owner == a, owner == b)])))
    columns = ["dataset_a", "class_a", "dataset_b", "class_b", "p_same"]
    return pd.DataFrame(rows, columns=columns)


def show_tasks(parameters: Parameters, data: one_shot.Data, name: str, count: int) -> pd.DataFrame:
    """Return the first tasks of the first replicate, with the network's predictions.

    Args:
        parameters: see `embed`, of the first replicate.
        data: the tests.
        name: name of the tasks' group of classes.
        count: number of tasks.

    Returns:
        Columns task, position (0: the query, 1: the candidate of its class, then the others),
        image_id, label, p_same (with the query; 1 for the query itself).
    """
    pool = data.pools[0]
    query, candidates = (part[:count] for part in data.evaluations[0].tasks[name])
    left = query.repeat(candidates.shape[1])
    values = pair_logits(parameters, pool.features, left, candidates.ravel())
    # In float64, unequal logits stay unequal, so that ties are the same as in the tables.
    p_same = expit(values.astype(np.float64)).reshape(candidates.shape)
    images = np.column_stack([query, candidates])
    tasks, positions = np.indices(images.shape)
    return pd.DataFrame(
        {
            "task": tasks.ravel(),
            "position": positions.ravel(),
            "image_id": pool.image_ids[images].ravel(),
            "label": pool.labels[images].ravel(),
            "p_same": np.column_stack([np.ones(count), p_same]).ravel(),
        }
    )
