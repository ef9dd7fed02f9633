"""Promises of the backbones: Keras' own features, the same bytes whatever the threads."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from toys import picture_rows
from transfer_gain import processes
from transfer_gain.data import augmentation, store
from transfer_gain.data.sources import vgg16_tensors
from transfer_gain.data.sources.base import SourceError
from transfer_gain.data.whole_files import StoreError
from transfer_gain.features import extraction, keras_networks
from transfer_gain.features.frozen import BackboneError
from transfer_gain.seeds import generator
from transfer_gain.training import devices

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tensorflow", "float32")]

WORKFLOW = Path(__file__).parents[1] / "workflow"
ROWS = extraction.BATCH + 5  # an odd last batch
VGG16 = {
    "architecture": "VGG16",
    "layer": "block5_pool",
    "input_size": 64,
    "precision": "float32",
    "threads": 2,
}
# "Caffe" preprocessing: blue, green, red, each less ImageNet's mean.
MEANS = np.array([103.939, 116.779, 123.68])


@pytest.fixture
def float32() -> Iterator[None]:
    """Building a backbone sets Keras' dtype policy for the whole process."""
    yield
    keras.config.set_dtype_policy("float32")


def write_images(path: Path, pixels: np.ndarray) -> Path:
    index = pd.DataFrame(
        {
            "image_id": [f"image {row}" for row in range(len(pixels))],
            "split": "training",
            "label": np.arange(len(pixels)) % 7,
        }
    )
    about = {"classes": list("abcdefg")}
    store.write_arrays(path, "pixels", pixels.shape[1:], "|u1", [(index, pixels)], about)
    return path


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(
        tmp_path_factory.mktemp("images") / "images.parquet", picture_rows(ROWS, 64)
    )


@pytest.fixture(scope="module")
def features(images: Path, vgg16_weights_file: Path, tensorflow) -> Path:
    """The 2018 paper's features of `images`."""
    path = images.with_name("features.parquet")
    extraction.extract(images, vgg16_weights_file, path, **VGG16)
    return path


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    return np.abs(found - expected).mean() / np.abs(expected).mean()


# --- by hand


@pytest.fixture
def hand_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """VGG16 whose block 1 outputs blue + 1, green + 2 and red + 3 as channels 0, 1 and 2."""
    tensors, channels = {}, 3
    for layer in vgg16_tensors.LAYERS:
        units = 64 * 2 ** (min(int(layer[5]), 4) - 1)
        kernel = np.zeros((3, 3, channels, units), np.float32)
        kernel[1, 1, [0, 1, 2], [0, 1, 2]] = 1
        tensors[f"{layer}/kernel"] = kernel
        tensors[f"{layer}/bias"] = np.zeros(units, np.float32)
        channels = units
    tensors["block1_conv1/bias"][:3] = [1, 2, 3]
    tensors["block1_conv2/kernel"][1, 1, 2, 63] = 10  # and ten times red as the last channel
    monkeypatch.setattr(vgg16_tensors, "load", lambda path: tensors)


@pytest.mark.parametrize("channels", [1, 3])
def test_features_by_hand(hand_set, tmp_path: Path, channels: int):
    pixels = picture_rows(extraction.BATCH + 3, 32, channels)
    path = write_images(tmp_path / "images.parquet", pixels)
    settings = VGG16 | {"layer": "block1_pool", "input_size": 32}
    extraction.extract(path, "none.npz", tmp_path / "features.parquet", **settings)
    found = store.read_arrays(tmp_path / "features.parquet")

    rgb = np.broadcast_to(pixels.astype(float), (*pixels.shape[:3], 3))
    bgr = np.maximum(rgb[..., ::-1] - MEANS + [1, 2, 3], 0)
    pooled = bgr.reshape(len(pixels), 16, 2, 16, 2, 3).max(axis=(2, 4))
    expected = np.zeros((len(pixels), 16, 16, 64))
    expected[..., :3] = pooled
    expected[..., 63] = 10 * pooled[..., 2]
    np.testing.assert_allclose(found, expected.reshape(len(pixels), -1), rtol=1e-5, atol=1e-3)


