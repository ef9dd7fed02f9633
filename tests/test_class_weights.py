"""Promises of class weights: whatever trains, a rare class is recalled more often with them."""

from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest

from small_networks import extracted
from toys import NETWORK, in_every_replicate
from transfer_gain.config.loading import load
from transfer_gain.data import class_weights
from transfer_gain.data.replicates import Replicates
from transfer_gain.methods import fine_tuning, heads, linear_probe, records, resnet, scratch
from transfer_gain.model import final_training, graph
from transfer_gain.model.final_training import Images, Recipe
from transfer_gain.training import loop

pytestmark = pytest.mark.usefixtures("tensorflow")

COMMON, RARE = 95, 5
SEED = {"seed_names": (2018, "toy", "1")}
SETTINGS = {"learning_rate": 0.01, "batch_size": 20, "epochs": 1, "min_updates": 150, "l2": 0.001}
HEAD = {"layers": [4], "activation": "elu"}


def imbalanced(*shape: int, replicates: int = 2) -> Replicates:
    """Two classes of noise that overlap, 95 images of one and 5 of the other; 40 + 40 to score."""
    rng = np.random.default_rng(5)
    labels = np.repeat([0, 1, 0, 1], [COMMON, RARE, 40, 40]).astype(np.int32)
    images, scored = COMMON + RARE, 80
    values = rng.normal(size=(len(labels), 1)) + 1.5 * labels[:, None]
    noise = rng.normal(size=(len(labels), *shape)) / 2
    features = values.reshape(-1, *[1] * len(shape)) + noise
    return Replicates(
        features=features.astype(np.float32),
        labels=labels,
        samples=np.stack([rng.permutation(images) for _ in range(replicates)]),
        validation=np.arange(images, len(labels)),
        **in_every_replicate(np.arange(scored) % 2 == 0, replicates),
        classes=2,
    )


def pictures() -> Replicates:
    data = imbalanced(9, 9, 1)
    return data._replace(features=np.clip(data.features * 30 + 90, 0, 255).astype(np.uint8))


def head(class_weights: str) -> pd.DataFrame:
    return heads.train(
        imbalanced(3), **HEAD, **SETTINGS, **SEED, class_weights=class_weights
    ).predictions


def probe(class_weights: str) -> pd.DataFrame:
    return linear_probe.fit(imbalanced(3), [0.01], SEED["seed_names"], class_weights)["predictions"]


def from_scratch(class_weights: str, ranges: dict | None = None) -> pd.DataFrame:
    how = SETTINGS | {"network": NETWORK, "ranges": ranges, "class_weights": class_weights}
    return scratch.train(pictures(), **how, **SEED).predictions


def augmented(class_weights: str) -> pd.DataFrame:
    ranges = {"rotation": 10, "shift": 0.1, "zoom": 0.1, "shear": 5, "flip": True}
    return from_scratch(class_weights, ranges)


def residual(class_weights: str) -> pd.DataFrame:
    network = {"network": {"filters": [4, 6]}, "ranges": {"shift": 0.1, "flip": True}}
    return resnet.train(
        pictures(), **SETTINGS, **network, **SEED, class_weights=class_weights
    ).predictions


def fine_tuned(class_weights: str) -> pd.DataFrame:
    keras.utils.set_random_seed(1)
    inputs = keras.Input((6, 6, 2))
    upper = keras.Model(inputs, keras.layers.Conv2D(4, 5, activation="elu")(inputs))
    rng = np.random.default_rng(0)
    start = [array[None] for array in heads.initial_parameters(rng, 16, [4], 2)]
    short = SETTINGS | {"min_updates": 40}  # before it knows the five rare images by heart
    trained = fine_tuning.train(
        imbalanced(6, 6, 2, replicates=1),
        upper,
        start,
        **HEAD,
        **short,
        **SEED,
        class_weights=class_weights,
    )
    return loop.joined(trained)["predictions"]


# What each rule's script trains with.
TRAINED_BY: dict[str, Callable[[str], pd.DataFrame]] = {
    "train_head": head,
    "refit_head": head,
    "fit_probes": probe,
    "train_from_scratch": from_scratch,
    "train_resnet": residual,
    "fine_tune": fine_tuned,
}


