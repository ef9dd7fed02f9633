"""The user's own images: a folder, zip or tar with one folder of images per class."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from posixpath import basename, dirname, splitext
from typing import Any, Literal, NamedTuple

import numpy as np
from PIL import Image

from transfer_gain.data.sources.archives import Files
from transfer_gain.data.sources.base import Item, SourceError
from transfer_gain.data.sources.limits import Budget, UnreadableError
from transfer_gain.data.sources.pictures import EXTENSIONS, decode_picture, pixel_budget
from transfer_gain.printable import printable

SPLITS = {
    "train": "training",
    "training": "training",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
}
_LAYOUT = "expected <class>/<image> or {train,val}/<class>/<image>, two classes or more"
_SHOWN = 10

_Problem = tuple[str, str]  # path and reason


class _Place(NamedTuple):
    split: str | None
    class_name: str


class Folder:
    """Images sorted into folders, `<class>/<image>` or `<split>/<class>/<image>`, as a source.

    If all top-level folders are named as in `SPLITS`, in upper or lower case, they define a split.
    Otherwise they are classes. A single folder that contains everything is ignored, even one called
    `train`. All images are decoded once, to check them.

    These are problems: a file in a class folder that is not an image, is truncated or too large; an
    image elsewhere; a link; a class without images (in any part of a given split); the same pixels
    in two classes, or on both sides of a given split. Either all problems are raised together, or
    the affected files are skipped. Of pixels in two classes, all copies are skipped, because no
    label can be trusted. Of pixels on both sides of a split, the validation copies are skipped. A
    class without images is skipped as a whole.

    Duplicates within a class are not a problem, but only the first by name is used: otherwise a
    random split could put one copy on each side.

    Attributes:
        classes: names of the class folders, sorted.
        items: training before validation if there is a split, by name within.
        skipped: (path, reason) of what is left out, sorted.
    """

    forkable = False

    def __init__(self, path: Path | str, on_bad_image: Literal["error", "skip"] = "error"):
        """List and check the images.

        Raises:
            SourceError: the path cannot be read, there are fewer than two classes, or (unless
                `on_bad_image` is "skip") there are problems; the first ten are listed by name.
        """
        with ExitStack() as opened:
            self._files = opened.enter_context(Files(path))
            self._list(path, on_bad_image)
            opened.pop_all()  # only an error closes them here

    def close(self) -> None:
        """Close the archive; nothing can be read afterwards."""
        self._files.close()

    def _list(self, path: Path | str, on_bad_image: str) -> None:
        self._root, places = _find_classes(self._files.folders)
        copies, bad = self._decode_all(places)
        kept, conflicts, duplicates = _pick_copies(copies, places)
        bad += conflicts
        given = any(place.split for place in places.values())
        parts = set(SPLITS.values()) if given else {None}
        every = {_Place(part, place.class_name) for part in parts for place in places.values()}
        empty = sorted(every - set(kept.values()))
        bad += [(name, f"a class without {split or 'any'} images") for split, name in empty]
        if bad and on_bad_image == "error":
            raise SourceError(_report(path, sorted(bad)))
        self.skipped = [
            (printable(name), printable(reason)) for name, reason in sorted(bad + duplicates)
        ]
        classes = {place.class_name for place in every} - {place.class_name for place in empty}
        self.classes = tuple(sorted(classes))
        if len(self.classes) < 2:
            found = list(self.classes)
            raise SourceError(f"{printable(path)}: classes with images: {found}; {_LAYOUT}")
        self.items = [
            Item(path.removeprefix(self._root), self.classes.index(name), split)
            for path, (split, name) in sorted(kept.items(), key=lambda pair: (pair[1][0], pair[0]))
            if name in self.classes
        ]

    def read(self, item: Item) -> np.ndarray:
        """Return an item's picture: uint8, (height, width) if gray or (height, width, 3)."""
        return self._decode(self._root + item.image_id)

    def _decode(self, path: str, pixels: Budget | None = None) -> np.ndarray:
        return decode_picture(self._files.read(path), f"{self._files.path}/{path}", pixels)

    def _decode_all(self, places: dict[str, _Place]) -> tuple[list[list[str]], list[_Problem]]:
        """Return the paths of valid images, grouped by identical pixels, and the problems."""
        copies = defaultdict(list)
        pixels = pixel_budget(self._files.path)
        bad = [(link, "a link; put the file itself here") for link in self._files.links]
        for path in self._files.paths:
            if dirname(path) in places:
                try:
                    _check_name(path)
                    picture = self._decode(path, pixels)
                except UnreadableError as error:
                    bad.append((path, error.reason))
                else:
                    gray = Image.fromarray(picture).convert("L")  # as the networks see it
                    content = repr(gray.size).encode() + gray.tobytes()
                    copies[hashlib.sha256(content).digest()].append(path)
            elif splitext(path)[1].lower() in EXTENSIONS:
                bad.append((path, "an image that is not directly in a class folder"))
        return list(copies.values()), bad


def _check_name(path: str) -> None:
    """Raise an error for a name that cannot be stored in a table."""
    try:
        path.encode()
    except UnicodeEncodeError:
        raise UnreadableError(path, "a name that is not UTF-8; rename it") from None


def _pick_copies(
    copies: list[list[str]], places: dict[str, _Place]
) -> tuple[dict[str, _Place], list[_Problem], list[_Problem]]:
    """Return the path to keep of each picture, conflicting files and harmless duplicates."""
    kept: dict[str, _Place] = {}
    conflicts, duplicates = [], []
    for paths in copies:
        first, *others = sorted(paths, key=lambda path: (places[dirname(path)], path))
        place = places[dirname(first)]
        strange = [p for p in others if places[dirname(p)].class_name != place.class_name]
        if strange:
            conflicts.append((first, f"identical to {strange[0]}, of another class"))
            conflicts += [(p, f"identical to {first}; not all of one class") for p in others]
            continue
        kept[first] = place
        for other in others:
            if places[dirname(other)].split == place.split:
                duplicates.append((other, f"identical to {first}"))
            else:
                reason = f"identical to {first}, on the other side of the split"
                conflicts.append((other, reason))
    return kept, conflicts, duplicates


def _report(path: Path | str, bad: list[_Problem]) -> str:
    advice = f"({_LAYOUT}; `on_bad_image: skip` leaves out what is bad)"
    lines = [f"  {printable(name)}: {printable(reason)}" for name, reason in bad[:_SHOWN]]
    if len(bad) > _SHOWN:
        lines.append(f"  … and {len(bad) - _SHOWN} more")
    return "\n".join([f"{printable(path)}: bad images {advice}", *lines])


def _find_classes(folders: set[str]) -> tuple[str, dict[str, _Place]]:
    """Return the common prefix of all paths, and the split and class of each class folder."""
    below = defaultdict(list)
    for folder in sorted(folders):
        below[dirname(folder)].append(folder)
    root = ""
    while len(below[root]) == 1 and below[below[root][0]]:
        root = below[root][0]
    splits = {folder: SPLITS.get(basename(folder).lower()) for folder in below[root]}
    if all(splits.values()):
        places = {c: _Place(splits[f], basename(c)) for f in splits for c in below[f]}
    else:
        places = {folder: _Place(None, basename(folder)) for folder in splits}
    return root and f"{root}/", places


def open_source(files: Sequence[Path], settings: Mapping[str, Any], seed: int) -> Folder:
    """Open the folder or archive that a dataset's settings name; see `sources`."""
    return Folder(settings["options"]["path"], settings["options"]["on_bad_image"])
