"""Photographs of solar cells, sound and defective, from the PyPI package `elpv-dataset`.

Buerhop-Lutz et al. 2018 and Deitsch et al. 2019: 2,624 electroluminescence images of 300 x 300
pixels, taken of 44 modules. Their licence (CC BY-NC-SA 4.0) allows research, and asks that changed
copies keep it: images are fetched, never redistributed.
"""

import io
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from transfer_gain.data.sources.archives import Files
from transfer_gain.data.sources.base import Item, Source
from transfer_gain.data.sources.fetch import Artefact, Download, Mirror, has_sha256
from transfer_gain.data.sources.pictures import decode_picture
from transfer_gain.data.store import TEST
from transfer_gain.seeds import generator

WHEEL = "elpv_dataset-1.0.0.post1-py3-none-any.whl"
SHA256 = "85e31c1126ee9b48e62d3a0232c58f58b2d189b0814a45c13642fa0415af4a4c"
CLASSES = ("functional", "defective")
_DATA = "elpv_dataset/data"


def read_labels(content: bytes) -> pd.DataFrame:
    """Read the package's table of labels.

    Returns:
        Columns file, probability (of a defect, as two experts see it: 0, 1/3, 2/3 or 1), type
        ("mono" or "poly", the crystal).
    """
    columns = ["file", "probability", "type"]
    return pd.read_csv(io.BytesIO(content), sep=r"\s+", header=None, names=columns)


class SolarCells(Source):
    """Cells that are certainly functional or certainly defective, as a source.

    The 401 cells in doubt (probabilities 1/3 and 2/3) are left out.

    Attributes:
        classes: see `CLASSES`.
        items: the drawn images, then (with `rest`) all others as test images.
        skipped: empty.
    """

    def __init__(self, wheel: Path | str, images: int, rest: bool, seed: int):
        """List the images.

        Args:
            wheel: the package.
            images: how many to draw, with the classes' natural shares.
            rest: whether the others are delivered, too, as test images.
            seed: the study's seed.

        Raises:
            SourceError: the wheel is damaged.
        """
        self.classes = CLASSES
        self._files = Files(wheel)
        labels = read_labels(self._files.read(f"{_DATA}/labels.csv"))
        labels = labels[labels["probability"].isin([0, 1])].reset_index(drop=True)
        truth = labels["probability"].astype(int)
        rng = generator(seed, "solar-cells", "drawn")
        drawn, others = train_test_split(
            np.arange(len(labels)),
            train_size=images,
            stratify=truth,
            random_state=int(rng.integers(2**31)),
        )
        self.items = [
            Item(labels["file"][number], int(truth[number]), split)
            for part, split in ((drawn, None), (others if rest else [], TEST))
            for number in sorted(part)
        ]

    def close(self) -> None:
        """Close the wheel; nothing can be read afterwards."""
        self._files.close()

    def read(self, item: Item) -> np.ndarray:
        """Return an item's picture: uint8 (300, 300).

        Raises:
            SourceError: the wheel is damaged.
        """
        path = f"{_DATA}/{item.image_id}"
        return decode_picture(self._files.read(path), path)


def open_source(
    files: Sequence[Path], settings: Mapping[str, Any], seed: int, cores: int
) -> SolarCells:
    """Draw as many cells as a dataset's settings ask for; see `sources`."""
    options = settings["options"]
    return SolarCells(files[0], options["images"], options["rest"] == "test", seed)


def _keep(downloads: Path, files: Path) -> None:
    shutil.copyfile(downloads / WHEEL, files / WHEEL)


ARTEFACT = Artefact(
    name="solar-cells",
    files={WHEEL: has_sha256(SHA256)},
    mirrors=(
        Mirror(
            "PyPI package elpv-dataset 1.0.0.post1",
            (Download(WHEEL, "pip:elpv-dataset==1.0.0.post1", f"sha256:{SHA256}"),),
            _keep,
        ),
    ),
)