def test_images_are_resized_bilinearly_to_the_networks_input():
    layers = [keras.Input((4, 4, 3)), keras.layers.Identity()]
    compute = keras_networks.extractor(keras.Sequential(layers), "VGG16")
    pixels = np.array([[[0], [200]], [[100], [40]]], np.uint8)[None]
    share = np.array([[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]])  # of pixels' centres
    resized = share @ pixels[0, :, :, 0] @ share.T
    np.testing.assert_allclose(
        compute(pixels).reshape(4, 4, 3), resized[:, :, None] - MEANS, rtol=1e-5, atol=1e-4
    )


# --- the real weights


def test_features_are_those_of_plain_keras(images: Path, features: Path, vgg16_weights_file: Path):
    model = keras.applications.VGG16(include_top=False, weights=None, input_shape=(64, 64, 3))
    with np.load(vgg16_weights_file) as tensors:
        for layer in model.layers:
            if layer.weights:
                layer.set_weights([tensors[f"{layer.name}/{part}"] for part in ("kernel", "bias")])
    assert model.count_params() == vgg16_tensors.PARAMETERS
    pixels = store.read_arrays(images).astype(np.float32).repeat(3, axis=3)
    prepared = keras.applications.vgg16.preprocess_input(pixels)
    expected = model.predict(prepared, verbose=0).reshape(ROWS, -1)

    found = store.read_arrays(features)
    assert found.shape == (ROWS, 2048)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * expected.max())
    assert relative(found, expected) < 1e-5
    assert len(np.unique(found, axis=0)) == ROWS


@pytest.mark.parametrize("most_constants", [0, keras_networks.MOST_CONSTANTS])
def test_features_of_a_network_with_batch_normalisation_are_those_of_plain_keras(
    monkeypatch: pytest.MonkeyPatch, most_constants: int
):
    monkeypatch.setattr(keras_networks, "MOST_CONSTANTS", most_constants)
    model = keras_networks.build("MobileNetV2", None, "block_5_add", 64, "float32")
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, each.shape) for each in layer.get_weights()])
    pixels = rng.integers(0, 256, (3, 64, 64, 3)).astype(np.uint8)
    prepared = keras.applications.mobilenet_v2.preprocess_input(pixels.astype(np.float32))
    expected = model.predict(prepared, verbose=0).reshape(3, -1)
    assert relative(keras_networks.extractor(model, "MobileNetV2")(pixels), expected) < 1e-5


def test_features_keep_the_images_names_and_say_how_they_were_made(images: Path, features: Path):
    pd.testing.assert_frame_equal(store.read_index(features), store.read_index(images))
    about = store.read_metadata(features)
    expected = {name: VGG16[name] for name in ("architecture", "layer", "input_size", "precision")}
    assert about.items() >= {"column": "features", "shape": [2048], **expected}.items()
    assert about["classes"] == list("abcdefg")
    assert about["random_weights"] is False


ONE_THREAD = """
import sys
from transfer_gain.features import extraction
from transfer_gain.training import devices
devices.configure(gpu=False, calls=1)
extraction.extract(*sys.argv[1:4], architecture="VGG16", layer="block5_pool", input_size=64,
                  precision="float32", threads=1)
"""


def test_jobs_of_one_and_of_two_threads_write_the_same_bytes(
    images: Path, features: Path, vgg16_weights_file: Path, tmp_path: Path
):
    output = tmp_path / "features.parquet"
    files = [images, vgg16_weights_file, output]
    subprocess.run([sys.executable, "-c", ONE_THREAD, *files], check=True, cwd=WORKFLOW)
    assert output.read_bytes() == features.read_bytes()


