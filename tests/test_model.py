"""Promises of the model to take home: it computes what was trained, and its files are safe."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from small_networks import extracted
from transfer_gain.data import store
from transfer_gain.data.fitting import Fit
from transfer_gain.features import keras_networks
from transfer_gain.methods import heads, linear_probe, scratch
from transfer_gain.model import description, files, final_training, graph, making, unlike
from transfer_gain.model.final_training import Images, NotExportableError, Recipe
from transfer_gain.training.devices import tf

import keras  # isort: skip  (after TensorFlow is set up)

pytestmark = pytest.mark.slow

SETTINGS = {"batch_size": 10, "epochs": 3, "min_updates": 20, "l2": 0.001}
NETWORK = {
    "filters": 4,
    "kernel": 5,
    "stride": 2,
    "pooling": 4,
    "units": (7,),
    "activation": "relu",
}
HEAD = {"layers": "5", "activation": "elu", "learning_rate": 0.01}
RANGES = {"rotation": 10, "shift": 0.1, "zoom": 0.1, "shear": 5, "flip": True}


def images(channels: int = 3, classes: int = 3, side: int = 40) -> Images:
    """Return pictures whose brightness tells the class."""
    rng = np.random.default_rng(0)
    labels = np.arange(24, dtype=np.int32) % classes
    noise = rng.integers(0, 90, (24, side, side, channels))
    pictures = (noise + 60 * labels[:, None, None, None]).astype(np.uint8)
    names = np.array([f"{number}.png" for number in range(24)])
    return Images(pictures, labels, names, classes, "mine", 2018)


def on_backbone(cut: dict, **kind: int) -> Images:
    """Return pictures with their features."""
    data = images(**kind)
    return replace(data, features=extracted(data.pictures, **cut))


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """Return a small backbone in a Keras file."""
    keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("backbone") / "small.keras"
    inputs = keras.Input((32, 32, 3))
    # As in EfficientNetV2.
    values = keras.layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 1.5])(inputs)
    values = keras.layers.Conv2D(6, 3, strides=2, activation="relu", name="first")(values)
    values = keras.layers.Conv2D(8, 3, strides=2, activation="relu", name="second")(values)
    keras.Model(inputs, values).save(path)
    scaling = {"mean": [0.4, 0.5, 0.6], "scale": [0.2, 0.3, 0.25]}
    cut = {"architecture": "keras-file", "layer": "last", "input_size": 32, "pooling": "avg"}
    return {"cut": cut | scaling, "weights": str(path)}


@pytest.mark.parametrize("channels", [1, 3])
def test_a_head_on_its_backbone_computes_what_was_trained(cut, channels):
    data = on_backbone(cut, channels=channels)
    recipe = Recipe(HEAD, SETTINGS, **cut)
    model, values = final_training.train("transfer", data, recipe)
    of_model, probabilities = graph.outputs(model)(graph.as_rgb(data.pictures))
    np.testing.assert_allclose(of_model, values, rtol=1e-4, atol=1e-4)
    trained = heads.train(data.with_features(values), seed_names=data.seed_names, **recipe.head)
    expected = tf.nn.softmax(heads.logits(trained.parameters, values[None], tf.nn.elu))[0]
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_probe_computes_what_was_fitted(cut, classes):
    data = on_backbone(cut, classes=classes)
    recipe = Recipe({"l2": 0.001}, SETTINGS, **cut)
    model, _ = final_training.train("linear-probe", data, recipe)
    of_model, probabilities = graph.outputs(model)(data.pictures)
    [probe] = linear_probe.solve(of_model, data.labels, [0.001])
    np.testing.assert_allclose(np.log(probabilities), probe.log_probabilities(of_model), atol=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("ranges", [None, RANGES])
def test_a_network_from_scratch_computes_what_was_trained(channels, ranges):
    data = images(channels)
    recipe = Recipe({"learning_rate": 0.01}, SETTINGS, network=NETWORK, ranges=RANGES)
    model, features = final_training.train("augmentation" if ranges else "baseline", data, recipe)
    of_model, probabilities = graph.outputs(model)(graph.as_rgb(data.pictures))
    trained = scratch.train(
        data.with_features(data.pictures), network=NETWORK, learning_rate=0.01, ranges=ranges,
        seed_names=data.seed_names, **SETTINGS,
    )  # fmt: skip
    values = scratch.logits(trained.parameters, tf.constant(data.pictures[None]), tf.nn.relu, 2, 4)
    np.testing.assert_allclose(probabilities, tf.nn.softmax(values)[0], atol=1e-5)
    np.testing.assert_array_equal(features, of_model)


def test_fine_tuning_changes_the_backbone_of_the_model(cut):
    data = on_backbone(cut)
    tuning = {"from_layer": "second", "learning_rate": 0.01, "epochs": 2, "min_updates": 4}
    recipe = Recipe(HEAD, SETTINGS, **cut, fine_tuning=tuning)
    (_, frozen), (model, tuned) = (
        final_training.train(method, data, recipe) for method in ("transfer", "fine-tuning")
    )
    assert np.abs(frozen - tuned).max() > 1e-3
    np.testing.assert_array_equal(graph.outputs(model)(data.pictures)[0], tuned)


def test_augmented_copies_change_the_head(cut):
    data = on_backbone(cut)
    plain, augmented = (
        graph.outputs(final_training.train("transfer-augmented", data, recipe).network)(
            data.pictures
        )[1]
        for copies in (0, 2)
        for recipe in [Recipe(HEAD, SETTINGS, **cut, ranges=RANGES, copies=copies)]
    )
    assert np.abs(plain - augmented).max() > 1e-3


def test_what_cannot_be_a_model_is_refused(cut):
    with pytest.raises(NotExportableError, match="gpu-dream cannot be saved"):
        final_training.train("gpu-dream", images(), Recipe({}))
    onnx = Recipe({}, cut={"architecture": "onnx-file"}, weights="a.onnx")
    with pytest.raises(NotExportableError, match="ONNX cannot become part of a Keras file"):
        final_training.train("transfer", images(), onnx)


@pytest.mark.parametrize("name", ["VGG16", "MobileNetV2", "DenseNet121", "EfficientNetB0"])
def test_the_preprocessing_of_every_kind_is_affine(name):
    preprocess = keras_networks.preprocessing(name)
    matrix, offset = graph.affine(preprocess)
    colors = np.random.default_rng(1).uniform(0, 255, (5, 1, 1, 3)).astype(np.float32)
    np.testing.assert_allclose(colors @ matrix + offset, preprocess(colors.copy()), atol=1e-4)


def test_both_files_give_the_same_probabilities_and_the_same_bytes_each_time(cut, tmp_path: Path):
    data = on_backbone(cut)
    for name in ("a", "b"):
        keras.utils.clear_session()  # the names of layers begin anew, as in another process
        model, _ = final_training.train(
            "linear-probe", data, Recipe({"l2": 0.001}, SETTINGS, **cut)
        )
        files.write_keras(model, tmp_path / f"{name}.keras")
        files.write_onnx(model, tmp_path / f"{name}.onnx")
    for kind in ("keras", "onnx"):
        first, second = ((tmp_path / f"{name}.{kind}").read_bytes() for name in ("a", "b"))
        assert first == second, kind
    _, probabilities = graph.outputs(model)(data.pictures)
    loaded = keras.saving.load_model(tmp_path / "a.keras", compile=False, safe_mode=True)
    np.testing.assert_allclose(graph.outputs(loaded)(data.pictures)[1], probabilities, atol=1e-6)
    found = files.onnx_probabilities(tmp_path / "a.onnx")(data.pictures)
    np.testing.assert_allclose(found, probabilities, atol=1e-5)


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note how many pictures pass through ONNX, of which at most 5 are to be compared."""
    monkeypatch.setattr(making, "COMPARED", 5)
    opened, noted = files.onnx_probabilities, []

    def noting(path):
        compute = opened(path)
        return lambda pictures: noted.append(len(pictures)) or compute(pictures)

    monkeypatch.setattr(files, "onnx_probabilities", noting)
    return noted


