"""Dense heads on a backbone's features (the report's section 3.1.2), all replicates at once."""

import itertools
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from . import store, training
from .devices import tf
from .sampling import Replicates, read_replicates, shuffled_batches
from .seeds import run_seed
from .training import Parameters

# Rows scored at a time, to bound memory.
CHUNK = 4096

log = logging.getLogger(__name__)


def initial_parameters(
    rng: np.random.Generator, inputs: int, layers: Sequence[int], classes: int
) -> list[np.ndarray]:
    """Draw one head's parameters: a kernel and a zero bias for each layer, the softmax's last.

    Returns:
        float32 arrays: kernel (fan_in, fan_out), bias (fan_out,), kernel, ...
    """
    units = [inputs, *layers, classes]
    parameters = []
    for fan_in, fan_out in itertools.pairwise(units):
        parameters += [
            training.glorot_uniform(rng, fan_in, fan_out),
            np.zeros(fan_out, np.float32),
        ]
    return parameters


def logits(parameters: Parameters, features: tf.Tensor, activation: Callable) -> tf.Tensor:
    """Return each class's logit.

    Args:
        parameters: kernels (replicates, fan_in, fan_out) and biases (replicates, fan_out) in turn.
        features: (replicates, images, features), or (1, images, features) for all replicates.
        activation: of the hidden layers.

    Returns:
        (replicates, images, classes)
    """
    values = features
    for layer in range(0, len(parameters), 2):
        if layer:
            values = activation(values)
        values = tf.matmul(values, parameters[layer]) + parameters[layer + 1][:, None, :]
    return values


