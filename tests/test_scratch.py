"""Promises of the baseline: the config's network, trained as by Keras, for any replicate."""

import math
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from spies import Spy
from toys import NETWORK, SETTINGS, make_pictures
from transfer_gain.config.loading import load
from transfer_gain.data import store
from transfer_gain.data.sampling import draw_samples, validation_roles
from transfer_gain.evaluation.statistics import mean_interval
from transfer_gain.methods import scratch

pytestmark = pytest.mark.usefixtures("tensorflow")


def shape_of(network: dict) -> dict:
    return {key: value for key, value in network.items() if key != "activation"}


def twin(image: tuple[int, ...], network: dict, parameters: list[np.ndarray], l2: float = 0):
    """Build one replicate's network, up to the logits, in plain Keras."""
    penalty = {"kernel_regularizer": keras.regularizers.L2(l2)}
    activation = network["activation"]
    model = keras.Sequential(
        [
            keras.Input(image),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(
                network["filters"],
                network["kernel"],
                network["stride"],
                padding="same",
                activation=activation,
                **penalty,
            ),
            keras.layers.MaxPool2D(network["pooling"]),
            keras.layers.Flatten(),
            *[keras.layers.Dense(n, activation=activation, **penalty) for n in network["units"]],
            keras.layers.Dense(len(parameters[-1]), **penalty),
        ]
    )
    model.set_weights(parameters)
    return model


# --- the network


@pytest.mark.parametrize(
    ("method", "kernels", "count"),
    [
        # 64 pixels: stride 2, then pooled by 4, leaves 8 by 8 of 32 filters.
        ("baseline", [(5, 5, 1, 32), (2048, 100), (100, 7)], 832 + 205_607),
        ("baseline-2018", [(5, 5, 1, 8), (128, 7)], 208 + 903),
    ],
)
def test_the_default_networks_have_known_shapes(method, kernels, count):
    shape = shape_of(load({}).scratch_network(method).settings())
    drawn = scratch.initial_parameters(np.random.default_rng(0), (64, 64, 1), 7, **shape)
    assert [array.shape for array in drawn[::2]] == kernels
    assert [array.shape for array in drawn[1::2]] == [kernel[-1:] for kernel in kernels]
    assert sum(array.size for array in drawn) == count
    assert {array.dtype for array in drawn} == {np.dtype(np.float32)}
    assert not any(bias.any() for bias in drawn[1::2])
    for kernel in drawn[::2]:  # Glorot & Bengio's limit, of a window's fans
        limit = math.sqrt(6 / (math.prod(kernel.shape[:-2]) * sum(kernel.shape[-2:])))
        assert 0.9 * limit < np.abs(kernel).max() <= np.float32(limit)


@pytest.mark.parametrize(
    ("image", "changes"),
    [
        ((9, 9, 1), {}),
        ((9, 9, 1), {"activation": "sigmoid", "units": []}),
        ((9, 9, 1), {"activation": "tanh", "units": [5, 4], "stride": 2, "pooling": 2}),
        ((13, 10, 3), {"activation": "elu", "kernel": 4, "stride": 3, "pooling": 2}),
        ((8, 8, 1), {"kernel": 1, "pooling": 5}),
    ],
)
@pytest.mark.parametrize("own", [True, False])
def test_logits_are_those_of_keras(tensorflow, image, changes, own):
    network, rng = NETWORK | changes, np.random.default_rng(5)
    each = [
        [
            (array + rng.normal(0, 0.3, array.shape)).astype(np.float32)  # biases of all signs
            for array in scratch.initial_parameters(rng, image, 3, **shape_of(network))
        ]
        for _ in range(2)
    ]
    parameters = [np.stack(arrays) for arrays in zip(*each, strict=True)]
    pixels = rng.integers(0, 256, (2 if own else 1, 7, *image)).astype(np.uint8)
    activation = getattr(tensorflow.nn, network["activation"])
    found = scratch.logits(parameters, pixels, activation, network["stride"], network["pooling"])
    for replicate in range(2):
        expected = twin(image, network, each[replicate])(pixels[replicate if own else 0])
        np.testing.assert_allclose(found[replicate], expected, rtol=1e-4, atol=1e-5)


# --- its training


@pytest.mark.slow
def test_a_training_run_is_the_one_of_keras(monkeypatch: pytest.MonkeyPatch):
    data, spy = make_pictures(), Spy(monkeypatch)
    runs = scratch.train(data, **SETTINGS).runs
    for replicate in range(2):
        start = [array[replicate] for array in spy.start]
        model = twin((9, 9, 1), NETWORK, start, SETTINGS["l2"])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(SETTINGS["learning_rate"]), loss)
        for batch in spy.batches[:, replicate]:
            rows = batch[batch >= 0]
            model.train_on_batch(data.features[rows].astype(np.float32), data.labels[rows])
        for ours, theirs, before in zip(spy.parameters, model.get_weights(), start, strict=True):
            np.testing.assert_allclose(ours.numpy()[replicate], theirs, rtol=1e-3, atol=5e-5)
            assert np.abs(theirs - before).max() > 0.01
        values = model(data.features[data.validation])
        expected = loss(data.labels[data.validation], values).numpy()
        assert runs["validation_loss"][replicate] == pytest.approx(expected, rel=1e-3)


