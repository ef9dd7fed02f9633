"""Promises of fine-tuning: the last layers are trained with the head, and nothing else is."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from spies import Spy
from toys import in_every_replicate, picture_rows
from transfer_gain.config import jobs
from transfer_gain.config.errors import ConfigError
from transfer_gain.config.loading import load
from transfer_gain.data import store
from transfer_gain.data.replicates import Replicates
from transfer_gain.data.sampling import draw_samples, validation_roles
from transfer_gain.evaluation.statistics import mean_interval
from transfer_gain.features import extraction
from transfer_gain.features.frozen import BackboneError
from transfer_gain.methods import fine_tuning, heads
from transfer_gain.seeds import run_seed
from transfer_gain.training import devices, loop

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tensorflow")]

L2 = 0.01
HEAD = {"layers": [5], "activation": "elu", "l2": L2, "batch_size": 4}
SETTINGS = {**HEAD, "learning_rate": 0.01, "epochs": 3, "min_updates": 0}
NAMES = {"seed_names": (2018, "toy", "0.1")}
UPPER = 7  # parameters' arrays of the part that is trained: two layers' and a normalisation's


def backbone() -> keras.Model:
    """A small backbone with a connection that bypasses `second` and none that bypasses `upper`."""
    keras.utils.set_random_seed(1)
    penalty = {"kernel_regularizer": keras.regularizers.L2(L2)}
    inputs = keras.Input((6, 6, 3), name="images")
    values = keras.layers.Conv2D(4, 3, name="lower", padding="same")(inputs)
    inner = keras.layers.Conv2D(4, 3, name="first", padding="same")(values)
    inner = keras.layers.Conv2D(4, 3, name="second", padding="same")(inner)
    values = keras.layers.Add(name="sum")([values, inner])
    values = keras.layers.Conv2D(5, 3, name="upper", activation="relu", **penalty)(values)
    values = keras.layers.BatchNormalization(name="normal")(values)
    values = keras.layers.Conv2D(3, 2, name="top", use_bias=False, **penalty)(values)
    values = keras.layers.Conv2D(3, 1, name="last", **penalty)(values)
    model = keras.Model(inputs, values)
    model.trainable = False
    return model


def make_data(
    replicates: int = 2, images: int = 10, validation: int = 20, *, permuted: bool = False
) -> Replicates:
    """Outputs of the lower part, (6, 6, 4), and labels of three classes."""
    rng = np.random.default_rng(4)
    pool = 4 * images
    labels = (np.arange(pool + validation) % 3).astype(np.int32)
    features = rng.normal(size=(len(labels), 6, 6, 4)) + labels[:, None, None, None]
    return Replicates(
        features=features.astype(np.float32),
        labels=rng.permutation(labels) if permuted else labels,
        samples=np.stack([rng.permutation(pool)[:images] for _ in range(replicates)]),
        validation=np.arange(pool, len(labels)),
        **in_every_replicate(np.arange(validation) % 2 == 0, replicates),
        classes=3,
    )


def heads_start(replicates: int) -> list[np.ndarray]:
    rng = np.random.default_rng(6)
    each = [heads.initial_parameters(rng, 27, [5], 3) for _ in range(replicates)]
    return [np.stack(arrays) for arrays in zip(*each, strict=True)]


def fine_tuned(*given: Any, **settings: Any) -> dict[str, pd.DataFrame]:
    return loop.joined(fine_tuning.train(*given, **settings, **NAMES))


# --- where it is cut


def test_the_two_parts_are_the_whole():
    model = backbone()
    lower, upper = fine_tuning.split(model, "upper")
    images = picture_rows(3, 6, 3).astype(np.float32)
    np.testing.assert_allclose(upper(lower(images)), model(images), rtol=1e-5, atol=1e-5)
    assert not lower.trainable_weights
    assert [len(part.weights) for part in (lower, upper)] == [6, UPPER + 2]
    assert len(upper.trainable_weights) == UPPER


def test_an_unknown_layer_is_refused_with_those_there_are():
    with pytest.raises(
        BackboneError, match=r"fine_tune_from: found 'block9', allowed: lower, first"
    ):
        fine_tuning.split(backbone(), "block9")


@pytest.mark.parametrize("layer", ["second", "sum"])
def test_a_layer_that_not_all_goes_through_is_refused(layer):
    expected = rf"fine_tune_from: found '{layer}', which a connection bypasses"
    with pytest.raises(BackboneError, match=expected):
        fine_tuning.split(backbone(), layer)


# --- its training


def test_a_gpu_does_not_compile_it(tensorflow, monkeypatch: pytest.MonkeyPatch):
    """XLA has no deterministic gradient of max-pooling (tensorflow/tensorflow#69417)."""
    compiled, function = {}, tensorflow.function

    def recorded(**options):
        def decorate(body):
            compiled[body.__name__] = options.get("jit_compile", False)
            return function(**options)(body)

        return decorate

    monkeypatch.setattr(devices, "on_gpu", lambda: True)
    monkeypatch.setattr(tensorflow, "function", recorded)
    _, upper = fine_tuning.split(backbone(), "upper")
    fine_tuning.train(make_data(1), upper, heads_start(1), **SETTINGS, **NAMES)
    assert compiled["advance"] is False


def test_a_training_run_is_the_one_of_keras_and_leaves_the_backbone_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
):
    """Batch normalization stays in inference mode. Reported as keras-team/keras#9214."""
    data, spy = make_data(1), Spy(monkeypatch)
    model = backbone()
    _, upper = fine_tuning.split(model, "upper")
    before, start = [weight.numpy() for weight in model.weights], heads_start(1)
    runs = fine_tuned(data, upper, start, **SETTINGS)["runs"]
    for one, other in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(one, other.numpy())

    penalty = {"kernel_regularizer": keras.regularizers.L2(L2)}
    head = [keras.layers.Flatten(), keras.layers.Dense(5, "elu", **penalty)]
    twin = keras.Sequential([upper, *head, keras.layers.Dense(3, **penalty)])
    twin.build((None, 6, 6, 4))
    for layer, arrays in zip(twin.layers[-2:], (start[:2], start[2:]), strict=True):
        layer.set_weights([array[0] for array in arrays])
    began = [variable.numpy() for variable in twin.trainable_variables]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.Adam(SETTINGS["learning_rate"])
    tf = heads.tf
    for batch in spy.batches[:, 0]:
        rows = batch[batch >= 0]
        with tf.GradientTape() as tape:  # normalised as the pretrained network does
            value = loss(data.labels[rows], twin(data.features[rows], training=False))
            value += tf.add_n(twin.losses)
        variables = twin.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
    assert len(spy.parameters) == len(twin.trainable_variables) == UPPER + 4
    for first, ours, theirs, start in zip(
        spy.start, spy.parameters, twin.trainable_variables, began, strict=True
    ):
        np.testing.assert_array_equal(first[0], start)  # from the pretrained weights
        np.testing.assert_allclose(ours.numpy()[0], theirs.numpy(), rtol=1e-3, atol=1e-4)
        assert np.abs(ours.numpy()[0] - start).max() > 0.005  # every one learns
    values = twin(data.features[data.validation], training=False)
    expected = loss(data.labels[data.validation], values).numpy()
    assert runs["validation_loss"].item() == pytest.approx(expected, rel=1e-3)


