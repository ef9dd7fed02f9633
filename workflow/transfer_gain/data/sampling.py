"""Nested samples to train on, and the roles of the images that select and score."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from transfer_gain.data.sources.base import SourceError
from transfer_gain.data.splits import cross_fitting, group_numbers, half_of_groups
from transfer_gain.data.store import TEST, TRAINING, VALIDATION
from transfer_gain.printable import printable
from transfer_gain.seeds import generator


def draw_samples(
    index: pd.DataFrame,
    fraction: float,
    dataset: str,
    replicates: int,
    study_seed: int,
    classes: Sequence[str] = (),
    roles: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Draw a fraction's samples: stratified, and nested within a replicate.

    Every replicate shuffles each class's training images once, with a seed that does not depend on
    the fraction. A sample is the beginning of that order. Groups are shuffled as a whole, so that a
    sample has few groups of many images rather than a few images of many groups. Only the last
    group of a class may be cut, because all replicates have the same number of images.

    Args:
        index: the dataset's rows (image_id, split, label and, if there are groups, group).
        fraction: share of each class's training images, in (0, 1]; rounded to whole images. If
            there are several splits, of those in the split that has fewest.
        dataset: name of the dataset, for the seed.
        replicates: number of samples; if there are several splits, one is drawn from each instead.
        study_seed: the study's seed.
        classes: names of the classes, for the error message.
        roles: see `validation_roles`; None for one split.

    Raises:
        SourceError: a class would have no images in the sample.

    Returns:
        Columns replicate (int32), image_id, label; sorted by replicate, label and order of drawing.
    """
    training = index[index["split"] == TRAINING]
    pools = [training] * replicates
    if roles is not None and roles["split"].nunique() > 1:
        pools = [
            training[~training["image_id"].isin(of_split["image_id"])]
            for _, of_split in roles.groupby("split")
        ]
    fewest = pd.concat([pool["label"].value_counts() for pool in pools], axis=1).min(axis=1)
    samples = []
    for replicate, pool in enumerate(pools):
        rng = generator(study_seed, dataset, replicate, "sample")
        for label, images in pool.groupby("label", sort=True):
            count = int(fraction * fewest[label] + 0.5)
            if count == 0:
                least = math.ceil(0.5 / fraction)
                name = classes[label] if classes else label
                noun = f"training image{'s' * (len(images) != 1)}"
                raise SourceError(
                    f"{dataset}: found {len(images)} {noun} of class {printable(name)}, of which "
                    f"fraction {fraction:g} leaves none; expected at least {least}, or only larger "
                    "fractions under fractions"
                )
            sample = images.iloc[_shuffled(images, rng)[:count]][["image_id", "label"]]
            samples.append(sample.assign(replicate=np.int32(replicate)))
    return pd.concat(samples, ignore_index=True)[["replicate", "image_id", "label"]]


def _shuffled(images: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Return row numbers in random order; the images of a group follow each other."""
    groups = groups_of(images)
    place = np.argsort(rng.permutation(groups.max() + 1))
    return np.argsort(place[groups], kind="stable")


def groups_of(index: pd.DataFrame) -> np.ndarray:
    """Return the number of each image's group, see `group_numbers`; each its own without groups."""
    if "group" not in index or index["group"].isna().all():
        return np.arange(len(index))
    return group_numbers(index["group"])


def validation_roles(
    index: pd.DataFrame,
    dataset: str,
    study_seed: int,
    classes: Sequence[str] = (),
    folds: int = 6,
    repeats: int = 2,
) -> pd.DataFrame:
    """Say which images select configurations and which are scored, in each split of the images.

    Validation images are split once: each class into a selection set and a test set of equal size.
    Groups are in one of them only, so that the sizes may differ. If the dataset has test images of
    its own, these are the test set, and all validation images are the selection set.

    Without validation images there is cross-fitting: see `splits.cross_fitting`.

    Args:
        index: the dataset's rows (image_id, split, label and, if there are groups, group).
        dataset: name of the dataset, for the seed.
        study_seed: the study's seed.
        classes: names of the classes, for error messages.
        folds: folds of the cross-fitting.
        repeats: how often the images are divided into folds.

    Raises:
        SourceError: a class has images of one group only, its groups cannot be divided, or it has
            too few images for cross-fitting.

    Returns:
        Columns split (int32), image_id, role ("selection" or "test"), by split and in the order of
        `index`. Images of a split that are not listed are to train on.
    """
    if not (index["split"] != TRAINING).any():
        rng = generator(study_seed, dataset, "cross-fitting")
        labels, groups = index["label"].to_numpy(), groups_of(index)
        names = classes or [str(label) for label in range(labels.max() + 1)]
        parts = [
            pd.DataFrame({"split": np.int32(split), "image_id": index["image_id"], "role": roles})
            for split, roles in enumerate(cross_fitting(labels, groups, names, folds, repeats, rng))
        ]
        return pd.concat([part[part["role"] != ""] for part in parts], ignore_index=True)
    once = _roles_of_one_split(index, dataset, study_seed)
    return once.assign(split=np.int32(0))[["split", "image_id", "role"]]


def _roles_of_one_split(index: pd.DataFrame, dataset: str, study_seed: int) -> pd.DataFrame:
    """Return the roles of validation and test images, columns image_id and role."""
    if has_test_images(index):
        scored = index[index["split"].isin([VALIDATION, TEST])].reset_index(drop=True)
        role = np.where(scored["split"] == TEST, "test", "selection").astype(object)
        return pd.DataFrame({"image_id": scored["image_id"], "role": role})
    validation = index[index["split"] == VALIDATION].reset_index(drop=True)
    rng = generator(study_seed, dataset, "validation halves")
    role = np.full(len(validation), "test", dtype=object)
    groups = groups_of(validation)
    if len(np.unique(groups)) < len(groups):
        role[half_of_groups(validation["label"].to_numpy(), groups, dataset, rng)] = "selection"
        return pd.DataFrame({"image_id": validation["image_id"], "role": role})
    for _, rows in validation.groupby("label", sort=True).groups.items():
        role[rng.permutation(rows.to_numpy())[: len(rows) // 2]] = "selection"
    return pd.DataFrame({"image_id": validation["image_id"], "role": role})


def has_test_images(index: pd.DataFrame) -> bool:
    """Return whether a dataset has test images of its own, which nothing but the score reads.

    Args:
        index: the dataset's rows (split).
    """
    return bool((index["split"] == TEST).any())


def shuffled_batches(
    images: int, batch_size: int, epochs: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the order in which a run sees its images: each image once per epoch.

    Returns:
        int32 (epochs * batches per epoch, batch size); -1 pads the last batch of an epoch.
    """
    batch_size = min(batch_size, images)
    steps = -(-images // batch_size)
    orders = np.full((epochs, steps * batch_size), -1, np.int32)
    for epoch in orders:
        epoch[:images] = rng.permutation(images)
    return orders.reshape(epochs * steps, batch_size)