@pytest.fixture
def made(cut, tmp_path: Path) -> Path:
    """Make a model where the best method's backbone is in ONNX and the next one is unknown."""
    data = on_backbone(cut)
    splits = ["training"] * 18 + ["test"] * 6
    index = pd.DataFrame({"image_id": data.image_ids, "split": splits, "label": data.labels})
    about = {"classes": ["a", "b", "c"]}
    path = tmp_path / "images.parquet"
    store.write_arrays(path, "pixels", (40, 40, 3), "|u1", [(index, data.pictures)], about)
    features = tmp_path / "features.parquet"
    store.write_arrays(features, "features", (8,), "<f4", [(index, data.features)], about)
    methods = [("transfer", "dino"), ("magic", "none"), ("linear-probe", "small")]
    candidates = pd.DataFrame(methods, columns=["method", "backbone"]).assign(
        labels=8, score=[0.9, 0.8, 0.7], low=[0.8, np.nan, np.nan], high=np.nan, fraction=1.0,
        layers="5", activation="elu", learning_rate=np.nan, l2=0.001, head_learning_rate=np.nan,
    )  # fmt: skip
    store.write_rows(candidates, tmp_path / "candidates.parquet")
    kinds = {
        "keras": "model.keras",
        "onnx": "model.onnx",
        "features": "training_features.npy",
        "description": "model.json",
    }
    making.make(
        tmp_path / "candidates.parquet",
        {kind: tmp_path / name for kind, name in kinds.items()},
        dataset="mine",
        metric="accuracy",
        seed=2018,
        how=Fit(40, "rgb", "pad", "#000000"),
        images=dict.fromkeys(("none", "dino", "small"), path),
        features=dict.fromkeys(("dino", "small"), features),
        backbones={
            "dino": {"cut": {"architecture": "onnx-file"}, "weights": "dino.onnx"},
            "small": cut,
        },
        recipe={
            "settings": SETTINGS | {"class_weights": "balanced"},
            "network": NETWORK,
            "ranges": RANGES,
            "copies": 2,
        },
        code="0" * 64,
    )
    return tmp_path