def test_every_replicate_begins_with_the_pretrained_weights_and_its_own_head():
    data, start = make_data(2), heads_start(2)
    _, upper = fine_tuning.split(backbone(), "upper")
    made = fine_tuned(data, upper, start, **SETTINGS)
    runs, history = made["runs"], made["history"]
    assert runs["replicate"].tolist() == [0, 1]
    assert runs["seed"].tolist() == [run_seed(2018, "toy", "0.1", number) for number in range(2)]
    assert set(history["replicate"]) == {0, 1}
    # To the last digit, whatever was trained before.
    other = data._replace(samples=np.stack([data.samples[1], data.samples[1]]))
    beside = fine_tuned(other, upper, start, **SETTINGS)["runs"]
    pd.testing.assert_frame_equal(runs.iloc[1:], beside.iloc[1:], check_exact=True)
    assert runs["train_loss"].nunique() == 2


def test_permuted_labels_bring_chance_and_true_ones_do_not():
    settings = SETTINGS | {"batch_size": 30, "epochs": 20, "l2": 1e-4}
    _, upper = fine_tuning.split(backbone(), "upper")
    accuracies = {
        permuted: fine_tuned(
            make_data(6, 60, 600, permuted=permuted), upper, heads_start(6), **settings
        )["runs"]
        for permuted in (True, False)
    }
    _, low, high = mean_interval(accuracies[True]["validation_accuracy"], level=0.999)
    assert low < 1 / 3 < high < 0.45
    assert (accuracies[True]["train_accuracy"] > 0.45).all()  # it did learn its own labels
    assert (accuracies[False]["validation_accuracy"] > 0.6).all()


# --- where it is done


def test_it_is_done_with_enough_labels_and_not_as_the_2018_paper_scored():
    backbone = {"architecture": "VGG16", "fine_tune_from": "block5_conv1"}
    study = load(
        {
            "backbones": {"vgg16": backbone, "plain": {"architecture": "VGG16"}},
            "fractions": [{"fraction": size, "replicates": 2} for size in (1, 0.3, 0.1)],
            "fine_tuning": {"min_fraction": 0.3, "max_fraction": 1},
        }
    )
    done = {tuple(job.values())[1:] for job in jobs.refits(study, "fine-tuning")}
    assert done == {("vgg16", fraction, "fine-tuning", "held-out") for fraction in ("1", "0.3")}


@pytest.mark.parametrize(
    ("changed", "protocols"),
    [({}, {"held-out"}), ({"validation_per_class": 20}, {"same-images", "held-out"})],
)
def test_heads_of_cross_fitted_images_are_not_trained_again_as_the_2018_paper_scored(
    changed: dict, protocols: set
):
    study = load(
        {
            "datasets": {"cells": {"source": "solar-cells", **changed}},
            "backbones": {"vgg16": {"architecture": "VGG16"}},
        }
    )
    for method in ("transfer-augmented", "transfer-extended"):
        assert {job["protocol"] for job in jobs.refits(study, method)} == protocols