@pytest.mark.slow
def test_a_replicate_trained_alone_is_the_one_trained_beside_others():
    data = make_pictures(3)
    together = scratch.train(data, **SETTINGS)
    for replicate in range(3):
        alone = scratch.train(
            data.of([replicate]),
            **SETTINGS,
        )
        for one, other in zip(together.parameters, alone.parameters, strict=True):
            np.testing.assert_allclose(one[replicate], other[0], rtol=1e-3, atol=1e-5)
        rows = together.runs.iloc[replicate : replicate + 1].reset_index(drop=True)
        pd.testing.assert_frame_equal(rows, alone.runs, rtol=1e-4)
    # Each has its own images, initialization and seed.
    assert together.runs["train_loss"].nunique() == together.runs["seed"].nunique() == 3


LONGER = {"batch_size": 50, "min_updates": 250, "l2": 1e-4}


def test_what_can_be_separated_is_learned_whole():
    runs = scratch.train(make_pictures(2, 120), **SETTINGS | LONGER).runs
    assert runs["train_accuracy"].tolist() == [1, 1]
    assert runs["validation_accuracy"].tolist() == [1, 1]
    assert (runs["train_loss"] < 0.05).all()


@pytest.mark.slow
def test_permuted_labels_bring_chance_and_true_ones_do_not():
    settings = SETTINGS | LONGER | {"network": NETWORK | {"units": [20], "activation": "elu"}}
    fractions = {"replicates": 5, "images": 150, "classes": 5, "validation": 800, "brightness": 60}
    runs = scratch.train(make_pictures(**fractions, permuted=True), **settings).runs
    _, low, high = mean_interval(runs["validation_accuracy"], level=0.999)
    assert low < 1 / 5 < high < 0.26
    assert (runs["train_accuracy"] > 0.4).all()  # it did learn its own labels
    runs = scratch.train(make_pictures(**fractions), **settings).runs
    assert (runs["validation_accuracy"] > 0.6).all()


@pytest.mark.slow
def test_permuted_labels_bring_augmentation_to_chance():
    settings = SETTINGS | LONGER | {"network": NETWORK | {"units": [20], "activation": "elu"}}
    fractions = {"replicates": 5, "images": 150, "classes": 5, "validation": 800, "brightness": 60}
    ranges = {"rotation": 10, "shift": 0.1, "zoom": 0.1, "shear": 5, "flip": True}
    runs = scratch.train(make_pictures(**fractions, permuted=True), ranges=ranges, **settings).runs
    _, low, high = mean_interval(runs["validation_accuracy"], level=0.999)
    assert low < 1 / 5 < high


# --- from and to files


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    paths = {
        name: tmp_path / f"{name}.parquet" for name in ("images", "samples", "validation_roles")
    }
    data = make_pictures(validation=30)
    index = pd.DataFrame(
        {
            "image_id": [f"image-{row}" for row in range(len(data.labels))],
            "split": np.repeat([store.TRAINING, store.VALIDATION], [180, 30]),
            "label": data.labels,
        }
    )
    store.write_arrays(paths["images"], "pixels", (9, 9, 1), "|u1", [(index, data.features)], {})
    store.write_rows(draw_samples(index, 0.1, "toy", 2, 2018), paths["samples"])
    store.write_rows(validation_roles(index, "toy", 2018), paths["validation_roles"])
    return paths


@pytest.mark.parametrize(
    ("method", "ranges", "part", "replicates"),
    [
        ("baseline", None, "1-of-1", [0, 1]),
        ("baseline", None, "2-of-2", [1]),
        (
            *("augmentation", {"rotation": 9, "shift": 0.1, "zoom": 0, "shear": 0, "flip": True}),
            *("1-of-1", [0, 1]),
        ),
    ],
)
def test_rows_say_what_they_are_of_and_two_runs_write_the_same_bytes(
    files, tmp_path: Path, method, ranges, part, replicates
):
    contents = []
    for number in range(2):
        outputs = {
            name: tmp_path / f"{name}-{number}" for name in ("runs", "history", "predictions")
        }
        scratch.train_files(
            **files,
            outputs=outputs,
            names={"dataset": "toy", "method": method, "fraction": "0.1", "part": part},
            study_seed=2018,
            settings={name: value for name, value in SETTINGS.items() if name != "seed_names"},
            ranges=ranges,
        )
        contents.append([path.read_bytes() for path in outputs.values()])
    assert contents[0] == contents[1]
    about = {"dataset": "toy", "backbone": "none", "precision": "float32", "method": method}
    about |= {"fraction": 0.1, "run": "grid", "protocol": "both", "layers": "conv4x3s1p3-6"}
    about |= {"activation": "relu", "learning_rate": 0.01, "l2": 0.01}
    for path in outputs.values():
        assert store.read_rows(path)[list(about)].drop_duplicates().to_dict("records") == [about]
    assert store.read_rows(outputs["runs"])["replicate"].tolist() == replicates
