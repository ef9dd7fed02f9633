"""Train a method once more, on all labeled images, as one Keras graph from pictures on.

A method that can be exported has its function in `TRAINERS`, which follow `Trainer`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from transfer_gain.config.networks import ONNX_FILE
from transfer_gain.data import augmentation
from transfer_gain.data.class_weights import NONE
from transfer_gain.data.replicates import Replicates
from transfer_gain.methods import fine_tuning, heads, linear_probe, scratch
from transfer_gain.model import graph
from transfer_gain.names import (
    AUGMENTATION,
    BASELINE,
    FINE_TUNING,
    TRANSFER_AUGMENTED,
)
from transfer_gain.seeds import generator

import keras  # isort: skip  (after TensorFlow is set up)


class NotExportableError(ValueError):
    """A method cannot become a model; the message says why."""


@dataclass(frozen=True)
class Images:
    """All labeled images of a dataset, but those that it came with for testing.

    Attributes:
        pictures: uint8 (images, side, side, 1 or 3).
        labels: int32 (images,).
        image_ids: names, (images,).
        classes: number of classes.
        dataset: name of the dataset, for the seeds.
        study_seed: the study's seed.
        features: of the pictures, float32 (images, features), as the study extracted them from the
            backbone; None for training from scratch.
    """

    pictures: np.ndarray
    labels: np.ndarray
    image_ids: np.ndarray
    classes: int
    dataset: str
    study_seed: int
    features: np.ndarray | None = None

    @property
    def side(self) -> int:
        """Return the side of the pictures."""
        return int(self.pictures.shape[1])

    @property
    def channels(self) -> str:
        """Return "gray" or "rgb"."""
        return "gray" if self.pictures.shape[-1] == 1 else "rgb"

    @property
    def seed_names(self) -> tuple[int, str, str]:
        """Return what the seed of the training is derived from."""
        return self.study_seed, self.dataset, "model"

    def with_features(self, features: np.ndarray) -> Replicates:
        """Return a single replicate that is trained on everything.

        The training loop wants images to score on: it gets the same ones, and nothing is made of
        these scores.

        Args:
            features: (images * n, ...), of all images, then of their copies.
        """
        images, copies = len(self.labels), len(features) // len(self.labels)
        every = np.ones((1, images), bool)
        return Replicates(
            features=features,
            labels=np.tile(self.labels, copies),
            samples=np.arange(len(features))[None],
            validation=np.arange(images),
            selection=every,
            test=every,
            image_ids=self.image_ids,
            classes=self.classes,
        )


@dataclass(frozen=True)
class Recipe:
    """How a study trains its methods; each uses what it needs.

    Attributes:
        configuration: the selected layers ("100-50"), activation, learning_rate and l2.
        settings: batch_size, epochs, min_updates, l2, stop_at_train_loss and, if classes are
            weighted, class_weights, see `loop.train`.
        cut: what the backbone is built from, see `Backbone.cut`; None for training from scratch.
        weights: file of the backbone's weights.
        network: shape of the network that is trained from scratch, see `scratch.train`.
        ranges: ranges of the augmentation, see `augmentation.draw_transforms`.
        copies: augmented copies of each image, for `transfer-augmented`.
        fine_tuning: from_layer, epochs and min_updates.
        head_learning_rate: learning rate of the head, if the configuration's is that of another
            part, as in fine-tuning.
    """

    configuration: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    cut: Mapping[str, Any] | None = None
    weights: Path | str = ""
    network: Mapping[str, Any] = field(default_factory=dict)
    ranges: Mapping[str, Any] = field(default_factory=dict)
    copies: int = 0
    fine_tuning: Mapping[str, Any] = field(default_factory=dict)
    head_learning_rate: float | None = None

    @property
    def head(self) -> dict[str, Any]:
        """Return the keyword arguments of `heads.train`."""
        return {
            **self.settings,
            "layers": [int(units) for units in self.configuration["layers"].split("-")],
            "activation": self.configuration["activation"],
            "learning_rate": self.head_learning_rate or self.configuration["learning_rate"],
        }


class Final(NamedTuple):
    """A method that was trained on all images.

    Attributes:
        network: from fitted pictures, uint8 (images, side, side, 3), to probabilities (images,
            classes), with a layer `graph.FEATURES`.
        features: of the images, float32 (images, features): the study's if it has extracted them,
            otherwise those of this layer, which computes in float32.
    """

    network: keras.Model
    features: np.ndarray


Trainer = Callable[[Images, Recipe], Final]


def train(method: str, images: Images, recipe: Recipe) -> Final:
    """Train a method on all images.

    Raises:
        NotExportableError: the method or its backbone cannot become a Keras graph.
    """
    if method not in TRAINERS:
        raise NotExportableError(f"{method} cannot be saved as a model")
    if recipe.cut and recipe.cut["architecture"] == ONNX_FILE:
        raise NotExportableError("a backbone in ONNX cannot become part of a Keras file")
    return TRAINERS[method](images, recipe)


def _backbone(images: Images, recipe: Recipe) -> keras.Model:
    """Return the backbone from pictures to features."""
    assert recipe.cut is not None
    network, preprocessing = graph.build_backbone(recipe.cut, recipe.weights)
    side, channels = images.side, images.channels
    return graph.to_features(side, channels, network, recipe.cut["input_size"], preprocessing)


def _head(images: Images, recipe: Recipe, copies: int = 0) -> Final:
    assert images.features is not None
    backbone = _backbone(images, recipe)
    values, settings = [images.features], recipe.head
    if copies:  # trained to the end, as in the study
        compute = graph.features_of(backbone)
        values += [compute(graph.as_rgb(copy)) for copy in _copies(images, recipe, copies)]
        settings["stop_at_train_loss"] = None
    data = images.with_features(np.concatenate(values))
    trained = heads.train(data, seed_names=images.seed_names, **settings)
    parameters = [each[0] for each in trained.parameters]
    network = graph.with_head(backbone, parameters, recipe.configuration["activation"])
    return Final(network, images.features)


def _augmented_head(images: Images, recipe: Recipe) -> Final:
    return _head(images, recipe, recipe.copies)


def _copies(images: Images, recipe: Recipe, count: int) -> Iterator[np.ndarray]:
    """Yield augmented copies of all images."""
    transforms = [
        augmentation.draw_transforms(
            generator(images.study_seed, images.dataset, image, "copies"), count, **recipe.ranges
        )
        for image in images.image_ids
    ]
    for number in range(count):
        drawn = np.stack([each[number] for each in transforms])
        yield augmentation.apply(images.pictures, drawn)


def _probe(images: Images, recipe: Recipe) -> Final:
    assert images.features is not None
    with threadpool_limits(1):  # the last bits of a sum depend on the number of threads
        [probe] = linear_probe.solve(
            images.features,
            images.labels,
            [recipe.configuration["l2"]],
            recipe.settings.get("class_weights", NONE),
        )
    parameters = [probe.kernel.astype(np.float32), probe.bias.astype(np.float32)]
    network = graph.with_head(_backbone(images, recipe), parameters, None)
    return Final(network, images.features)


def _from_scratch(images: Images, recipe: Recipe, ranges: Mapping[str, Any] | None = None) -> Final:
    trained = scratch.train(
        images.with_features(images.pictures),
        network=recipe.network,
        learning_rate=recipe.configuration["learning_rate"],
        ranges=ranges,
        seed_names=images.seed_names,
        **recipe.settings,
    )
    network = graph.from_scratch(
        images.side,
        images.channels,
        [each[0] for each in trained.parameters],
        **{key: recipe.network[key] for key in ("activation", "stride", "pooling")},
    )
    return _with_own_features(network, images)


def _augmented_from_scratch(images: Images, recipe: Recipe) -> Final:
    return _from_scratch(images, recipe, recipe.ranges)


def _fine_tuned(images: Images, recipe: Recipe) -> Final:
    assert recipe.cut is not None
    assert images.features is not None
    cut, tuning = recipe.cut, dict(recipe.fine_tuning)
    network, preprocessing = graph.build_backbone(cut, recipe.weights)
    backbone = graph.to_features(
        images.side, images.channels, network, cut["input_size"], preprocessing
    )
    lower, upper = fine_tuning.split(network, tuning.pop("from_layer"))
    between = fine_tuning.lower_outputs(lower, images.pictures, cut)
    on_features = images.with_features(images.features)
    head = heads.train(on_features, seed_names=images.seed_names, **recipe.head)
    (tuned,) = fine_tuning.train(
        images.with_features(between),
        upper,
        head.parameters,
        seed_names=images.seed_names,
        **{**recipe.head, **tuning, "learning_rate": recipe.configuration["learning_rate"]},
    )
    parameters = [each[0] for each in tuned.parameters]
    # The layers of the upper part are those of the network, and so of `backbone`.
    trained = len(upper.trainable_variables)
    for variable, value in zip(upper.trainable_variables, parameters[:trained], strict=True):
        variable.assign(value)
    network = graph.with_head(backbone, parameters[trained:], recipe.configuration["activation"])
    return _with_own_features(network, images)


def _with_own_features(network: keras.Model, images: Images) -> Final:
    """Return a network whose features the study has not extracted, with its features."""
    return Final(network, graph.outputs(network)(graph.as_rgb(images.pictures))[0])


TRAINERS: dict[str, Trainer] = {
    "transfer": _head,
    TRANSFER_AUGMENTED: _augmented_head,
    "linear-probe": _probe,
    BASELINE: _from_scratch,
    AUGMENTATION: _augmented_from_scratch,
    FINE_TUNING: _fine_tuned,
}