def test_a_least_fraction_above_the_largest_is_refused():
    backbones = {"vgg16": {"architecture": "VGG16", "fine_tune_from": "block5_conv1"}}
    expected = r"fine_tuning\.min_fraction: found 0\.5, allowed: at most max_fraction, 0\.1"
    with pytest.raises(ConfigError, match=expected):
        load({"backbones": backbones, "fine_tuning": {"min_fraction": 0.5, "max_fraction": 0.1}})


# --- from and to files


def test_at_a_rate_of_zero_it_is_the_selected_head(tmp_path: Path):
    files = {
        name: tmp_path / f"{name}.parquet" for name in ("images", "samples", "validation_roles")
    }
    index = pd.DataFrame(
        {
            "image_id": [f"image-{row}" for row in range(60)],
            "split": np.repeat([store.TRAINING, store.VALIDATION], [30, 30]),
            "label": np.arange(60) % 3,
        }
    )
    pixels = picture_rows(60, 32)
    about = {"classes": list("abc")}
    store.write_arrays(files["images"], "pixels", (32, 32, 1), "|u1", [(index, pixels)], about)
    store.write_rows(draw_samples(index, 0.5, "toy", 2, 2018), files["samples"])
    store.write_rows(validation_roles(index, "toy", 2018), files["validation_roles"])
    cut = {"architecture": "VGG16", "layer": "block2_pool", "input_size": 32}
    features, weights = tmp_path / "features.parquet", tmp_path / "vgg16.weights.h5"
    keras.applications.VGG16(include_top=False, weights=None).save_weights(weights)
    extraction.extract(files["images"], weights, features, **cut, precision="float32", threads=1)

    names = {"dataset": "toy", "backbone": "vgg16", "fraction": "0.5", "run": "refit"}
    names |= {"protocol": "held-out", "method": "fine-tuning"}
    chosen = ("layers", "activation", "learning_rate")
    settings = {key: value for key, value in SETTINGS.items() if key not in chosen}
    common = {"names": names, "study_seed": 2018, "settings": settings}
    outputs = {
        rate: {kind: tmp_path / f"{kind}-{rate}" for kind in ("runs", "history", "predictions")}
        for rate in ("head", 0.0, 0.001, "both", "1-of-2", "2-of-2")
    }
    selected = [
        {"protocol": "held-out", "replicate": replicate, "learning_rate": 0.001}
        | {"layers": "5", "activation": "elu"}
        for replicate in range(2)
    ]
    store.write_rows(pd.DataFrame(selected), tmp_path / "selection.parquet")
    others = (files["samples"], files["validation_roles"])
    common["selection"] = tmp_path / "selection.parquet"
    heads.train_files(features, *others, outputs["head"], **common)
    tried = {
        0.0: ([0.0], "1-of-1"),
        0.001: ([0.001], "1-of-1"),
        "both": ([0.0, 0.001], "1-of-1"),
        "1-of-2": ([0.001], "1-of-2"),
        "2-of-2": ([0.001], "2-of-2"),
    }
    for rate, (learning_rates, part) in tried.items():
        common["names"] = {**names, "part": part}
        fine_tuning.train_files(
            files["images"],
            weights,
            features,
            *others,
            outputs=outputs[rate],
            **common,
            backbone=cut,
            from_layer="block2_conv2",
            learning_rates=learning_rates,
            epochs=5,
            min_updates=0,
            metric="accuracy",
        )
    head, still, tuned, both, *parts = (
        store.read_rows(paths["runs"]) for paths in outputs.values()
    )
    scores = [column for column in head if column.endswith("_loss")]
    np.testing.assert_allclose(still[scores], head[scores], rtol=1e-3)
    counts = [column for column in head if column.endswith("_accuracy")]
    np.testing.assert_allclose(still[counts], head[counts], atol=1.01 / 15)  # a tie may turn
    assert (np.abs(tuned[scores] - head[scores]) > 1e-3).any(axis=None)
    about = {**names, "fraction": 0.5, "precision": "float32", "learning_rate": 0.001, "epochs": 5}
    assert tuned[list(about)].drop_duplicates().to_dict("records") == [about]
    # Scoring is slow: before and after the last fifth.
    assert set(store.read_rows(outputs[0.001]["history"])["epoch"]) == {4, 5}
    assert [part["replicate"].tolist() for part in parts] == [[0], [1]]
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), tuned, rtol=1e-3)
    # Of several rates, all are kept, and the best on the protocol's images is the refit.
    columns = ["validation_accuracy", "validation_loss"]
    ranks = [(-each[columns[0]].mean(), each[columns[1]].mean()) for each in (still, tuned)]
    best = (0.0, 0.001)[int(ranks[1] < ranks[0])]
    assert dict(both.groupby("learning_rate")["run"].unique().map(list)) == {
        rate: ["refit" if rate == best else "search"] for rate in (0.0, 0.001)
    }
    pd.testing.assert_frame_equal(
        both.drop(columns="run"), pd.concat([still, tuned], ignore_index=True).drop(columns="run")
    )
