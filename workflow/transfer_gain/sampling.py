"""Splits and nested samples."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from .seeds import generator
from .sources import Item, SourceError
from .store import TRAINING, VALIDATION, StoreError, read_arrays, read_index, read_rows


def draw_split(
    items: Sequence[Item],
    classes: Sequence[str],
    training_per_class: int | None,
    validation_per_class: int | None,
    rng: np.random.Generator,
    by_group: bool = False,
) -> list[tuple[Item, str]]:
    """Draw each class's training and validation images, disjoint.

    Where the source comes with a split, each part is drawn from its own images. Else both are drawn
    from all images or, `by_group`, validation from whole groups (characters) that training never
    sees: as few, drawn at random, as give every class its validation images.

    Args:
        items: the source's images.
        classes: names by label.
        training_per_class: images of each class; None for all that validation leaves.
        validation_per_class: images of each class; None for those of the source's split or, where
            it has none, a quarter of the class.
        rng: draws.
        by_group: hold out groups.

    Returns:
        (item, split) in the order of `items`.

    Raises:
        SourceError: a class has too few images, or `by_group` and the items have no groups.
    """
    labels = np.array([item.label for item in items])
    splits = np.array([item.split or "" for item in items])
    if by_group:
        splits = _hold_out_groups(items, labels, validation_per_class or 1, rng)
    drawn = np.full(len(items), "", dtype=object)
    for label, name in enumerate(classes):
        for split, count in ((VALIDATION, validation_per_class), (TRAINING, training_per_class)):
            allowed = np.isin(splits, ["", split]) & (labels == label) & (drawn == "")
            candidates = np.flatnonzero(allowed)
            if count is None:
                is_open = split == VALIDATION and not splits[candidates].any()
                count = len(candidates) // 4 if is_open else len(candidates)
                # One half of them selects, the other reports.
                count = max(count, 2) if split == VALIDATION else count
            if len(candidates) < count or (count == 0 and split == TRAINING):
                raise SourceError(
                    f"class {name}: found {len(candidates)} {split} images, expected "
                    f"{max(count, 1)}"
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


def draw_samples(
    index: pd.DataFrame, fraction: float, dataset: str, replicates: int, study_seed: int
) -> pd.DataFrame:
    """Draw a size's samples: stratified, and nested in the larger sizes of the same replicate.

    Every replicate orders each class's training images once, by a seed that does not know the size;
    a sample is the beginning of that order.

    Args:
        index: the dataset's rows (image_id, split, label).
        fraction: share of each class's training images, in (0, 1]; rounded to whole images.
        dataset: its name, for the seed.
        replicates: how many samples.
        study_seed: the study's seed.

    Raises:
        SourceError: a class is left without a sample.

    Returns:
        Columns replicate (int32), image_id, label; sorted by replicate, label and order of drawing.
    """
    training = index[index["split"] == TRAINING]
    samples = []
    for replicate in range(replicates):
        rng = generator(study_seed, dataset, replicate, "sample")
        for label, images in training.groupby("label", sort=True):
            count = int(fraction * len(images) + 0.5)
            if count == 0:
                raise SourceError(
                    f"{dataset}: found {len(images)} training images of class {label}, of which "
                    f"size {fraction:g} leaves none; expected at least {0.5 / fraction:.0f}"
                )
            sample = images.iloc[rng.permutation(len(images))[:count]][["image_id", "label"]]
            samples.append(sample.assign(replicate=np.int32(replicate)))
    return pd.concat(samples, ignore_index=True)[["replicate", "image_id", "label"]]


def validation_halves(index: pd.DataFrame, dataset: str, study_seed: int) -> pd.DataFrame:
    """Split each class's validation images into a half that selects and a half that reports.

    Returns:
        Columns image_id, half ("selection" or "reporting"), in the order of `index`.
    """
    validation = index[index["split"] == VALIDATION].reset_index(drop=True)
    rng = generator(study_seed, dataset, "validation halves")
    half = np.full(len(validation), "reporting", dtype=object)
    for _, rows in validation.groupby("label", sort=True).groups.items():
        half[rng.permutation(rows.to_numpy())[: len(rows) // 2]] = "selection"
    return pd.DataFrame({"image_id": validation["image_id"], "half": half})


def shuffled_batches(
    images: int, batch_size: int, epochs: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the order in which a run sees its images: every one once an epoch.

    Returns:
        int32 (epochs * batches in an epoch, batch size); -1 fills up the last batch of an epoch.
    """
    batch_size = min(batch_size, images)
    steps = -(-images // batch_size)
    orders = np.full((epochs, steps * batch_size), -1, np.int32)
    for epoch in orders:
        epoch[:images] = rng.permutation(images)
    return orders.reshape(epochs * steps, batch_size)


class Replicates(NamedTuple):
    """What every method trains on: the same images for the same size and replicate.

    Attributes:
        features: float32 (images, features): all training images of any replicate, then all
            validation images.
        labels: int32 (images,).
        samples: int64 (replicates, sample size), rows of `features`.
        validation: int64 (validation images,), rows of `features`.
        selection: bool (validation images,), True in the half that selects.
        classes: number of classes.
    """

    features: np.ndarray
    labels: np.ndarray
    samples: np.ndarray
    validation: np.ndarray
    selection: np.ndarray
    classes: int


def read_replicates(features: Path | str, samples: Path | str, halves: Path | str) -> Replicates:
    """Read the features of a size's samples and of the validation images, and nothing else.

    Args:
        features: a file of features.
        samples: the size's samples, as `draw_samples` made them.
        halves: the validation halves.

    Raises:
        StoreError: a file is corrupt, or names an image that the features do not have.
    """
    index = read_index(features)
    row_of_image = pd.Series(np.arange(len(index)), index=index["image_id"])
    sampled, half = read_rows(samples), read_rows(halves)
    for path, ids in ((samples, sampled["image_id"]), (halves, half["image_id"])):
        if missing := set(ids) - set(row_of_image.index):
            raise StoreError(f"{path}: found image {min(missing)}, which {features} has not")
    training_rows = row_of_image[sampled["image_id"]].to_numpy()
    validation_rows = row_of_image[half["image_id"]].to_numpy()
    rows = np.concatenate([np.unique(training_rows), validation_rows])
    values = read_arrays(features, rows).reshape(len(rows), -1)
    used = len(rows) - len(validation_rows)
    return Replicates(
        features=values,
        labels=index["label"].to_numpy(np.int32)[rows],
        samples=np.searchsorted(rows[:used], training_rows).reshape(
            sampled["replicate"].nunique(), -1
        ),
        validation=np.arange(used, len(rows)),
        selection=(half["half"] == "selection").to_numpy(),
        classes=index["label"].nunique(),
    )
