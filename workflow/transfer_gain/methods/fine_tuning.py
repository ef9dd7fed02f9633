"""Fine-tuning: train the last layers of a backbone together with its selected head."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from transfer_gain import metrics, schedule
from transfer_gain.data import rows
from transfer_gain.data.replicates import Replicates, of_part, read_replicates
from transfer_gain.features import extraction, keras_networks
from transfer_gain.features.frozen import BackboneError
from transfer_gain.methods import heads
from transfer_gain.training import loop
from transfer_gain.training.devices import tf
from transfer_gain.training.loop import Network, Parameters, Trained

import keras  # isort: skip  (after TensorFlow is set up)

SEARCH = "search"  # the column `run` of a learning rate that was tried and not selected


def split(model: keras.Model, from_layer: str) -> tuple[keras.Model, keras.Model]:
    """Split a network in two before a layer.

    Args:
        model: a backbone.
        from_layer: name of the first layer of the second part.

    Returns:
        The frozen lower part, and the trainable part from `from_layer` on.

    Raises:
        BackboneError: there is no such layer, or a connection bypasses it.
    """
    names = [layer.name for layer in model.layers]
    if from_layer not in names:
        raise BackboneError(
            f"fine_tune_from: found '{from_layer}', allowed: {', '.join(names[1:])}"
        )
    between = model.get_layer(from_layer).input
    try:
        (between,) = keras.tree.flatten(between)  # a merging layer has several inputs
        upper = keras.Model(between, model.output)
    except ValueError as error:
        raise BackboneError(
            f"fine_tune_from: found '{from_layer}', which a connection bypasses, expected "
            "a layer that all connections pass through"
        ) from error
    # A backbone is built frozen, but a new model is trainable by default. Setting `upper.trainable`
    # would do nothing: Keras ignores an unchanged value and leaves the layers frozen.
    for layer in upper.layers:
        layer.trainable = True
    return keras.Model(model.input, between), upper


def lower_outputs(
    lower: keras.Model, pictures: np.ndarray, backbone: Mapping[str, Any]
) -> np.ndarray:
    """Return what the frozen lower part of a network computes of pictures.

    Args:
        lower: see `split`.
        pictures: uint8 (images, height, width, 1 or 3).
        backbone: its architecture, input_size and, of a network from a file, mean and scale.

    Returns:
        float32 (images, ...).
    """
    scaling = {key: backbone.get(key) for key in ("mean", "scale")}
    size = backbone["input_size"]
    compute = keras_networks.extractor(lower, backbone["architecture"], size, **scaling)
    at_once = extraction.batch_size(size)
    starts = range(0, len(pictures), at_once)
    computed = np.concatenate([compute(pictures[start : start + at_once]) for start in starts])
    return computed.reshape(-1, *lower.output_shape[1:])


def train(
    data: Replicates,
    upper: keras.Model,
    start: list[np.ndarray],
    *,
    learning_rate: float,
    l2: float,
    activation: str,
    layers: list[int],
    **settings: Any,
) -> list[Trained]:
    """Train the upper part of a backbone and a head, one replicate at a time.

    Args:
        data: outputs of the lower part, labels, samples and validation roles.
        upper: the trainable part, with its pretrained weights; the model itself is not changed.
        start: parameters of the trained head, (replicates, ...).
        learning_rate: learning rate of Adam, for both parts.
        l2: weight of the penalty on the kernels of both parts.
        activation: activation of the head's hidden layers, a name in `tf.nn`.
        layers: units of the head's hidden layers.
        settings: the other arguments of `loop.train`.

    Returns:
        The result of each replicate, as of `loop.train`.
    """
    pretrained = [variable.numpy() for variable in upper.trainable_variables]
    still = [variable.value for variable in upper.non_trainable_variables]
    activate = getattr(tf.nn, activation)
    trained = []
    for replicate in range(len(data.samples)):

        def logits(parameters: Parameters, inputs: tf.Tensor) -> tf.Tensor:
            backbone = [parameter[0] for parameter in parameters[: len(pretrained)]]
            outputs, _ = upper.stateless_call(backbone, still, inputs[0], training=False)
            flat = tf.reshape(outputs, (1, -1, np.prod(outputs.shape[1:])))
            return heads.logits(parameters[len(pretrained) :], flat, activate)

        head = [parameter[replicate] for parameter in start]

        def initial(rng: np.random.Generator, head: list[np.ndarray] = head) -> list[np.ndarray]:
            return [*pretrained, *head]

        network = Network(
            initial=initial,
            logits=logits,
            configuration={
                "layers": "-".join(map(str, layers)),
                "activation": activation,
                "learning_rate": learning_rate,
                "l2": l2,
            },
            compilable=False,  # many backbones pool
        )
        trained.append(
            loop.train(
                data.of([replicate]),
                network,
                learning_rate=learning_rate,
                l2=l2,
                # Scoring the images costs half as much as training on them.
                evaluate=schedule.LAST_FIFTH,
                # The head already fits its images, so fine-tuning would stop at once.
                **{**settings, "stop_at_train_loss": None},
            )
        )
    return trained


def train_files(
    images: Path | str,
    weights: Path | str,
    features: Path | str,
    samples: Path | str,
    validation_roles: Path | str,
    selection: Path | str,
    outputs: Mapping[str, Path | str],
    *,
    names: Mapping[str, str],
    study_seed: int,
    backbone: Mapping[str, Any],
    settings: Mapping[str, Any],
    from_layer: str,
    learning_rates: Sequence[float],
    epochs: int,
    min_updates: int,
    metric: str,
) -> None:
    """Train a selected head on features, then fine-tune it with its backbone.

    Args:
        images: file of a dataset's images.
        weights: see `networks.open_network`.
        features: file of the dataset's features.
        samples: file of the fraction's samples.
        validation_roles: file of the images that select and score.
        selection: see `heads.selected_settings`.
        outputs: files to write, see `rows.write`.
        names: dataset, backbone, method, fraction, run and protocol, for the rows, and which part
            of the replicates is trained, such as "1-of-2". The rows of learning rates that are not
            selected have "search" as their run.
        study_seed: the study's seed.
        backbone: architecture, layer, input_size and so on, see `networks.open_network`.
        settings: keyword arguments of `heads.train` beside the selected ones.
        from_layer: first trained layer.
        learning_rates: learning rates of the fine-tuning; each replicate selects one.
        epochs: epochs of the fine-tuning.
        min_updates: least number of updates of the fine-tuning.
        metric: name of the metric that selects.

    Raises:
        StoreError: an input is corrupt.
        BackboneError: see `split`.
    """
    seed_names = (study_seed, names["dataset"], names["fraction"])
    on_features = read_replicates(features, samples, validation_roles)
    cut = {key: value for key, value in backbone.items() if key not in ("mean", "scale")}
    lower, upper = split(
        keras_networks.build(weights=weights, precision="float32", **cut), from_layer
    )
    data = read_replicates(images, samples, validation_roles)
    data = data._replace(features=lower_outputs(lower, data.features, backbone))
    length = {"epochs": epochs, "min_updates": min_updates}
    trained: dict[float, list[Trained]] = {rate: [] for rate in learning_rates}
    own = of_part(names["part"], len(data.samples))
    for selected, configuration in heads.selected_settings(selection, names["protocol"]):
        replicates = np.intersect1d(selected, own)
        if not len(replicates):
            continue
        of_head = {**settings, **configuration}
        head = heads.train(on_features.of(replicates), seed_names=seed_names, **of_head)
        for rate in learning_rates:
            trained[rate] += train(
                data.of(replicates),
                upper,
                head.parameters,
                seed_names=seed_names,
                **{**of_head, **length, "learning_rate": rate},
            )
    tried = [loop.joined(parts) for parts in trained.values()]
    best = _best([made["runs"] for made in tried], metric)
    made = {
        kind: pd.concat(
            [
                part[kind].assign(
                    run=np.where(part[kind]["replicate"].map(best) == number, names["run"], SEARCH)
                )
                for number, part in enumerate(tried)
            ],
            ignore_index=True,
        )
        for kind in outputs
    }
    rows.write(made, outputs, {**names, "precision": "float32"})


def _best(tried: Sequence[pd.DataFrame], metric: str) -> dict[int, int]:
    """Return by replicate which of its runs is the best: by score, then by loss, then the first.

    Scores and losses are those of its selection images, as in `selection.select_heads`.
    """
    sign = metrics.metric(metric).sign
    ranks = [
        runs.set_index("replicate")[[f"selection_{metric}", "selection_loss"]] * [-sign, 1]
        for runs in tried
    ]
    return {
        replicate: min(
            range(len(tried)),
            key=lambda number: (
                round(ranks[number].iloc[place, 0], 12),
                ranks[number].iloc[place, 1],
            ),
        )
        for place, replicate in enumerate(ranks[0].index)
    }
