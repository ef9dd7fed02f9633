"""How a user's images are arranged: the class and the part of a given split of each image."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from posixpath import basename, dirname, splitext
from typing import NamedTuple

from transfer_gain.data.sources.archives import Files
from transfer_gain.data.sources.groups import by_subfolder
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


def by_folders(files: Files, grouped: bool = False) -> Arrangement:
    """Arrange images by their folders, `<class>/<image>` or `<split>/<class>/<image>`.

    Args:
        files: the images.
        grouped: whether a class may have folders, `<class>/<group>/<image>`.
    """
    root, classes = _find_classes(files.folders)
    class_of = {path: _class_folder(path, classes, grouped) for path in files.paths}
    given = {place.split for place in classes.values()} - {None}
    parts = ("training", "validation") if given else (None,)
    misplaced = [
        (path, "an image that is not directly in a class folder")
        for path in files.paths
        if class_of[path] is None and splitext(path)[1].lower() in EXTENSIONS
    ]
    return Arrangement(
        root=root,
        places={path: classes[folder] for path, folder in class_of.items() if folder is not None},
        expected=frozenset(
            Place(part, place.class_name) for part in parts for place in classes.values()
        ),
        problems=tuple(
            [(link, "a link; put the file itself here") for link in files.links] + misplaced
        ),
        groups=by_subfolder({p: f for p, f in class_of.items() if f is not None}),
    )


def _class_folder(path: str, classes: Mapping[str, Place], grouped: bool) -> str | None:
    """Return the class folder of a file; None if it is in none."""
    folder = dirname(path)
    while grouped and folder and folder not in classes:
        folder = dirname(folder)
    return folder if folder in classes else None


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
