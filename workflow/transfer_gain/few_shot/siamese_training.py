"""Train the Siamese network, all replicates at once (2018 paper, section 4.2.1)."""

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from transfer_gain.few_shot import inputs, results, scoring
from transfer_gain.few_shot.siamese import (
    UNITS,
    all_logits,
    embed,
    initial_parameters,
    logits,
    pair_logits,
    write_network,
)
from transfer_gain.few_shot.tasks import TASKS_2018, Pairs, draw_pairs
from transfer_gain.names import EPOCH_IS_BATCH
from transfer_gain.seeds import run_seed
from transfer_gain.training import loop
from transfer_gain.training.devices import tf
from transfer_gain.training.loop import Parameters

METHOD, UNTRAINED = "siamese", "siamese-untrained"
# Approximate number of the last epoch's pairs that measure the training accuracy.
SCORED_PAIRS = 500
log = logging.getLogger(__name__)


def train(
    data: inputs.Data,
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
        drawn.append(draw_pairs(data.labels, epochs * batches_per_epoch, batch_size, rng))
    parameters = [tf.Variable(np.stack(values)) for values in zip(*initial, strict=True)]
    pairs = Pairs(*(np.stack(part, axis=1) for part in zip(*drawn, strict=True)))
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
                found = results.few_shot_rows(
                    partial(scoring.mean_over_shots, every), data.evaluations[replicate], replicate
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
    parameters: Parameters, data: inputs.Data, replicate: int, every: bool
) -> list[dict]:
    """Return one row per group of classes, with the share of a replicate's tasks solved."""
    rows = []
    for name, (query, candidates) in data.evaluations[replicate].tasks.items():
        count = len(query) if every else TASKS_2018
        query, candidates = query[:count], candidates[:count]
        left = query.repeat(candidates.shape[1])
        scores = pair_logits(parameters, data.pools[replicate].features, left, candidates.ravel())
        correct = scoring.solved(scores.reshape(candidates.shape))
        rows.append(results.task_row(correct, replicate, name))
    return rows


def _training_scores(
    parameters: Parameters,
    features: np.ndarray,
    pairs: Pairs,
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
        draws: the other arguments of `inputs.read`.
        settings: the other arguments of `train`, except `batches_per_epoch`.

    Raises:
        StoreError: an input is corrupt.
    """
    data = inputs.read(trained_on, tested_on, seed_names=(study_seed, names["tested_on"]), **draws)
    whole_pass = -(-len(data.labels) // settings["batch_size"])
    rows, episodes, parameters = train(
        data,
        batches_per_epoch=1 if names["epoch_unit"] == EPOCH_IS_BATCH else whole_pass,
        seed_names=(study_seed, names["tested_on"], names["trained_on"], METHOD),
        **settings,
    )
    write_network(parameters, network)
    results.write(episodes, few_shot, names)
    results.write(rows, history, names)
