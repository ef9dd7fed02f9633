"""Split a source's images into training and validation images."""

import warnings
from collections.abc import Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from transfer_gain.data.sources.base import Item, SourceError
from transfer_gain.data.store import TEST, TRAINING, VALIDATION
from transfer_gain.printable import printable

# What a split keeps whole: images, characters (of which validation gets the fewest possible), or
# groups of images of any size.
Unit = Literal["image", "character", "group"]

_MOST_FOLDS = 20  # more would be slow
_ATTEMPTS = 20  # draws of folds before a split is given up


def draw_split(
    items: Sequence[Item],
    classes: Sequence[str],
    training_per_class: int | None,
    validation_per_class: int | None,
    rng: np.random.Generator,
    unit: Unit = "image",
    duplicates: Mapping[int, int] = MappingProxyType({}),
    cross_fitted: bool = False,
) -> list[tuple[Item, str]]:
    """Draw each class's training and validation images, disjoint.

    If the source has a split, each part is drawn from its own images. Otherwise both are drawn from
    all images but the source's test images, which are all kept as such. If `cross_fitted`, images
    without a split are all for training: `cross_fitting` divides them. Characters and groups are
    on one side only: characters are drawn at random until every class has its validation images,
    groups by `hold_out_groups`.

    Args:
        items: the source's images.
        classes: names by label.
        training_per_class: images per class; None for all that validation leaves.
        validation_per_class: images per class; None for those of the source's split or, without a
            split, a quarter of the class.
        rng: random generator.
        unit: what is kept whole: the groups of the items are characters or groups.
        duplicates: how many duplicates of each label the source left out, for the error message.
        cross_fitted: whether images without a split are divided by cross-fitting.

    Returns:
        (item, split) in the order of `items`.

    Raises:
        SourceError: a class has too few images or groups, or an item has no character.
    """
    labels = np.array([item.label for item in items])
    splits = np.array([item.split or "" for item in items], object)
    has_test = TEST in splits
    if cross_fitted and not splits.any():
        splits[:] = TRAINING
        validation_per_class = 0
    if unit == "character":
        splits = _hold_out_characters(items, labels, validation_per_class or 1, rng)
    elif unit == "group" and set(splits) <= {"", TEST}:
        is_open = splits == ""
        groups = group_numbers([item.group for item in items])
        held_out = hold_out_groups(
            labels[is_open], groups[is_open], classes, validation_per_class, rng, has_test
        )
        splits[is_open] = np.where(held_out, VALIDATION, TRAINING)
    drawn = np.where(splits == TEST, TEST, "").astype(object)
    for label, name in enumerate(classes):
        for split, count in ((VALIDATION, validation_per_class), (TRAINING, training_per_class)):
            allowed = np.isin(splits, ["", split]) & (labels == label) & (drawn == "")
            candidates = np.flatnonzero(allowed)
            if count is None:
                is_open = split == VALIDATION and not splits[candidates].any()
                count = len(candidates) // 4 if is_open else len(candidates)
                # Without a given test set, one half is the selection set, the other the test set.
                count = max(count, 1 if has_test else 2) if split == VALIDATION else count
            if len(candidates) < count or (count == 0 and split == TRAINING):
                found = np.count_nonzero((labels == label) & (splits != TEST))
                taken = np.count_nonzero((labels == label) & (drawn == VALIDATION))
                beside = f" beside {taken} for {VALIDATION}" if taken else ""
                same = duplicates.get(label, 0)
                left_out = f" and {same} with the same pixels as another, left out" if same else ""
                raise SourceError(
                    f"class {printable(name)}: found {len(candidates)} for {split}{beside} "
                    f"(of {found} in all{left_out}), expected at least {max(count, 1)}"
                )
            drawn[rng.permutation(candidates)[:count]] = split
    return [(item, split) for item, split in zip(items, drawn, strict=True) if split]


def unit_of(settings: Mapping[str, Any]) -> Unit:
    """Return what a split of a dataset keeps whole, by its settings in the config."""
    options = settings["options"]
    if options.get("validation") == "by-character":
        return "character"
    return "group" if "groups" in options else "image"


