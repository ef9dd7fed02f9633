"""Common base of FERG-DB and JAFFE: faces whose file names state person and expression."""

import re
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar

import numpy as np

from transfer_gain.data.sources.archives import Files
from transfer_gain.data.sources.base import Item, Source, SourceError
from transfer_gain.data.sources.pictures import decode_picture, pixel_budget
from transfer_gain.printable import printable

EXPRESSIONS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")


class Expressions(Source):
    """Faces with seven expressions, in a folder or an archive, as a source.

    A dataset is a subclass that sets the class variables.

    Attributes:
        classes: the seven expressions.
        items: sorted by image_id, the end of the path that `pattern` finds.
    """

    pattern: ClassVar[re.Pattern[str]]
    """Searched in a path: groups `id` (to the end), `group` and `code`."""
    codes: ClassVar[tuple[str, ...]]
    """What a path calls the seven `classes`, in their order."""
    faulty: ClassVar[frozenset[str]] = frozenset()
    """Ids of images that are known to be broken in the original, left out."""
    layout: ClassVar[str]
    request: ClassVar[str]
    """What is expected and where it is requested from, for errors."""

    classes = EXPRESSIONS

    def __init__(self, path: Path | str):
        """List the images of a folder, zip or tar, whatever folders lie above them.

        Raises:
            SourceError: it cannot be read, holds no image of this layout, or holds one twice.
        """
        hint = f"Expected {self.layout}. {self.request}"
        with ExitStack() as opened:
            try:
                self._files = opened.enter_context(Files(path))
            except SourceError as error:
                raise SourceError(f"{error}\n{hint}") from error
            self._list(printable(path), hint)
            opened.pop_all()  # only an error closes them here
        self._pixels = pixel_budget(path)

    def close(self) -> None:
        """Close the archive; nothing can be read afterwards."""
        self._files.close()

    def _list(self, path: str, hint: str) -> None:
        self._paths: dict[str, str] = {}
        self.items: list[Item] = []
        for found in filter(None, map(self.pattern.search, self._files.paths)):
            image_id = found["id"]
            if image_id in self._paths:
                twice = printable(f"{self._paths[image_id]} and {found.string}")
                raise SourceError(f"{path}: {printable(image_id)} is there twice: {twice}")
            if image_id not in self.faulty:
                self._paths[image_id] = found.string
                label = self.codes.index(found["code"])
                self.items.append(Item(image_id, label, group=found["group"]))
        self.items.sort()
        if not self.items:
            number, some = len(self._files.paths), ", ".join(self._files.paths[:3])
            some = printable(some)
            raise SourceError(f"{path}: no image among its {number:,} files ({some} …).\n{hint}")

    def read(self, item: Item) -> np.ndarray:
        """Return an item's picture: uint8 or uint16, (height, width) or (height, width, 3).

        Raises:
            SourceError: the file is damaged or no image.
        """
        path = self._paths[item.image_id]
        return decode_picture(self._files.read(path), f"{self._files.path}/{path}", self._pixels)