@pytest.mark.parametrize(("count", "limited"), [(1, True), (2, False), (3, True), (7, False)])
def test_any_number_of_shards_gathers_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tensorflow, count: int, limited: bool
):
    monkeypatch.setattr(extraction, "BATCH", 8)
    monkeypatch.setattr(store, "ROWS_IN_GROUP", 16)
    rows = 5 * 16 + 11  # six groups, the last of a batch and some
    images, sample = tmp_path / "images", tmp_path / "sample"
    write_images(images, picture_rows(rows, 32))
    index = store.read_index(images)
    store.write_rows(index[index["split"] == store.TRAINING].iloc[::3], sample)
    settings = VGG16 | {"layer": "block1_pool", "input_size": 32, "threads": 2}
    settings |= {"samples": [sample]} if limited else {}
    extraction.extract(images, None, tmp_path / "whole", **settings)
    shards = [tmp_path / str(number) for number in range(count)]
    for number, shard in enumerate(shards, start=1):
        extraction.extract(images, None, shard, **settings, shard=(number, count))
    store.gather_arrays(shards, tmp_path / "gathered")
    assert (tmp_path / "gathered").read_bytes() == (tmp_path / "whole").read_bytes()
    sizes = [len(store.read_index(shard)) for shard in shards]
    assert max(sizes) - min(sizes) <= 16


def test_bfloat16_is_near_float32_and_not_the_same(
    images: Path, features: Path, vgg16_weights_file: Path, tmp_path: Path
):
    output = tmp_path / "features.parquet"
    extraction.extract(images, vgg16_weights_file, output, **VGG16 | {"precision": "bfloat16"})
    assert 0 < relative(store.read_arrays(output), store.read_arrays(features)) < 0.02
    assert store.read_metadata(output)["precision"] == "bfloat16"


@pytest.mark.parametrize(
    ("vendor", "flags", "faster"),
    [
        ("GenuineIntel", "avx512f avx512_bf16 amx_bf16 amx_tile", True),
        ("GenuineIntel", "avx512f avx512_bf16", False),
        ("GenuineIntel", "avx2", False),
        ("AuthenticAMD", "avx512f avx512_bf16", True),
        ("AuthenticAMD", "avx2", False),
    ],
)
def test_bfloat16_is_chosen_where_it_is_faster(vendor: str, flags: str, faster: bool):
    cpuinfo = f"vendor_id\t: {vendor}\nmodel name\t: some processor\nflags\t\t: fpu {flags}\n"
    assert devices.bfloat16_is_faster(cpuinfo) == faster


@pytest.mark.parametrize("resolved", ["float32", "bfloat16"])
def test_auto_is_resolved_in_the_metadata(
    hand_set, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resolved: str
):
    assert devices.fastest_precision() in ("float32", "bfloat16")
    monkeypatch.setattr(devices, "fastest_precision", lambda: resolved)
    images = write_images(tmp_path / "images.parquet", picture_rows(2, 32))
    settings = VGG16 | {"layer": "block1_pool", "input_size": 32, "precision": "auto"}
    extraction.extract(images, "none.npz", tmp_path / "features.parquet", **settings)
    assert store.read_metadata(tmp_path / "features.parquet")["precision"] == resolved


@pytest.mark.parametrize(
    ("layer", "input_size", "width"),
    [
        ("block4_pool", 64, 4 * 4 * 512),
        ("block5_pool", 96, 3 * 3 * 512),
        ("block3_pool", 32, 4 * 4 * 256),
    ],
)
def test_layers_and_input_sizes_have_their_widths(
    hand_set, tmp_path: Path, layer: str, input_size: int, width: int
):
    images = write_images(tmp_path / "images.parquet", picture_rows(3, 64))
    settings = VGG16 | {"layer": layer, "input_size": input_size}
    extraction.extract(images, "none.npz", tmp_path / "features.parquet", **settings)
    assert store.read_arrays(tmp_path / "features.parquet").shape == (3, width)
    assert store.read_metadata(tmp_path / "features.parquet")["shape"] == [width]


# --- little memory


def out_of_memory_above(images: int, compute=lambda pixels: pixels.astype(np.float32)):
    """Return an extractor with memory for a number of images; it records how many it was given."""
    came = []

    def limited(pixels: np.ndarray) -> np.ndarray:
        came.append(len(pixels))
        if len(pixels) > images:
            raise devices.tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")
        return compute(pixels)

    return limited, came


