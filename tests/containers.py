"""Folders and archives of every kind with given files, for the tests of what reads them."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from transfer_gain.data.fitting import Fit
from transfer_gain.data.sources.archives import Files
from transfer_gain.data.sources.base import SourceError
from transfer_gain.data.sources.folder import Folder

Tree = Mapping[str, bytes]


def png(pixels: np.ndarray) -> bytes:
    """Return (height, width), (…, 3) or (…, 4) pixels as a PNG file."""
    return encode(Image.fromarray(pixels), "PNG")


def encode(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(seed: int, shape: tuple[int, ...] = (6, 6, 3)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def opened(path: Path, how: Fit = Fit(6, "rgb"), **options) -> Folder:  # noqa: B008
    """Open a user's folder; the default shape keeps the pixels of `noise` as they are."""
    return Folder(path, how, **options)


def zip_bytes(tree: Tree) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in tree.items():
            archive.writestr(name, content)
    return file.getvalue()


def tar_bytes(tree: Tree, compression: str = "") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=f"w:{compression}") as archive:
        for name, content in tree.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def make_folder(path: Path, tree: Tree) -> Path:
    path.mkdir(parents=True)
    for name, content in tree.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


PACKERS: dict[str, Callable[[Tree], bytes]] = {
    "zip": zip_bytes,
    "tar": tar_bytes,
    "tar.gz": partial(tar_bytes, compression="gz"),
    "tar.bz2": partial(tar_bytes, compression="bz2"),
    "tar.xz": partial(tar_bytes, compression="xz"),
}


def make(kind: str, path: Path, tree: Tree) -> Path:
    """Write a folder or an archive (one of `CONTAINERS`) and return its path, with a suffix."""
    if kind == "folder":
        return make_folder(path, tree)
    path = path.with_suffix(f".{kind}")
    path.write_bytes(PACKERS[kind](tree))
    return path


CONTAINERS = ("folder", *PACKERS)
TWO_IMAGES = {"a/x.png": png(noise(1)), "b/y.png": png(noise(2))}


def refusal(path: Path, **limits: int) -> str:
    """Return what an archive or a folder is refused with: one line."""
    with pytest.raises(SourceError) as error:
        Files(path, **limits)
    assert "\n" not in str(error.value)
    return str(error.value)
