"""Split a source's images into training and validation images."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from transfer_gain.data.sources.base import Item, SourceError
from transfer_gain.data.store import TEST, TRAINING, VALIDATION
from transfer_gain.printable import printable


def draw_split(
    items: Sequence[Item],
    classes: Sequence[str],
    training_per_class: int | None,
    validation_per_class: int | None,
    rng: np.random.Generator,
    by_group: bool = False,
    duplicates: Mapping[int, int] = MappingProxyType({}),
) -> list[tuple[Item, str]]:
    """Draw each class's training and validation images, disjoint.

    If the source has a split, each part is drawn from its own images. Otherwise both are drawn from
    all images. With `by_group`, validation consists of whole groups (characters) that training
    never sees: groups are drawn at random until every class has its validation images. The source's
    test images are all kept as such.

    Args:
        items: the source's images.
        classes: names by label.
        training_per_class: images per class; None for all that validation leaves.
        validation_per_class: images per class; None for those of the source's split or, without a
            split, a quarter of the class.
        rng: random generator.
        by_group: hold out whole groups.
        duplicates: how many duplicates of each label the source left out, for the error message.

    Returns:
        (item, split) in the order of `items`.

    Raises:
        SourceError: a class has too few images, or `by_group` and the items have no groups.
    """
    labels = np.array([item.label for item in items])
    splits = np.array([item.split or "" for item in items])
    if by_group:
        splits = _hold_out_groups(items, labels, validation_per_class or 1, rng)
    has_test = TEST in splits
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


def _hold_out_groups(
    items: Sequence[Item], labels: np.ndarray, validation_per_class: int, rng: np.random.Generator
) -> np.ndarray:
    """Return each item's split: whole groups until every class has its validation images."""
    groups = np.array([item.group or "" for item in items])
    if not groups.all():
        raise SourceError("validation: found images without a character, allowed: by-image")
    held_out = np.zeros(len(items), bool)
    for group in rng.permutation(np.unique(groups)):
        if np.bincount(labels[held_out], minlength=labels.max() + 1).min() >= validation_per_class:
            break
        held_out |= groups == group
    return np.where(held_out, VALIDATION, TRAINING)
