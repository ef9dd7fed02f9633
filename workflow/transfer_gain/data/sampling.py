"""Nested samples, the roles of validation images, and the training data of every method."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from transfer_gain.data.sources.base import SourceError
from transfer_gain.data.splits import group_numbers, half_of_groups
from transfer_gain.data.store import (
    TEST,
    TRAINING,
    VALIDATION,
    read_arrays,
    read_index,
    read_metadata,
    read_rows,
)
from transfer_gain.data.whole_files import StoreError
from transfer_gain.printable import printable
from transfer_gain.seeds import generator


def draw_samples(
    index: pd.DataFrame,
    fraction: float,
    dataset: str,
    replicates: int,
    study_seed: int,
    classes: Sequence[str] = (),
) -> pd.DataFrame:
    """Draw a fraction's samples: stratified, and nested within a replicate.

    Every replicate shuffles each class's training images once, with a seed that does not depend on
    the fraction. A sample is the beginning of that order. Groups are shuffled as a whole, so that a
    sample has few groups of many images rather than a few images of many groups. Only the last
    group of a class may be cut, because all replicates have the same number of images.

    Args:
        index: the dataset's rows (image_id, split, label and, if there are groups, group).
        fraction: share of each class's training images, in (0, 1]; rounded to whole images.
        dataset: name of the dataset, for the seed.
        replicates: number of samples.
        study_seed: the study's seed.
        classes: names of the classes, for the error message.

    Raises:
        SourceError: a class would have no images in the sample.

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


def validation_roles(index: pd.DataFrame, dataset: str, study_seed: int) -> pd.DataFrame:
    """Split each class's validation images into a selection set and a test set of equal size.

    Groups are in one of them only, so that the sizes may differ. If the dataset has test images of
    its own, these are the test set, and all validation images are the selection set.

    Raises:
        SourceError: a class has images of one group only, or its groups cannot be divided.

    Returns:
        Columns image_id, role ("selection" or "test"), in the order of `index`.
    """
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


class Replicates(NamedTuple):
    """Training data of every method: the same images for the same fraction and replicate.

    Attributes:
        features: (images, ...), features or pixels: all training images of any replicate, then
            their augmented copies if there are any, then all validation and test images.
        labels: int32 (images,).
        samples: int64 (replicates, sample size), rows of `features`.
        validation: int64 (validation and test images,), rows of `features`.
        selection: bool (validation and test images,), True in the selection set.
        classes: number of classes.
        has_test: whether the dataset has test images of its own.
    """

    features: np.ndarray
    labels: np.ndarray
    samples: np.ndarray
    validation: np.ndarray
    selection: np.ndarray
    classes: int
    has_test: bool = False


def read_replicates(
    features: Path | str,
    samples: Path | str,
    validation_roles: Path | str,
    copies: Path | str | None = None,
) -> Replicates:
    """Read only the features of a fraction's samples and of the validation images.

    Args:
        features: a file of features, or of images.
        samples: file of the fraction's samples, see `draw_samples`.
        validation_roles: file that assigns validation images to the selection set and the test set.
        copies: file of features of augmented copies, the same number for each image; they are added
            to the samples.

    Raises:
        StoreError: a file is corrupt, or names an image that is not in `features`.
    """
    index = read_index(features)
    row_of_image = pd.Series(np.arange(len(index)), index=index["image_id"])
    sampled, roles = read_rows(samples), read_rows(validation_roles)
    for path, ids in ((samples, sampled["image_id"]), (validation_roles, roles["image_id"])):
        if missing := set(ids) - set(row_of_image.index):
            raise StoreError(f"{path}: found image {min(missing)}, which is not in {features}")
    training_rows = row_of_image[sampled["image_id"]].to_numpy()
    validation_rows = row_of_image[roles["image_id"]].to_numpy()
    rows = np.concatenate([np.unique(training_rows), validation_rows])
    used = len(rows) - len(validation_rows)
    data = Replicates(
        features=read_arrays(features, rows),
        labels=index["label"].to_numpy(np.int32)[rows],
        samples=np.searchsorted(rows[:used], training_rows).reshape(
            sampled["replicate"].nunique(), -1
        ),
        validation=np.arange(used, len(rows)),
        selection=(roles["role"] == "selection").to_numpy(),
        classes=index["label"].nunique(),
        has_test=has_test_images(index),
    )
    if copies is None:
        return data
    expected, found = (read_metadata(path).get("precision") for path in (features, copies))
    if found != expected:
        raise StoreError(f"{copies}: found precision {found}, expected {expected} as in {features}")
    return _with_copies(data, index["image_id"].to_numpy()[rows[:used]], copies)


def _with_copies(data: Replicates, image_ids: np.ndarray, path: Path | str) -> Replicates:
    """Add augmented copies of the training images, in the order of `image_ids`, to the samples."""
    index = read_index(path)
    rows_of_image = index.groupby("image_id").indices
    if missing := set(image_ids) - set(rows_of_image):
        raise StoreError(f"{path}: found no copy of image {min(missing)}, expected one or more")
    rows = np.stack([rows_of_image[image] for image in image_ids])  # (images, copies)
    images, copies = rows.shape
    copies_of_sample = images + data.samples[:, :, None] * copies + np.arange(copies)
    return data._replace(
        features=np.concatenate(
            [data.features[:images], read_arrays(path, rows.ravel()), data.features[images:]]
        ),
        labels=np.concatenate(
            [data.labels[:images], data.labels[:images].repeat(copies), data.labels[images:]]
        ),
        samples=np.concatenate(
            [data.samples, copies_of_sample.reshape(len(data.samples), -1)], axis=1
        ),
        validation=data.validation + rows.size,
    )
