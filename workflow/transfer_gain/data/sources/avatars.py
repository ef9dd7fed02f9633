"""Drawn faces of six characters, or of new people: stand in for FERG-DB."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transfer_gain.data.sources.faces import AVATAR_CHARACTERS, Avatars


def open_source(
    files: Sequence[Path], settings: Mapping[str, Any], seed: int, cores: int
) -> Avatars:
    """Draw as many avatars as a dataset's settings ask for; see `sources`."""
    training, validation = settings["training_per_class"], settings["validation_per_class"]
    images = training + validation
    if settings["options"]["validation"] == "by-character":
        # One character is held out; each of the others draws its share of the training images.
        characters = len(AVATAR_CHARACTERS)
        images = characters * max(-(-training // (characters - 1)), validation)
    return Avatars(
        images, seed=seed, identities=settings["options"]["identities"], size=settings["read_size"]
    )
