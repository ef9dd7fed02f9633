"""Siamese network on frozen features (2018 paper, section 4.2.1).

Both images of a pair pass through one shared dense layer of 4,096 sigmoids. A last sigmoid turns
the absolute differences into the probability that both images are of the same class.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from transfer_gain.data.whole_files import StoreError, written_whole
from transfer_gain.few_shot import inputs
from transfer_gain.training import loop
from transfer_gain.training.devices import tf
from transfer_gain.training.loop import Parameters

UNITS = 4096
# Pairs whose differences are held in memory together.
CHUNK = 4096
# Images that an image is compared with at a time: 1 MB of differences fits into a core's cache.
BLOCK = 64


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


def write_network(parameters: Sequence[np.ndarray], path: Path | str) -> None:
    """Write the first replicate's parameters.

    Args:
        parameters: see `embed`.
        path: file to write.

    Raises:
        StoreError: the disk is full or read-only.
    """
    with written_whole(path) as temporary, temporary.open("wb") as file:
        np.savez(file, *[parameter[0] for parameter in parameters])


def read_network(path: Path | str) -> list[tf.Tensor]:
    """Return the parameters in a file of `write_network`, with one replicate.

    Raises:
        StoreError: the file is corrupt or of another kind.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return [tf.constant(arrays[name][None]) for name in arrays.files]
    except FileNotFoundError:
        raise
    except Exception as error:  # zipfile and numpy raise many types for a corrupt file
        raise StoreError(
            f"{path}: found no whole file of arrays ({error}), expected a trained network; "
            "delete it and run again"
        ) from error


def compare_classes(parameters: Parameters, samples: inputs.ClassSamples) -> pd.DataFrame:
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


def show_tasks(parameters: Parameters, data: inputs.Data, name: str, count: int) -> pd.DataFrame:
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
