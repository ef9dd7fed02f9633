"""Where images and weights come from: one module per dataset or weight file, and `fetch`."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from transfer_gain.printable import printable_lines


class Item(NamedTuple):
    """One image that a source can deliver, before it is read.

    Attributes:
        image_id: unique within the dataset and stable between machines.
        label: index into the source's `classes`.
        split: "training", "validation" or "test" where the source says so, else None. Test images
            are held out; the others are drawn from.
        group: images of one group look alike (a character, a person); None where unknown.
    """

    image_id: str
    label: int
    split: str | None = None
    group: str | None = None


class Source(ABC):
    """A dataset's images, listed cheaply and read one at a time.

    Attributes:
        classes: names by label.
        items: what can be read.
        skipped: (path, reason) of each of the user's files that was skipped.
        notes: what else a reader of the results should know.
        near_copies: rows of `audit.Pair`.
        duplicates: how many images of each label are left out, because others have their pixels.
        forkable: whether forked processes may read in parallel; a shared open file forbids this.
    """

    classes: tuple[str, ...]
    items: Sequence[Item]
    skipped: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()
    near_copies: Sequence[tuple[str, str, int, str]] = ()
    duplicates: Mapping[int, int] = MappingProxyType({})
    forkable: bool = False

    @abstractmethod
    def read(self, item: Item) -> np.ndarray:
        """Return an item's picture: (height, width) if gray or (height, width, 3).

        uint8, or uint16 with 65535 as white.
        """

    def close(self) -> None:  # noqa: B027  (most sources keep nothing open)
        """Close what is open; nothing can be read afterwards."""


class SourceError(ValueError):
    """A source cannot be used; the message names the file or key and what is expected."""

    def __init__(self, message: str):
        super().__init__(printable_lines(message))


@contextmanager
def open_source(
    name: str,
    files: Sequence[Path],
    settings: Mapping[str, Any],
    seed: int,
    cores: int = 1,
    size: int | None = None,
) -> Iterator[Source]:
    """Open a dataset by the name of its source: the module of that name in this package.

    It is closed at the end.

    Args:
        name: value of the config's `source`.
        files: what was fetched for it.
        settings: the dataset's settings in the config.
        seed: the study's seed, for sources that draw their images.
        cores: cores for sources that prepare their images when they are opened.
        size: side of the pictures that are wanted, for sources that prepare or draw them; None for
            `image_size`. The same images are listed whatever the size.
    """
    module = import_module(f".{name.replace('-', '_')}", __package__)
    settings = {**settings, "read_size": size or settings["image_size"]}
    source = module.open_source(files, settings, seed, cores)
    try:
        yield source
    finally:
        source.close()
