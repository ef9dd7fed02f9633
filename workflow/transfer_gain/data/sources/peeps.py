"""Drawn faces, one new person per image: stand in for JAFFE."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transfer_gain.data.sources.faces import Peeps


def open_source(files: Sequence[Path], settings: Mapping[str, Any], seed: int, cores: int) -> Peeps:
    """Draw as many peeps as a dataset's settings ask for; see `sources`."""
    images = settings["training_per_class"] + settings["validation_per_class"]
    return Peeps(images, seed=seed, size=settings["read_size"])
