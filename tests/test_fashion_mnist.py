"""Fashion-MNIST: small files made here, and once the real ones."""

import gzip
import hashlib
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from http_mirror import serve
from transfer_gain.config.loading import complete
from transfer_gain.data import audit
from transfer_gain.data.sources.base import Item, SourceError
from transfer_gain.data.sources.fashion_mnist import ARTEFACT, CLASSES, FashionMnist
from transfer_gain.data.sources.fetch import Artefact, FetchError, fetch, has_sha256

LABELS = {"train": [9, 0, 3, 0, 6], "t10k": [3, 9, 0]}


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.tobytes()


def picture(prefix: str, index: int) -> np.ndarray:
    """Every picture differs from every other, and from its own transpose."""
    shift = index + 100 * (prefix == "t10k")
    return (np.arange(28 * 28).reshape(28, 28) * 3 + shift).astype(np.uint8)


def small_files() -> dict[str, bytes]:
    files = {}
    for prefix, labels in LABELS.items():
        images = np.stack([picture(prefix, index) for index in range(len(labels))])
        files[f"{prefix}-images-idx3-ubyte"] = idx(images)
        files[f"{prefix}-labels-idx1-ubyte"] = idx(np.array(labels, np.uint8))
    return files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in small_files().items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def small_artefact(**changes: object) -> Artefact:
    """The registered artefact with the checksums of the small files."""
    files = {
        name: has_sha256(hashlib.sha256(content).hexdigest())
        for name, content in small_files().items()
    }
    return replace(ARTEFACT, files=files, **changes)


def test_items_are_those_of_the_classes_in_file_order_with_their_split(folder: Path):
    source = FashionMnist(folder, ["t-shirt", "dress", "ankle-boot"])
    assert source.classes == ("t-shirt", "dress", "ankle-boot")
    assert source.items == [
        Item("train-00000", 2, "training"),
        Item("train-00001", 0, "training"),
        Item("train-00002", 1, "training"),
        Item("train-00003", 0, "training"),
        Item("t10k-00000", 1, "validation"),
        Item("t10k-00001", 2, "validation"),
        Item("t10k-00002", 0, "validation"),
    ]


def test_labels_follow_the_order_of_the_classes_asked_for(folder: Path):
    source = FashionMnist(folder, ["ankle-boot", "t-shirt"])
    assert [item.label for item in source.items] == [0, 1, 1, 0, 1]


def test_each_item_reads_its_own_picture(folder: Path):
    source = FashionMnist(folder, CLASSES)
    for item in source.items:
        prefix, index = item.image_id.split("-")
        found = source.read(item)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, picture(prefix, int(index)))


def test_an_unknown_class_is_named(folder: Path):
    with pytest.raises(SourceError, match=r"classes.*'jacket'.*'t-shirt'"):
        FashionMnist(folder, ["coat", "jacket"])


IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (IMAGES, b""),
        (IMAGES, idx(np.zeros(5, np.uint8))),
        (IMAGES, gzip.compress(small_files()[IMAGES])),
        (IMAGES, small_files()[IMAGES][:-1]),
        (IMAGES, small_files()[IMAGES] + b"\0"),
        (IMAGES, idx(np.zeros((4, 28, 28), np.uint8))),
        (IMAGES, idx(np.zeros((5, 28, 14), np.uint8))),
        (TRAIN_LABELS, idx(np.zeros((5, 28, 28), np.uint8))),
        (TRAIN_LABELS, small_files()[TRAIN_LABELS][:6]),
    ],
    ids=["empty", "labels", "packed", "short", "long", "too few", "narrow", "images", "header"],
)
def test_a_wrong_file_is_refused_by_name(folder: Path, name: str, content: bytes):
    (folder / name).write_bytes(content)
    with pytest.raises(SourceError, match=name):
        FashionMnist(folder, CLASSES)