@pytest.mark.parametrize("architecture", ["VGG16", "MobileNetV2"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("suffices", [3, 9])
def test_with_little_memory_the_bytes_are_the_same_and_the_log_says_so(
    tmp_path: Path, monkeypatch, caplog, architecture: str, precision: str, suffices: int
):
    images = write_images(tmp_path / "images.parquet", picture_rows(ROWS, 32))
    settings = {"architecture": architecture, "layer": "last", "input_size": 32, "threads": 1}
    settings |= {"precision": precision}
    files = [tmp_path / "plenty.parquet", tmp_path / "little.parquet"]
    extraction.extract(images, None, files[0], **settings)
    extractor = keras_networks.extractor

    def limited(*args):
        return out_of_memory_above(suffices, extractor(*args))[0]

    monkeypatch.setattr(keras_networks, "extractor", limited)
    caplog.clear()
    with caplog.at_level("WARNING"):
        extraction.extract(images, None, files[1], **settings)
    assert files[0].read_bytes() == files[1].read_bytes()
    said = [message for message in caplog.messages if "enough memory" in message]
    assert said[0] == "not enough memory for 32 images at a time: 16 from now on"
    assert len(said) == {3: 4, 9: 2}[suffices]


@pytest.mark.parametrize("rows", [2, 3, 5, 31, 32])
@pytest.mark.parametrize("suffices", [3, 4, 7, 31])
def test_no_image_is_ever_alone_left_out_or_out_of_order(rows: int, suffices: int):
    compute, came = out_of_memory_above(suffices)
    pixels = np.arange(rows)[:, None]
    found = extraction.in_memory(compute)
    for _ in range(2):
        np.testing.assert_array_equal(found(pixels), pixels)
    assert min(came) > 1
    assert sum(images > suffices for images in came) <= 4  # it learns what memory suffices for


def test_too_little_memory_for_the_fewest_images_is_one_line():
    compute = extraction.in_memory(out_of_memory_above(1)[0])
    with pytest.raises(BackboneError, match=r"^memory: found too little for 2 .*expected [^\n]*$"):
        compute(np.zeros((32, 1)))


# --- augmented copies and limited samples


RANGES = {"rotation": 20.0, "shift": 0.1, "zoom": 0.2, "shear": 5.0, "flip": True}


def test_copies_are_features_of_changed_training_images_of_the_samples_alone(tmp_path: Path):
    pixels = picture_rows(40, 32)
    index = pd.DataFrame(
        {
            "image_id": [f"image {row}" for row in range(40)],
            "split": ["training", "validation"] * 20,
            "label": np.arange(40) % 7,
        }
    )
    images, samples = tmp_path / "images.parquet", [tmp_path / f"{n}.parquet" for n in range(2)]
    about = {"classes": list("abcdefg")}
    store.write_arrays(images, "pixels", (32, 32, 1), "|u1", [(index, pixels)], about)
    sampled = index.iloc[[8, 2, 30, 16]]
    store.write_rows(sampled.iloc[:3], samples[0])
    store.write_rows(sampled.iloc[2:], samples[1])
    settings = VGG16 | {"layer": "block1_pool", "input_size": 32}

    def extracted(name: str, **changes) -> tuple[list[str], np.ndarray]:
        output = tmp_path / name
        extraction.extract(images, None, output, **settings, seed=5, **changes)
        return store.read_index(output)["image_id"].tolist(), store.read_arrays(output)

    wanted = sorted([2, 8, 16, 30])
    ids, plain = extracted("limited", samples=samples)
    assert ids == [f"image {row}" for row in range(40) if row % 2 or row in wanted]
    of_image = dict(zip(ids, plain, strict=True))

    nothing = dict.fromkeys(RANGES, 0)
    ids, found = extracted("same", samples=samples, copies=extraction.Copies(3, nothing, "toy"))
    assert ids == [f"image {row}" for row in wanted for _ in range(3)]
    np.testing.assert_allclose(found, [of_image[image] for image in ids], rtol=1e-5, atol=1e-4)

    copies = extraction.Copies(3, RANGES, "toy")
    ids, found = extracted("both", samples=samples, copies=copies)
    assert len(np.unique(found, axis=0)) == 4 * 3
    model = keras_networks.build("VGG16", None, "block1_pool", 32, "float32", seed=5)
    compute = keras_networks.extractor(model, "VGG16")
    for start, row in enumerate(wanted):
        rng = generator(5, "toy", f"image {row}", "copies")
        maps = augmentation.draw_transforms(rng, 3, **RANGES)
        changed = augmentation.apply(pixels[[row] * 3], maps)
        rows = slice(3 * start, 3 * start + 3)
        np.testing.assert_allclose(found[rows], compute(changed), rtol=1e-5, atol=1e-3)
    # An image has the same copies in every sample.
    ids, alone = extracted("one", samples=samples[1:], copies=copies)
    assert ids == [f"image {row}" for row in (16, 30) for _ in range(3)]
    np.testing.assert_allclose(alone, found[6:], rtol=1e-5, atol=1e-4)


def test_an_unknown_layer_is_refused_with_those_there_are():
    with pytest.raises(BackboneError, match=r"'block9_pool'.*VGG16: .*block1_conv1.*block5_pool"):
        keras_networks.build("VGG16", "none.npz", "block9_pool", 64, "float32")


def test_random_weights_are_told_apart_and_their_seed_decides(tmp_path: Path):
    images = write_images(tmp_path / "images.parquet", picture_rows(3, 32))
    settings = VGG16 | {"layer": "block2_pool", "input_size": 32}
    files = []
    for number, seed in enumerate((1, 1, 2)):
        files.append(tmp_path / f"{number}.parquet")
        extraction.extract(images, None, files[-1], **settings, seed=seed)
        assert store.read_metadata(files[-1])["random_weights"] is True
    contents = [file.read_bytes() for file in files]
    assert contents[0] == contents[1] != contents[2]


def test_the_last_layer_is_the_one_before_the_top():
    model = keras_networks.build("VGG16", None, "last", 32, "float32")
    assert model.layers[-1].name == "block5_pool"
    assert not model.trainable_weights  # frozen


def test_weights_of_another_network_are_refused_by_name(tmp_path: Path):
    path = tmp_path / "other.weights.h5"
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save_weights(path)
    with pytest.raises(BackboneError, match=r"other\.weights\.h5.*expected the weights of vgg16"):
        keras_networks.build("VGG16", path, "last", 32, "float32")


def test_corrupt_weights_and_images_are_refused_by_name_and_leave_nothing(
    hand_set, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    images = write_images(tmp_path / "images.parquet", picture_rows(100, 32))
    content = images.read_bytes()
    output = tmp_path / "features.parquet"
    settings = VGG16 | {"layer": "block1_pool", "input_size": 32}
    images.write_bytes(content[:400] + bytes(50) + content[450:])
    with pytest.raises(StoreError, match=r"images\.parquet"):
        extraction.extract(images, "none.npz", output, **settings)
    images.write_bytes(content)
    monkeypatch.undo()
    weights = tmp_path / "vgg16.npz"
    weights.write_bytes(b"PK not weights")
    with pytest.raises(SourceError, match=r"vgg16\.npz"):
        extraction.extract(images, weights, output, **settings)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images.parquet", "vgg16.npz"]


def test_batches_come_back_in_order_with_few_in_flight():
    taken = []

    def items() -> Iterator[int]:
        for item in range(50):
            taken.append(item)
            yield item

    for done, result in enumerate(processes.map_in_order(lambda item: item * item, items(), 3)):
        assert result == done * done
        assert len(taken) - done <= 2 * 3 + 1
    assert done == 49


def test_an_efficientnet_is_scaled_as_keras_scales_it_for_its_imagenet_weights(
    tmp_path: Path, monkeypatch
):
    file = tmp_path / "file.weights.h5"
    shape = {"include_top": False, "input_shape": (32, 32, 3)}
    keras.applications.EfficientNetB0(weights=None, **shape).save_weights(file)
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *args, **kwargs: str(file))
    theirs = keras.applications.EfficientNetB0(weights="imagenet", **shape)
    ours = keras_networks.build("EfficientNetB0", file, "last", 32, "float32")
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(ours(images), theirs(images), rtol=1e-3, atol=1e-5)
