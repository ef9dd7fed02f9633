"""How a user's images are arranged: the class and the part of a given split of each image."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from posixpath import basename, dirname, splitext
from typing import NamedTuple

from transfer_gain.data.sources.archives import Files
from transfer_gain.data.sources.pictures import EXTENSIONS

SPLITS = {
    "train": "training",
    "training": "training",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
}
EXPECTED = "expected <class>/<image> or {train,val}/<class>/<image>, two classes or more"

Problem = tuple[str, str]  # path and reason


class Place(NamedTuple):
    """What a user's folder says of an image. Sorted, training comes before validation.

    Attributes:
        split: "training" or "validation" if there is a split, else None.
        class_name: name of its class.
    """

    split: str | None
    class_name: str


@dataclass(frozen=True)
class Arrangement:
    """The images of a user's folder.

    Attributes:
        root: common start of all paths, which is no part of an image's name.
        places: the place of each image, by path.
        expected: every place that needs an image.
        problems: files that have no place, and why.
        groups: the group of each image that has one, by path.
        notes: what else was noticed, for the report.
        layout: what was expected, for errors.
    """

    root: str
    places: dict[str, Place]
    expected: frozenset[Place]
    problems: tuple[Problem, ...]
    groups: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    layout: str = EXPECTED


def by_folders(files: Files) -> Arrangement:
    """Arrange images by their folders, `<class>/<image>` or `<split>/<class>/<image>`."""
    root, classes = _find_classes(files.folders)
    given = {place.split for place in classes.values()} - {None}
    parts = ("training", "validation") if given else (None,)
    misplaced = [
        (path, "an image that is not directly in a class folder")
        for path in files.paths
        if dirname(path) not in classes and splitext(path)[1].lower() in EXTENSIONS
    ]
    return Arrangement(
        root=root,
        places={path: classes[dirname(path)] for path in files.paths if dirname(path) in classes},
        expected=frozenset(
            Place(part, place.class_name) for part in parts for place in classes.values()
        ),
        problems=tuple(
            [(link, "a link; put the file itself here") for link in files.links] + misplaced
        ),
    )


def _find_classes(folders: set[str]) -> tuple[str, dict[str, Place]]:
    """Return the common start of all paths, and the place of each class folder's images."""
    below = defaultdict(list)
    for folder in sorted(folders):
        below[dirname(folder)].append(folder)
    root = ""
    while len(below[root]) == 1 and below[below[root][0]]:
        root = below[root][0]
    splits = {folder: SPLITS.get(basename(folder).lower()) for folder in below[root]}
    if all(splits.values()):
        places = {c: Place(splits[f], basename(c)) for f in splits for c in below[f]}
    else:
        places = {folder: Place(None, basename(folder)) for folder in splits}
    return root and f"{root}/", places
