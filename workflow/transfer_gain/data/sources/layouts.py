"""How a user's folder is arranged: which of its folders are classes, and which are splits."""

from collections import defaultdict
from posixpath import basename, dirname
from typing import NamedTuple

SPLITS = {
    "train": "training",
    "training": "training",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
}
EXPECTED = "expected <class>/<image> or {train,val}/<class>/<image>, two classes or more"


class Place(NamedTuple):
    """What a folder of images says of them; sorted, training comes before validation."""

    split: str | None
    class_name: str


def find_classes(folders: set[str]) -> tuple[str, dict[str, Place]]:
    """Return the common prefix of all paths, and the split and class of each class folder."""
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