@pytest.mark.parametrize("index", [0, 1], ids=["Keras", "Zalando"])
def test_the_official_mirrors_deliver_the_unpacked_files(tmp_path: Path, index: int):
    with serve() as server:
        server.answers = {
            f"/{name}.gz": gzip.compress(content) for name, content in small_files().items()
        }
        fetch(small_artefact(mirrors=(server.mirror(ARTEFACT.mirrors[index]),)), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == small_files()


def test_a_gzip_bomb_on_a_mirror_is_refused(tmp_path: Path):
    with serve() as server:
        server.answers = {f"/{IMAGES}.gz": gzip.compress(bytes(60_000_000))}
        for name in small_files():
            server.answers.setdefault(f"/{name}.gz", b"")
        with pytest.raises(FetchError, match="more than the 50,000,000 bytes"):
            fetch(small_artefact(mirrors=(server.mirror(ARTEFACT.mirrors[0]),)), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="needs dpkg-deb")
def test_the_debian_package_is_unpacked_even_when_put_by_hand(tmp_path: Path):
    tree = tmp_path / "tree"
    data = tree / "usr/share/datasets/fashion-mnist"
    data.mkdir(parents=True)
    for name, content in small_files().items():
        (data / f"{name}.gz").write_bytes(gzip.compress(content))
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN/control").write_text(
        "Package: dataset-fashion-mnist\nVersion: 1\nArchitecture: all\n"
        "Maintainer: Nobody <nobody@example.org>\nDescription: small\n"
    )
    folder = tmp_path / "folder"
    folder.mkdir()
    package = folder / "dataset-fashion-mnist.deb"
    subprocess.run(["dpkg-deb", "--build", tree, package], check=True, capture_output=True)
    fetch(small_artefact(mirrors=ARTEFACT.mirrors[-1:]), folder)
    package.unlink()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == small_files()


@pytest.fixture(scope="session")
def real_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fashion-mnist")
    fetch(replace(ARTEFACT, mirrors=ARTEFACT.mirrors[-1:]), folder)
    return folder


@pytest.mark.network
def test_the_debian_mirror_has_the_real_pictures(real_folder: Path):
    source = FashionMnist(real_folder, CLASSES[:7])
    splits = [item.split for item in source.items]
    assert (splits.count("training"), splits.count("validation")) == (42_000, 7_000)
    assert source.items[0] == Item("train-00001", 0, "training")


@pytest.mark.network
def test_no_picture_is_in_it_twice(real_folder: Path):
    source = FashionMnist(real_folder, CLASSES)
    assert len(source.items) == 70_000
    assert len({source.read(item).tobytes() for item in source.items}) == 70_000


@pytest.mark.slow
@pytest.mark.network
def test_as_many_validation_images_are_near_copies_as_the_results_say(real_folder: Path):
    """Reported as zalandoresearch/fashion-mnist#44."""
    source = FashionMnist(real_folder, complete({})["datasets"]["clothes"]["classes"])
    labels = np.array([item.label for item in source.items])
    prints = np.array([audit.fingerprint(source.read(item)) for item in source.items])
    signs = np.unpackbits(prints[:, :32], axis=1).astype(np.float32) * 2 - 1
    colors = prints[:, 32:].astype(int)
    training = np.array([item.split == "training" for item in source.items])
    seen, scored = np.flatnonzero(training), np.flatnonzero(~training)
    pairs = []
    for block in np.array_split(scored, 50):
        different = (signs.shape[1] - signs[block] @ signs[seen].T) / 2
        pairs += [
            (block[row], seen[column])
            for row, column in np.argwhere(different <= audit.MAX_BITS)
            if np.abs(colors[block[row]] - colors[seen[column]]).mean() <= audit.MAX_COLOR
        ]
    assert all(labels[one] == labels[other] for one, other in pairs)
    copies = len({one for one, _ in pairs})
    page = (Path(__file__).parents[1] / "docs" / "results.md").read_text()
    assert f"{copies} of the {len(scored):,} validation images of *clothes* are near copies" in page
    assert f"by {100 * copies / len(scored):.2f}\npercentage points at most" in page


@pytest.mark.network
def test_the_debian_mirror_works_without_package_lists(
    tmp_path: Path, monkeypatch, caplog: pytest.LogCaptureFixture
):
    config = tmp_path / "apt.conf"
    config.write_text(f'Dir::State::Lists "{tmp_path}/no-lists";')
    monkeypatch.setenv("APT_CONFIG", str(config))
    fetch(replace(ARTEFACT, mirrors=ARTEFACT.mirrors[-1:]), tmp_path / "folder")
    assert "failed" not in caplog.text
