"""Groups of a user's images, which a split keeps whole: from folders, file names or a table.

Images of one group have the same name of it, in all classes and on both sides of a given split. An
image without one stands for itself.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from posixpath import basename

from transfer_gain.data.sources.base import SourceError
from transfer_gain.printable import printable

# Names such as p1_2.png and video3_frame0012.jpg: up to the last digits but one. Then names such as
# ann_2.png: up to the last digits.
_USUAL = (r"^(.*[0-9])[^0-9]+[0-9]+\.[^.]+$", r"^(.*[^0-9 ._-])[ ._-]+[0-9]+\.[^.]+$")
_MATCHED = 0.8  # least share of images in groups of several for a suggestion
_FEWEST = 5  # groups, and two per class, for a suggestion


def by_subfolder(class_folders: Mapping[str, str]) -> dict[str, str]:
    """Return each image's first folder below its class folder.

    Args:
        class_folders: the class folder of each image, by path.

    Returns:
        Names of groups by path; images directly in a class folder have none.
    """
    below = {path: path.removeprefix(f"{folder}/") for path, folder in class_folders.items()}
    return {path: rest.split("/")[0] for path, rest in below.items() if "/" in rest}


def by_pattern(paths: Iterable[str], pattern: str) -> dict[str, str]:
    """Return what a pattern finds in each file name.

    Args:
        paths: of the images.
        pattern: a regular expression with at most one group; without one, all that it matches
            counts.

    Returns:
        Names of groups by path; images whose name does not match have none.
    """
    search = re.compile(pattern).search
    found = ((path, search(basename(path))) for path in paths)
    names = ((path, match[match.re.groups]) for path, match in found if match)
    return {path: name for path, name in names if name}


def check(groups: Mapping[str, str], images: int, said: str) -> None:
    """Refuse groups that group nothing.

    Args:
        groups: names of groups by path.
        images: number of images.
        said: how the config asks for groups, for the error.

    Raises:
        SourceError: there is no group, one group of all images, or one group per image.
    """
    count = len(set(groups.values()))
    if not groups:
        found = "no group"
    elif count == 1 and len(groups) == images:
        found = f"one group, {printable(next(iter(groups.values())))}, of all images"
    elif count == len(groups):
        found = f"one group per image, such as {printable(min(groups.values()))}"
    else:
        return
    raise SourceError(
        f"groups: {said} gives {found} ({images:,} images), expected several images "
        "in each of several groups"
    )


def describe(
    groups: Mapping[str, str], classes: Mapping[str, str], splits: Mapping[str, str | None]
) -> list[str]:
    """Say how many groups there are, and which are not of one class or side.

    Args:
        groups: names of groups by path.
        classes: the class of each image, by path.
        splits: the side of a given split of each image, by path.
    """
    names = set(groups.values())
    notes = [f"{len(classes):,} images in {len(names):,} groups, which splits keep whole"]
    if alone := len(classes.keys() - groups.keys()):
        notes.append(f"images without a group, which stand for themselves: {alone:,}")
    if several := _of_several(groups, classes):
        notes.append(f"groups with images of several classes: {_listed(several)}")
    if several := _of_several(groups, splits):
        notes.append(
            f"groups on both sides of the given split, where accuracy may look better than it "
            f"is: {_listed(several)}"
        )
    return notes


def suggest(classes: Mapping[str, str]) -> tuple[str, int] | None:
    """Return a pattern by which file names suggest groups, and the number of groups.

    Names suggest them if most images share a beginning with others, followed by a number, and there
    are many such beginnings.

    Args:
        classes: the class of each image, by path.

    Returns:
        None if names suggest no groups.
    """
    for pattern in _USUAL:
        groups = by_pattern(classes, pattern)
        sizes = Counter(groups.values())
        in_several = sum(size for size in sizes.values() if size > 1)
        if in_several >= _MATCHED * len(classes) and len(sizes) >= max(
            _FEWEST, 2 * len(set(classes.values()))
        ):
            return pattern, len(sizes)
    return None


def _of_several(groups: Mapping[str, str], values: Mapping[str, str | None]) -> list[str]:
    """Return the groups whose images differ in a value."""
    found = defaultdict(set)
    for path, group in groups.items():
        found[group].add(values[path])
    return sorted(group for group, different in found.items() if len(different) > 1)


def _listed(names: list[str], shown: int = 3) -> str:
    """Return the number of names and the first few."""
    more = ", …" if len(names) > shown else ""
    return f"{len(names):,} ({', '.join(map(printable, names[:shown]))}{more})"