def recalls(predicted: pd.DataFrame) -> tuple[float, float]:
    right = predicted["predicted"] == predicted["label"]
    return tuple(right.groupby(predicted["label"]).mean())


@pytest.mark.parametrize("train", [*dict.fromkeys([*TRAINED_BY.values(), augmented])])
def test_a_rare_class_is_recalled_more_often(train):
    (common, rare), (weighted_common, weighted_rare) = (
        recalls(train(weights)) for weights in ("none", "balanced")
    )
    assert rare < 0.6 < common
    assert weighted_rare > rare + 0.2
    assert weighted_common + weighted_rare > common + rare + 0.1


def test_every_method_that_trains_is_tried():
    rules = {method.rule for method in records.METHODS if method.rule}
    assert rules == set(TRAINED_BY)


def images(data: Replicates) -> Images:
    rows = slice(COMMON + RARE)
    pixels = data.features[rows].repeat(4, axis=1).repeat(4, axis=2)
    names = np.array([f"{number}.png" for number in range(COMMON + RARE)])
    return Images(pixels, data.labels[rows], names, 2, "mine", 2018)


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """Return a small backbone in a Keras file."""
    keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("backbone") / "small.keras"
    inputs = keras.Input((36, 36, 3))
    values = keras.layers.Rescaling(1 / 90)(inputs)
    values = keras.layers.Conv2D(6, 3, strides=3, activation="relu", name="first")(values)
    values = keras.layers.Conv2D(8, 3, strides=3, activation="relu", name="second")(values)
    keras.Model(inputs, values).save(path)
    parts = {"architecture": "keras-file", "layer": "last", "input_size": 36, "pooling": "avg"}
    tuning = {"from_layer": "second", "epochs": 1, "min_updates": 50}
    return {"cut": parts, "weights": str(path), "fine_tuning": tuning}


@pytest.mark.slow
@pytest.mark.parametrize("method", final_training.TRAINERS)
def test_the_model_to_take_home_recalls_a_rare_class_more_often(method, cut):
    data = images(pictures())
    configuration = {"layers": "4", "activation": "elu", "learning_rate": 0.01, "l2": 0.01}
    settings = {key: value for key, value in SETTINGS.items() if key != "learning_rate"}
    ranges = {"rotation": 10, "shift": 0.1, "zoom": 0.1, "shear": 5, "flip": True}
    network = NETWORK | {"stride": 2, "pooling": 4}
    backbone = {} if method in ("baseline", "augmentation") else cut
    data = replace(data, features=extracted(data.pictures, **cut))
    found = []
    for weights in ({}, {"class_weights": "balanced"}):
        recipe = Recipe(
            configuration, settings | weights, **backbone, network=network, ranges=ranges, copies=1
        )
        model, _ = final_training.train(method, data, recipe)
        _, probabilities = graph.outputs(model)(graph.as_rgb(data.pictures))
        rows = pd.DataFrame({"label": data.labels, "predicted": probabilities.argmax(axis=1)})
        found.append(recalls(rows))
    (_, rare), (_, weighted_rare) = found
    assert weighted_rare > rare


def test_weights_are_those_of_a_sample_and_average_one():
    counts = np.array([95, 5, 0])
    weights = class_weights.balanced(counts)
    assert weights.tolist() == [100 / (2 * 95), 100 / (2 * 5), 0]
    assert weights @ counts == pytest.approx(counts.sum())
    assert class_weights.balanced(np.array([7, 7, 7])).tolist() == [1, 1, 1]


def test_equal_classes_train_the_same_bytes_with_weights():
    data = imbalanced(3)
    even = data._replace(labels=(np.arange(len(data.labels)) % 2).astype(np.int32))
    one, other = (
        heads.train(even, **HEAD, **SETTINGS, **SEED, class_weights=weights)
        for weights in ("none", "balanced")
    )
    pd.testing.assert_frame_equal(one.runs, other.runs, check_exact=True)


def test_without_weights_jobs_have_no_such_param():
    assert load({}).class_weighting == {}
    assert load({"class_weights": "none"}).class_weighting == {}
    assert load({"class_weights": "balanced"}).class_weighting == {"class_weights": "balanced"}
