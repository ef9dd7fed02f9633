"""How a user's images are arranged: the class and the part of a given split of each image."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from posixpath import basename, dirname, splitext
from typing import NamedTuple

from transfer_gain.data.sources.archives import Files
from transfer_gain.data.sources.base import SourceError
from transfer_gain.data.sources.clutter import is_litter
from transfer_gain.data.sources.groups import by_subfolder
from transfer_gain.data.sources.pictures import EXTENSIONS
from transfer_gain.printable import printable

SPLITS = {
    **dict.fromkeys(["train", "training"], "training"),
    **dict.fromkeys(["val", "valid", "validation", "validate", "dev"], "validation"),
    **dict.fromkeys(["test", "testing", "holdout", "eval", "evaluation"], "test"),
}
_SET = re.compile(r"[-_ ]?(set|data|images)$")  # training_set, test-images
_FOLD = re.compile(r"(k?-?fold|cv|split)[-_ ]?\d+$")
# Folders that annotated images are usually kept in, with or without the annotations.
_ANNOTATED = {
    *("image", "images", "img", "imgs", "jpegimages", "pngimages"),
    *("mask", "masks", "label", "labels", "annotation", "annotations", "annots", "imagesets"),
    *("segmentationclass", "segmentationobject", "segmentation", "segmentations"),
    *("bbox", "bboxes", "gt", "groundtruth", "ground_truth", "ground-truth"),
}
EXPECTED = (
    "expected <class>/<image>, or {train,val}/<class>/<image> with or without test, two classes or "
    "more"
)
_RANKS = {None: 0, "training": 0, "validation": 1, "test": 2}
_SHOWN = 5  # names in a message

Problem = tuple[str, str]  # path and reason


class Place(NamedTuple):
    """What a user's folder says of an image.

    Attributes:
        split: "training", "validation" or "test" if there is a split, else None. None also for
            training images if only a test part is given: validation is then drawn from them.
        class_name: name of its class, as it is shown.
    """

    split: str | None
    class_name: str

    @property
    def rank(self) -> tuple[int, str]:
        """Sort training before validation before test."""
        return _RANKS[self.split], self.class_name


@dataclass(frozen=True)
class Arrangement:
    """The images of a user's folder.

    Attributes:
        root: common start of all paths, which is no part of an image's name.
        places: the place of each image, by path.
        expected: every place that needs an image.
        problems: files that have no place, and why.
        litter: files beside images that are no images, such as notes.
        groups: the group of each image that has one, by path.
        notes: what else was noticed, for the report.
        layout: what was expected, for errors.
    """

    root: str
    places: dict[str, Place]
    expected: frozenset[Place]
    problems: tuple[Problem, ...]
    litter: tuple[str, ...] = ()
    groups: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    layout: str = EXPECTED


class LayoutError(SourceError):
    """Folders are arranged in a way that tells no class; leaving out files would not help."""


def by_folders(files: Files, grouped: bool = False, merge_similar: bool = False) -> Arrangement:
    """Arrange images by their folders.

    These layouts are used: `<class>/<image>`, `<split>/<class>/<image>` and
    `<class>/<split>/<image>`, with the parts train and val, train and test, or all three, in any
    usual spelling (`split_of`).

    Args:
        files: the user's files.
        grouped: whether a class folder may contain further folders, whose images it has; the first
            below the class is an image's group.
        merge_similar: see `class_names`.

    Raises:
        LayoutError: another layout; the message says what was recognized and what to do.
    """
    tree = _Tree(files)
    folders = tree.find_classes()
    if not grouped:
        tree.refuse_subfolders(folders)
    shown = class_names(tree.shown, {name for _, name in folders.values()}, merge_similar)
    classes = open_training(
        {folder: Place(split, shown[name]) for folder, (split, name) in folders.items()}
    )
    folder_of, litter, problems = {}, [], [*files.links.items()]
    for path in files.paths:
        above = _class_folder(path, classes, grouped)
        if above and is_litter(path):
            litter.append(path)
        elif above:
            folder_of[path] = above
        elif _is_image(path):
            problems.append((path, "an image that is not directly in a class folder"))
    parts = {place.split for place in classes.values()}
    return Arrangement(
        root=tree.root and f"{tree.root}/",
        places={path: classes[folder] for path, folder in folder_of.items()},
        expected=frozenset(Place(part, name) for part in parts for name in shown.values()),
        problems=tuple(problems),
        litter=tuple(litter),
        groups=by_subfolder(folder_of),
    )


def open_training(places: Mapping[str, Place]) -> dict[str, Place]:
    """Return places from whose training part validation is drawn if none is given."""
    if "validation" in {place.split for place in places.values()}:
        return dict(places)
    return {
        key: place._replace(split=None) if place.split == "training" else place
        for key, place in places.items()
    }


def class_names(path: str, found: set[str], merge_similar: bool) -> dict[str, str]:
    """Return how each class is shown, by its name in the user's folder or table.

    Args:
        path: the user's folder, for the error.
        found: names of classes.
        merge_similar: whether classes whose names differ only in case, Unicode form or surrounding
            blanks are one.

    Raises:
        LayoutError: there are such names, and they are not to be one.
    """
    alike = defaultdict(list)
    for name in sorted(found, key=natural):
        shown = printable(unicodedata.normalize("NFC", name))
        alike[shown.casefold().strip()].append((name, shown))
    similar = [group for group in alike.values() if len(group) > 1]
    if similar and not merge_similar:
        # As ASCII, since the difference may be invisible.
        pairs = [" and ".join(ascii(name) for name, _ in group) for group in similar[:_SHOWN]]
        raise LayoutError(
            f"{path}: found classes whose names differ only in case, Unicode form or blanks: "
            f"{'; '.join(pairs)}; rename one, or merge them with `merge_similar_classes: true`"
        )
    return {
        name: group[0][1].strip() if len(group) > 1 else shown
        for group in alike.values()
        for name, shown in group
    }


def split_of(name: str) -> str | None:
    """Return the part of a split that a folder's name stands for, or None.

    >>> [split_of(name) for name in ("Train", "valid", "dev", "test1", "holdout", "training_set")]
    ['training', 'validation', 'validation', 'test', 'test', 'training']
    """
    plain = _SET.sub("", name.strip().lower().replace("hold-out", "holdout"))
    return SPLITS.get(re.sub(r"^(test)[-_ ]?\d+$", r"\1", plain))


def natural(name: str) -> tuple[list[int | str], str]:
    """Return the key of natural order: numbers by their value, upper and lower case alike.

    >>> sorted(["b", "10", "A", "2", "1"], key=natural)
    ['1', '2', '10', 'A', 'b']
    """
    parts = re.split(r"([0-9]+)", name.casefold())
    return [int(part) if number % 2 else part for number, part in enumerate(parts)], name


class _Tree:
    """The folders of a user's folder, and how many images are directly in each and below it."""

    def __init__(self, files: Files):
        self.shown = printable(files.path)
        self.below: dict[str, list[str]] = defaultdict(list)
        for folder in sorted(files.folders):
            self.below[dirname(folder)].append(folder)
        self.direct: dict[str, int] = defaultdict(int)
        for path in filter(_is_image, files.paths):
            self.direct[dirname(path)] += 1
        self.root = ""
        while len(self.below[self.root]) == 1 and self.below[self.below[self.root][0]]:
            self.root = self.below[self.root][0]

    def find_classes(self) -> dict[str, tuple[str | None, str]]:
        """Return the part of a split and the class of each class folder."""
        tops = self.below[self.root]
        splits = {folder: split_of(basename(folder)) for folder in tops}
        if tops and all(splits.values()):
            self._check_parts(splits, "")
            return {each: (splits[top], basename(each)) for top in tops for each in self.below[top]}
        self._refuse_other_names(splits)
        if tops and all(self._is_split(top) for top in tops):
            return self._classes_above_split(tops)
        if len(tops) > 1 and all(_FOLD.match(basename(top).lower()) for top in tops):
            self._refuse(
                f"found the folds of a cross-validation ({_listed(tops)}); put the images of all "
                "folds into one folder per class, from which this study draws its own samples, or "
                "into train and val"
            )
        return {folder: (None, basename(folder)) for folder in tops}

    def refuse_subfolders(self, classes: Iterable[str]) -> None:
        """Raise an error if most images, or all of a class, are in folders below class folders."""
        deep = {folder: self._deep(folder) for folder in classes}
        nested = [folder for folder in deep if deep[folder]]
        only = [folder for folder in nested if not self.direct[folder]]
        if only or sum(deep.values()) > sum(self.direct[folder] for folder in deep):
            first = (only or nested)[0]
            inside = [each for each in self.below[first] if self.direct[each] or self._deep(each)]
            self._refuse(
                f"found folders within class folders ({_listed(inside, whole=True)}); if each is a "
                "group of images that belong together, such as a patient or a video, set `groups: "
                "subfolder` for the dataset; if the inner folders are the classes, put them at the "
                "top"
            )

    def _check_parts(self, splits: Mapping[str, str | None], of: str) -> None:
        """Raise an error if a given split has no training part, a part twice, or no classes."""
        where = f" in {printable(of)}" if of else ""
        parts = list(splits.values())
        if twice := [folder for folder in splits if parts.count(splits[folder]) > 1]:
            self._refuse(f"found two folders for the same part of a split, {_listed(twice)}{where}")
        if "training" not in parts:
            self._refuse(f"found {_listed(splits)}{where}, but no folder `train`")
        bare = [top for top in splits if not self.below[top]]
        if bare and not of:
            self._refuse(
                f"found {_listed(splits)}, the parts of a split, but {_listed(bare)} without class "
                f"folders; {EXPECTED}. Images of unknown class cannot be used: move them away"
            )

    def _refuse_other_names(self, splits: Mapping[str, str | None]) -> None:
        """Raise an error if folders beside each other cannot all be classes."""
        parts = [folder for folder, split in splits.items() if split]
        # A train may be a vehicle.
        vehicle = len(parts) == 1 and basename(parts[0]).lower() == "train"
        if parts and not (vehicle and self.direct[parts[0]]):
            others = [folder for folder in splits if not splits[folder]]
            self._refuse(
                f"found {_listed(parts)}, which is a part of a split by its name, beside "
                f"{_listed(others)}; move away what is no part of the split, or rename what is a "
                f"class; {EXPECTED}"
            )
        annotated = [folder for folder in splits if basename(folder).strip().lower() in _ANNOTATED]
        if annotated and len(splits) > 1:
            self._refuse(
                f"found {_listed(annotated)}, by its name a folder of annotated images or of their "
                f"annotations, beside {_listed(each for each in splits if each not in annotated)}; "
                "classes are read from folders of images, one per class, and from no masks or "
                "boxes. Move away what is no class, or rename it if it is one"
            )

    def _is_split(self, folder: str) -> bool:
        """Return whether a folder has the parts of a split in it."""
        inside = self.below[folder]
        return bool(inside) and all(split_of(basename(each)) for each in inside)

    def _classes_above_split(self, tops: list[str]) -> dict[str, tuple[str | None, str]]:
        """Return the part of a split and the class of each folder `<class>/<split>`."""
        classes: dict[str, tuple[str | None, str]] = {}
        for top in tops:
            splits = {each: split_of(basename(each)) for each in self.below[top]}
            self._check_parts(splits, top)
            classes |= {each: (split, basename(top)) for each, split in splits.items()}
        return classes

    def _deep(self, folder: str) -> int:
        """Return how many images are in the folders below a folder."""
        return sum(self.direct[each] + self._deep(each) for each in self.below[folder])

    def _refuse(self, what: str) -> None:
        raise LayoutError(f"{self.shown}: {what}")


def _class_folder(path: str, classes: Mapping[str, Place], grouped: bool) -> str | None:
    """Return the class folder that a file is in, or None."""
    folder = dirname(path)
    while grouped and folder and folder not in classes:
        folder = dirname(folder)
    return folder if folder in classes else None


def _is_image(path: str) -> bool:
    """Return whether a file is an image by its name."""
    return splitext(path)[1].lower() in EXTENSIONS


def _listed(folders: Iterable[str], whole: bool = False) -> str:
    """Return the names of folders in a message: the first few."""
    names = [printable(folder if whole else basename(folder)) for folder in folders]
    names.sort(key=natural)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