def train(
    data: Replicates,
    *,
    layers: Sequence[int],
    activation: str,
    learning_rate: float,
    batch_size: int,
    epochs: int,
    min_updates: int,
    l2: float,
    seed_names: tuple[int, str, str],
    evaluate_every_epoch: bool = False,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train one configuration on every replicate's sample.

    Softmax cross-entropy, the mean over a batch, plus `l2` times the sum of squares of all kernels;
    Adam; batches shuffled anew each epoch. The reported losses are the cross-entropy alone.

    Args:
        data: features, labels, samples and validation halves.
        layers: units of the hidden layers.
        activation: name of a function in `tf.nn`.
        learning_rate: Adam's.
        batch_size: images in a batch.
        epochs: epochs, unless `min_updates` asks for more.
        min_updates: least number of updates.
        l2: weight of the penalty.
        seed_names: study seed, dataset and size, from which each replicate's seed comes.
        evaluate_every_epoch: evaluate after each epoch, not on the sparse schedule.

    Returns:
        `runs`, a row a replicate, and `history`, a row an evaluation and replicate.
    """
    replicates, images = data.samples.shape
    batches_per_epoch = -(-images // min(batch_size, images))
    length = training.training_epochs(epochs, min_updates, batches_per_epoch)
    seeds = [run_seed(*seed_names, replicate) for replicate in range(replicates)]
    initial, batches = [], []
    for replicate, seed in enumerate(seeds):
        rng = np.random.default_rng(seed)
        initial.append(initial_parameters(rng, data.features.shape[1], layers, data.classes))
        orders = shuffled_batches(images, batch_size, length, rng)
        batches.append(np.where(orders < 0, -1, data.samples[replicate][orders]).astype(np.int32))
    parameters = [tf.Variable(np.stack(values)) for values in zip(*initial, strict=True)]

    features, labels = tf.constant(data.features), tf.constant(data.labels)
    activate = getattr(tf.nn, activation)

    def losses(parameters: Parameters, rows: tf.Tensor) -> tf.Tensor:
        # Rows of filler are read as row 0 and weigh nothing.
        weights = tf.cast(rows >= 0, tf.float32)
        rows = tf.maximum(rows, 0)
        entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(
            tf.gather(labels, rows), logits(parameters, tf.gather(features, rows), activate)
        )
        squares = [tf.reduce_sum(tf.square(kernel), axis=(1, 2)) for kernel in parameters[::2]]
        mean = tf.reduce_sum(entropy * weights, axis=1) / tf.reduce_sum(weights, axis=1)
        return mean + l2 * tf.add_n(squares)

    @tf.function(reduce_retracing=True)
    def score(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return cross-entropy and correctness, (replicates, images), of rows (1 or R, images)."""
        values = logits(parameters, tf.gather(features, rows), activate)
        truth = tf.broadcast_to(tf.gather(labels, rows), tf.shape(values)[:2])
        entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(truth, values)
        return entropy, tf.argmax(values, axis=-1, output_type=tf.int32) == truth

    def evaluate() -> dict[str, np.ndarray]:
        train_loss, train_correct = _in_chunks(score, data.samples)
        loss, correct = _in_chunks(score, data.validation[None])
        return {
            "train_accuracy": train_correct.mean(axis=1),
            "train_loss": train_loss.mean(axis=1, dtype=np.float64),
            "validation_accuracy": correct.mean(axis=1),
            "validation_loss": loss.mean(axis=1, dtype=np.float64),
            "selection_loss": loss[:, data.selection].mean(axis=1, dtype=np.float64),
            "selection_accuracy": correct[:, data.selection].mean(axis=1),
            "reporting_accuracy": correct[:, ~data.selection].mean(axis=1),
        }

    stops = (
        list(range(1, length + 1))
        if evaluate_every_epoch
        else training.evaluation_epochs(length, landmark=epochs)
    )
    pauses = [epoch * batches_per_epoch for epoch in stops]
    history = []
    for updates in training.fit(
        parameters, losses, np.stack(batches, axis=1), learning_rate, pauses
    ):
        scores = evaluate()
        epoch = updates // batches_per_epoch
        log.info(
            "epoch %d of %d: training loss %.3f, validation accuracy %.3f",
            epoch,
            length,
            scores["train_loss"].mean(),
            scores["validation_accuracy"].mean(),
        )
        history.append(
            pd.DataFrame(
                {"replicate": np.arange(replicates), "epoch": epoch, "updates": updates, **scores}
            )
        )
    configuration = {
        "layers": "-".join(map(str, layers)),
        "activation": activation,
        "learning_rate": learning_rate,
    }
    history = store.with_names(pd.concat(history, ignore_index=True), configuration)
    last = history[history["epoch"] == length].reset_index(drop=True)
    runs = last.rename(columns={"epoch": "epochs"}).assign(training_samples=images, seed=seeds)
    return runs, history


def train_files(
    features: Path | str,
    samples: Path | str,
    halves: Path | str,
    runs: Path | str,
    history: Path | str,
    *,
    dataset: str,
    backbone: str,
    size: str,
    study_seed: int,
    settings: Mapping[str, Any],
    run: str,
    protocol: str,
) -> None:
    """Train one configuration from and to files.

    Args:
        features: a dataset's features.
        samples: a size's samples.
        halves: the validation halves.
        runs: file to write, a row a replicate.
        history: file to write, a row an evaluation and replicate.
        dataset: name of the dataset.
        backbone: name of the backbone.
        size: the fraction, as wildcards write it.
        study_seed: the study's seed.
        settings: keyword arguments of `train`.
        run: "grid" or "long", for the rows.
        protocol: which protocol the run belongs to, for the rows; "both" in the grid.

    Raises:
        StoreError: an input is corrupt.
    """
    trained = train(
        read_replicates(features, samples, halves),
        seed_names=(study_seed, dataset, size),
        **settings,
    )
    names = {
        "dataset": dataset,
        "backbone": backbone,
        "precision": store.read_metadata(features)["precision"],
        "method": "transfer",
        "size": float(size),
        "run": run,
        "protocol": protocol,
    }
    # The runs come last: where they are, the history is.
    for rows, path in zip(reversed(trained), (history, runs), strict=True):
        store.write_rows(store.with_names(rows, names), path)


def _in_chunks(score: Callable, rows: np.ndarray) -> list[np.ndarray]:
    """Score rows (1 or replicates, images) a chunk at a time; see `score`."""
    chunks = [
        score(tf.constant(rows[:, start : start + CHUNK], tf.int32))
        for start in range(0, rows.shape[1], CHUNK)
    ]
    return [np.concatenate(parts, axis=1) for parts in zip(*chunks, strict=True)]
