"""Dense heads on a backbone's features (2018 paper, section 3.1.2), all replicates at once."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from transfer_gain import schedule
from transfer_gain.data import rows, store
from transfer_gain.data.replicates import Replicates, read_replicates
from transfer_gain.training import loop
from transfer_gain.training.devices import tf
from transfer_gain.training.loop import Network, Parameters, Trained


def initial_parameters(
    rng: np.random.Generator, inputs: int, layers: Sequence[int], classes: int
) -> list[np.ndarray]:
    """Draw one head's parameters: a kernel and a zero bias for each layer, including the softmax.

    Returns:
        float32 arrays: kernel (fan_in, fan_out), bias (fan_out,), kernel, ...
    """
    units = [inputs, *layers, classes]
    parameters = []
    for fan_in, fan_out in itertools.pairwise(units):
        parameters += [
            loop.glorot_uniform(rng, fan_in, fan_out),
            np.zeros(fan_out, np.float32),
        ]
    return parameters


def logits(parameters: Parameters, features: tf.Tensor, activation: Callable) -> tf.Tensor:
    """Return each class's logit.

    Args:
        parameters: alternating kernels (replicates, fan_in, fan_out) and biases (replicates,
            fan_out).
        features: (replicates, images, features), or (1, images, features) if all replicates share
            them.
        activation: activation of the hidden layers.

    Returns:
        (replicates, images, classes)
    """
    values = features
    for layer in range(0, len(parameters), 2):
        if layer:
            values = activation(values)
        values = tf.matmul(values, parameters[layer]) + tf.expand_dims(parameters[layer + 1], 1)
    return values


def network(
    inputs: int, classes: int, layers: Sequence[int], activation: str, **trained_with: float
) -> Network:
    """Describe a head to the training loop.

    Args:
        inputs: number of features of an image.
        classes: units of the softmax.
        layers: units of the hidden layers.
        activation: name of a function in `tf.nn`.
        trained_with: the rest of its configuration: learning_rate and l2.
    """
    activate = getattr(tf.nn, activation)
    return Network(
        initial=lambda rng: initial_parameters(rng, inputs, layers, classes),
        logits=lambda parameters, features: logits(parameters, features, activate),
        configuration={"layers": "-".join(map(str, layers)), "activation": activation}
        | trained_with,
    )


def train(
    data: Replicates,
    *,
    layers: Sequence[int],
    activation: str,
    learning_rate: float,
    l2: float,
    **settings: Any,
) -> Trained:
    """Train one configuration on every replicate's sample of features.

    Args:
        data: features, labels, samples and validation roles.
        layers: units of the hidden layers.
        activation: name of a function in `tf.nn`.
        learning_rate: learning rate of Adam.
        l2: weight of the penalty.
        settings: the other arguments of `loop.train`.
    """
    head = network(
        data.features.shape[1], data.classes, layers, activation, learning_rate=learning_rate, l2=l2
    )
    return loop.train(data, head, learning_rate=learning_rate, l2=l2, **settings)


def train_files(
    features: Path | str,
    samples: Path | str,
    validation_roles: Path | str,
    outputs: Mapping[str, Path | str],
    *,
    names: Mapping[str, str],
    study_seed: int,
    settings: Mapping[str, Any],
    selection: Path | str | None = None,
    copies: Path | str | None = None,
    updates_of_copies: int = 0,
) -> None:
    """Train one configuration, or the one that each replicate selected, with files.

    Args:
        features: file of a dataset's features.
        samples: file of a fraction's samples.
        validation_roles: file of the images that select and score.
        outputs: files to write, see `rows.write`.
        names: dataset, backbone, method, fraction, run and protocol, for the rows.
        study_seed: the study's seed.
        settings: keyword arguments of `train`.
        selection: see `selected_settings`; None if the settings are complete.
        copies: features of augmented copies of the samples, used as additional training images.
        updates_of_copies: train for as many updates as with this many copies of each image.

    Raises:
        StoreError: an input is corrupt.
    """
    data = read_replicates(features, samples, validation_roles, copies)
    if updates_of_copies:
        length = {key: settings[key] for key in ("batch_size", "epochs", "min_updates")}
        images = data.samples.shape[1] * (1 + updates_of_copies)
        settings = {**settings, "min_updates": schedule.training_updates(images, **length)}
    seed_names = (study_seed, names["dataset"], names["fraction"])
    chosen: list[tuple[np.ndarray, dict[str, Any]]] = [(data.replicate_numbers, {})]
    if selection:
        chosen = selected_settings(selection, names["protocol"])
    trained = [
        train(data.of(replicates), seed_names=seed_names, **settings, **configuration)
        for replicates, configuration in chosen
    ]
    precision = store.read_metadata(features)["precision"]
    rows.write(loop.joined(trained), outputs, {**names, "precision": precision})


def selected_settings(path: Path | str, protocol: str) -> list[tuple[np.ndarray, dict[str, Any]]]:
    """Return the configurations that a protocol selected, each with its replicates.

    Args:
        path: file written by `selection.select_heads`.
        protocol: "same-images" or "held-out".

    Returns:
        Pairs of the replicates' numbers, int (n,), and layers, activation and learning rate for
        `train`.

    Raises:
        StoreError: the file is corrupt.
    """
    # Not imported from `selection`: a change there would retrain every head.
    rows_of = store.read_rows(path).query("protocol == @protocol")
    return [
        (
            own["replicate"].to_numpy(),
            {
                "layers": [int(units) for units in layers.split("-")],
                "activation": activation,
                "learning_rate": float(learning_rate),
            },
        )
        for (layers, activation, learning_rate), own in rows_of.groupby(
            ["layers", "activation", "learning_rate"], sort=False
        )
    ]
