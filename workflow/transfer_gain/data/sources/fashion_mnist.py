"""Fashion-MNIST: 60,000 training and 10,000 validation pictures of clothes, 28 x 28, gray."""

import gzip
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from transfer_gain.data.sources.base import Item, Source, SourceError
from transfer_gain.data.sources.fetch import (
    Artefact,
    Download,
    Mirror,
    extract_debian,
    has_sha256,
    read_bounded,
)

# In the order of the labels in the files.
CLASSES = (
    "t-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle-boot",
)
SPLITS = {"train": "training", "t10k": "validation"}

_SHA256 = {  # of the unpacked files: the packed ones differ by mirror
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
_LARGEST = 50_000_000  # bytes; the training images are 47,040,016
_PACKAGE = "dataset-fashion-mnist"


def _gunzip(downloads: Path, files: Path) -> None:
    for name in _SHA256:
        with gzip.open(downloads / f"{name}.gz") as packed:
            (files / name).write_bytes(read_bounded(packed, _LARGEST))


def _unpack_debian(downloads: Path, files: Path) -> None:
    names = [f"{name}.gz" for name in _SHA256]
    extract_debian(downloads / f"{_PACKAGE}.deb", names, downloads, _LARGEST)
    _gunzip(downloads, files)


def _http_mirror(name: str, base: str) -> Mirror:
    return Mirror(name, tuple(Download(f"{n}.gz", f"{base}/{n}.gz") for n in _SHA256), _gunzip)


ARTEFACT = Artefact(
    name="fashion-mnist",
    files={name: has_sha256(digest) for name, digest in _SHA256.items()},
    mirrors=(
        _http_mirror("Keras' copy", "https://storage.googleapis.com/tensorflow/tf-keras-datasets"),
        _http_mirror(
            "Zalando's bucket", "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
        ),
        Mirror(
            f"Debian package {_PACKAGE}",
            (Download(f"{_PACKAGE}.deb", f"apt:{_PACKAGE}"),),
            _unpack_debian,
        ),
    ),
)


class FashionMnist(Source):
    """Fashion-MNIST as a source, or some of its classes.

    Attributes:
        classes: names out of `CLASSES`; labels are indices into this tuple.
        items: in file order, training before validation; ids like "train-00042", "t10k-00042".
    """

    forkable = True

    def __init__(self, folder: Path, classes: Sequence[str]):
        """Read the four IDX files in `folder`.

        Raises:
            SourceError: a class is unknown, or a file is not what it should be.
        """
        unknown = sorted(set(classes) - set(CLASSES))
        if unknown:
            raise SourceError(f"classes: {unknown} unknown, expected some of {list(CLASSES)}")
        self.classes = tuple(classes)
        self.items: list[Item] = []
        self._images: dict[str, np.ndarray] = {}
        label_of = {CLASSES.index(name): label for label, name in enumerate(classes)}
        for prefix, split in SPLITS.items():
            images, labels = _read_pair(folder, prefix)
            self._images[prefix] = images
            self.items += [
                Item(f"{prefix}-{index:05d}", label_of[found], split)
                for index, found in enumerate(labels.tolist())
                if found in label_of
            ]

    def read(self, item: Item) -> np.ndarray:
        """Return an item's picture: uint8 (28, 28), read-only."""
        prefix, index = item.image_id.split("-")
        return self._images[prefix][int(index)]


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Read an IDX file of unsigned bytes.

    Args:
        path: the unpacked file.
        dimensions: how many dimensions it must have.

    Returns:
        uint8 array of the shape in the file's header, read-only.

    Raises:
        SourceError: wrong magic number, number of dimensions or length.
    """
    content = path.read_bytes()
    header = 4 + 4 * dimensions
    magic = bytes([0, 0, 8, dimensions])  # 8: unsigned bytes
    if not content.startswith(magic) or len(content) < header:
        raise SourceError(f"{path} is no IDX file of {dimensions}-dimensional unsigned bytes")
    shape = np.frombuffer(content, ">u4", count=dimensions, offset=4).tolist()
    expected = header + math.prod(shape)
    if len(content) != expected:
        raise SourceError(f"{path} has {len(content):,} bytes, its header says {expected:,}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _read_pair(folder: Path, prefix: str) -> tuple[np.ndarray, np.ndarray]:
    """Read the images (n, 28, 28) and labels (n,) of one split, uint8 both."""
    images_path = folder / f"{prefix}-images-idx3-ubyte"
    labels_path = folder / f"{prefix}-labels-idx1-ubyte"
    images, labels = read_idx(images_path, 3), read_idx(labels_path, 1)
    if images.shape != (len(labels), 28, 28):
        raise SourceError(
            f"{images_path} holds images of shape {images.shape}, "
            f"expected {(len(labels), 28, 28)} as {labels_path.name} has {len(labels)} labels"
        )
    return images, labels


def open_source(
    files: Sequence[Path], settings: Mapping[str, Any], seed: int, cores: int
) -> FashionMnist:
    """Open the classes of Fashion-MNIST that a dataset's settings name; see `sources`."""
    return FashionMnist(Path(files[0]).parent, settings["options"]["classes"])