def _hold_out_characters(
    items: Sequence[Item], labels: np.ndarray, validation_per_class: int, rng: np.random.Generator
) -> np.ndarray:
    """Return each item's split: whole characters until every class has its validation images."""
    groups = np.array([item.group or "" for item in items])
    if not groups.all():
        raise SourceError("validation: found images without a character, allowed: by-image")
    held_out = np.zeros(len(items), bool)
    for group in rng.permutation(np.unique(groups)):
        if np.bincount(labels[held_out], minlength=labels.max() + 1).min() >= validation_per_class:
            break
        held_out |= groups == group
    return np.where(held_out, VALIDATION, TRAINING)


def hold_out_groups(
    labels: np.ndarray,
    groups: np.ndarray,
    classes: Sequence[str],
    validation_per_class: int | None,
    rng: np.random.Generator,
    has_test: bool = False,
) -> np.ndarray:
    """Hold out whole groups, with about the same share of each class.

    The share is a quarter or what `validation_per_class` needs, but at least two groups of each
    class: one to select on and one to test on, unless there are test images already.

    Args:
        labels: class of each image, int (images,).
        groups: number of the group of each image, int (images,).
        classes: names by label.
        validation_per_class: images that each class needs; None for a quarter.
        rng: random generator.
        has_test: whether the dataset came with test images, which are not among these.

    Returns:
        bool (images,), True where held out.

    Raises:
        SourceError: a class has too few groups.
    """
    count = len(classes)
    groups_of = [len(np.unique(groups[labels == label])) for label in range(count)]
    fewest = min(groups_of)
    least = 1 if has_test else 2  # groups held out
    if fewest < least + 1:
        uses = "and one to select on" if has_test else "one to select on and one to test on"
        raise SourceError(
            f"class {printable(classes[groups_of.index(fewest)])}: found {fewest} "
            f"group{'s' * (fewest != 1)} of images, expected at least {least + 1}: one to train "
            f"on{' ' if has_test else ', '}{uses}; near copies count as one group unless "
            "`near_copies: warn`"
        )
    images = np.bincount(labels, minlength=count)
    wanted = 0.25 if validation_per_class is None else validation_per_class / images.min()
    share = Fraction(min(max(wanted, least / fewest), 1 - 1 / fewest))
    share = share.limit_denominator(min(fewest, _MOST_FOLDS))
    needed = np.full(count, validation_per_class or least)
    for _ in range(_ATTEMPTS):
        fold = group_folds(labels, groups, share.denominator, rng)
        for held_folds in range(max(share.numerator, 1), share.denominator):
            held_out = fold < held_folds
            if (
                (np.bincount(labels[held_out], minlength=count) >= needed).all()
                and all(
                    len(np.unique(groups[held_out & (labels == c)])) >= least for c in range(count)
                )
                and (np.bincount(labels[~held_out], minlength=count) > 0).all()
            ):
                return held_out
    raise SourceError(
        f"found no split of the groups of images that leaves each class {needed[0]} "
        f"image{'s' * (needed[0] != 1)} of {least} group{'s' * (least != 1)} for validation and "
        "others to train on; class "
        f"{printable(classes[groups_of.index(fewest)])} has {fewest} groups, more are needed"
    )