def test_the_best_method_that_can_be_a_model_is_taken_and_the_others_are_explained(made: Path):
    described = description.read(made)
    assert (described.method, described.backbone) == ("linear-probe", "small")
    assert described.instead_of == (
        "transfer on dino scored higher, but a backbone in ONNX cannot become part of a Keras "
        "file.",
        "magic scored higher, but magic cannot be saved as a model.",
    )
    assert described.expected.score == 0.7
    assert described.expected.low is described.expected.high is None
    assert described.configuration["learning_rate"] is None
    assert described.configuration["class_weights"] == "balanced"
    assert described.image.fit == Fit(40, "rgb", "pad", "#000000")


def test_only_some_pictures_pass_through_both_files(compared: list[int], made: Path):
    assert compared == [5]
    assert 0 <= description.read(made).onnx_difference < 1e-5


def test_images_that_came_for_testing_are_not_trained_on(made: Path):
    assert description.read(made).images_of_class == (6, 6, 6)
    assert len(np.load(made / "training_features.npy")) == 18


def test_a_folder_opens_to_what_was_written(made: Path):
    compute, known = files.open_model(made, description.read(made))
    features, probabilities = compute(images().pictures)
    assert unlike.distances(features[:18], known).max() < 1e-3
    found = files.onnx_probabilities(made / "model.onnx")(images().pictures)
    np.testing.assert_allclose(found, probabilities, atol=1e-5)