def cross_fitting(
    labels: np.ndarray,
    groups: np.ndarray,
    classes: Sequence[str],
    folds: int,
    repeats: int,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """Divide all images into folds, several times: each fold reports once, and selects once.

    In a split, one fold is scored, the next one selects, and the others train. So every image is
    scored once in each repeat, and never by a method that has seen it. There are fewer folds if
    that leaves each class two images for each purpose, or one group.

    Args:
        labels: class of each image, int (images,).
        groups: number of the group of each image, int (images,).
        classes: names by label, for the error.
        folds: number of folds, three or more.
        repeats: how often the images are divided.
        rng: random generator.

    Returns:
        Of each split, fold by fold and repeat by repeat: the role of each image ("selection",
        "test", or "" for training), str (images,).

    Raises:
        SourceError: a class has too few images or groups.
    """
    count = len(classes)
    images = np.bincount(labels, minlength=count)
    groups_of = np.array([len(np.unique(groups[labels == label])) for label in range(count)])
    single = len(np.unique(groups)) == len(groups)
    units, least = (images, 2) if single else (groups_of, 1)
    fewest = int(units.argmin())
    found = int(units[fewest])
    if found < 3 * least:
        what = "image" if single else "group"
        raise SourceError(
            f"class {printable(classes[fewest])}: found {found} {what}"
            f"{'s' * (found != 1)}, expected at least {3 * least}: "
            f"{'two each' if single else 'one each'} to train, to select and to score on"
            f"{'' if single else '; near copies count as one group unless `near_copies: warn`'}"
        )
    folds = min(folds, found // least)
    roles = []
    for _ in range(repeats):
        fold = _whole_folds(labels, groups, folds, rng)
        parts = int(fold.max()) + 1
        for scored in range(parts):
            selects = (scored + 1) % parts
            roles.append(np.select([fold == scored, fold == selects], ["test", "selection"], ""))
    return roles


def _whole_folds(
    labels: np.ndarray, groups: np.ndarray, folds: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the fold of each image such that every class is in every fold."""
    if len(np.unique(groups)) == len(groups):
        fold = np.empty(len(labels), np.int64)
        splitter = StratifiedKFold(folds, shuffle=True, random_state=int(rng.integers(2**31)))
        for number, (_, rows) in enumerate(splitter.split(labels, labels)):
            fold[rows] = number
        return fold
    for _ in range(_ATTEMPTS):
        fold = group_folds(labels, groups, folds, rng)
        if all(set(labels[fold == number]) == set(labels) for number in range(folds)):
            return fold
    if folds > 3:
        return _whole_folds(labels, groups, folds - 1, rng)
    raise SourceError(
        "found no division of the groups of images into three folds with every class in each: "
        "more groups are needed, or fewer images in the largest ones"
    )


def half_of_groups(
    labels: np.ndarray, groups: np.ndarray, dataset: str, rng: np.random.Generator
) -> np.ndarray:
    """Divide validation images into two sets of whole groups, with about half of each class.

    Args:
        labels: class of each image, int (images,).
        groups: number of the group of each image, int (images,).
        dataset: name of the dataset, for the error.
        rng: random generator.

    Returns:
        bool (images,), True in the selection set.

    Raises:
        SourceError: the groups of a class cannot be divided.
    """
    for _ in range(_ATTEMPTS):
        half = group_folds(labels, groups, 2, rng) == 0
        if all(set(labels[part]) == set(labels) for part in (half, ~half)):
            return half
    counts = [len(np.unique(groups[labels == label])) for label in np.unique(labels)]
    raise SourceError(
        f"{dataset}: found {min(counts)} group{'s' * (min(counts) != 1)} of validation images of a "
        "class, expected two or more that can be divided: some to select on, others to test on"
    )


def group_folds(
    labels: np.ndarray, groups: np.ndarray, folds: int, rng: np.random.Generator
) -> np.ndarray:
    """Divide images into folds of whole groups, with about the same share of each class in each.

    Args:
        labels: class of each image, int (images,).
        groups: number of the group of each image, int (images,).
        folds: number of folds, at most the number of groups.
        rng: random generator.

    Returns:
        int64 (images,), number of each image's fold.
    """
    seed = int(rng.integers(2**31))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    fold = np.empty(len(labels), np.int64)
    with warnings.catch_warnings():
        # A class of fewer images than folds is not in all folds, which callers check.
        warnings.simplefilter("ignore", UserWarning)
        for number, (_, rows) in enumerate(splitter.split(labels, labels, groups)):
            fold[rows] = number
    return fold


def group_numbers(groups: Sequence[str | None] | pd.Series) -> np.ndarray:
    """Return the number of each image's group; an image without one is a group of its own.

    Groups are numbered by their first image.

    Returns:
        int64 (images,)
    """
    number_of: dict[object, int] = {}
    keys = [row if pd.isna(group) else group for row, group in enumerate(groups)]
    return np.array([number_of.setdefault(key, len(number_of)) for key in keys], np.int64)
