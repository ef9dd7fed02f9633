"""The training data of every method: samples, and the images that select and score."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from transfer_gain.data.sampling import has_test_images
from transfer_gain.data.store import read_arrays, read_index, read_metadata, read_rows
from transfer_gain.data.whole_files import StoreError


class Replicates(NamedTuple):
    """Training data of every method: the same images for the same fraction and replicate.

    Attributes:
        features: (images, ...), features or pixels: all images that any replicate uses, then the
            augmented copies of those that train, if there are any.
        labels: int32 (images,).
        samples: int64 (replicates, sample size), rows of `features`.
        validation: int64 (images,), rows of `features` that any replicate selects or scores on.
        selection: bool (replicates, images), which of `validation` a replicate selects on.
        test: bool (replicates, images), which of `validation` a replicate is scored on.
        image_ids: names of `validation`, (images,).
        classes: number of classes.
        has_test: whether the dataset has test images of its own.
        numbers: of the replicates, int64 (replicates,); None for 0, 1, ...
    """

    features: np.ndarray
    labels: np.ndarray
    samples: np.ndarray
    validation: np.ndarray
    selection: np.ndarray
    test: np.ndarray
    image_ids: np.ndarray
    classes: int
    has_test: bool = False
    numbers: np.ndarray | None = None

    def of(self, replicates: Sequence[int] | np.ndarray) -> "Replicates":
        """Return the data of some of the replicates.

        Args:
            replicates: their places, int (n,).
        """
        chosen = np.asarray(replicates)
        return self._replace(
            samples=self.samples[chosen],
            selection=self.selection[chosen],
            test=self.test[chosen],
            numbers=self.replicate_numbers[chosen],
        )

    @property
    def own_places(self) -> np.ndarray:
        """Return the places in `validation` of what each replicate selects or is scored on.

        int64 (replicates, images), or (1, images) if all share them. A replicate that has fewer
        than another repeats its first.
        """
        used = self.selection | self.test
        if (used == used[0]).all():
            return np.flatnonzero(used[0])[None]
        places = np.argsort(~used, axis=1, kind="stable")[:, : used.sum(axis=1).max()]
        return np.where(np.take_along_axis(used, places, axis=1), places, places[:, :1])

    @property
    def replicate_numbers(self) -> np.ndarray:
        """Return the number of each replicate, for its seed and its rows: int64 (replicates,)."""
        return np.arange(len(self.samples)) if self.numbers is None else self.numbers


def of_part(part: str, replicates: int) -> np.ndarray:
    """Return the numbers of the replicates in a part, such as "1-of-2", from 0."""
    number, parts = map(int, part.split("-of-"))
    return np.array_split(np.arange(replicates), parts)[number - 1]


def read_replicates(
    features: Path | str,
    samples: Path | str,
    validation_roles: Path | str,
    copies: Path | str | None = None,
) -> Replicates:
    """Read only the features of a fraction's samples and of the images that select or score.

    Args:
        features: a file of features, or of images.
        samples: file of the fraction's samples, see `sampling.draw_samples`.
        validation_roles: file of the images that select and score, see `sampling.validation_roles`.
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
    image_ids = roles["image_id"].unique()
    validation_rows = row_of_image[image_ids].to_numpy()
    replicates = sampled["replicate"].nunique()
    rows = np.union1d(training_rows, validation_rows)  # cross-fitting has both in common
    data = Replicates(
        features=read_arrays(features, rows),
        labels=index["label"].to_numpy(np.int32)[rows],
        samples=np.searchsorted(rows, training_rows).reshape(replicates, -1),
        validation=np.searchsorted(rows, validation_rows),
        selection=_who_has(roles, "selection", image_ids, replicates),
        test=_who_has(roles, "test", image_ids, replicates),
        classes=index["label"].nunique(),
        has_test=has_test_images(index),
        image_ids=image_ids,
    )
    if copies is None:
        return data
    expected, found = (read_metadata(path).get("precision") for path in (features, copies))
    if found != expected:
        raise StoreError(f"{copies}: found precision {found}, expected {expected} as in {features}")
    return _with_copies(data, index["image_id"].to_numpy()[rows], copies)


def _who_has(roles: pd.DataFrame, role: str, image_ids: np.ndarray, replicates: int) -> np.ndarray:
    """Return which images have a role for each replicate: bool (replicates, images).

    All replicates share a single split; of several, each has its own.
    """
    splits = [
        np.isin(image_ids, own["image_id"][own["role"] == role])
        for _, own in roles.groupby("split")
    ]
    return np.stack(splits * replicates if len(splits) == 1 else splits)


def _with_copies(data: Replicates, image_ids: np.ndarray, path: Path | str) -> Replicates:
    """Add augmented copies of the training images to the samples.

    Args:
        data: without copies.
        image_ids: names of all its images.
        path: see `read_replicates`.
    """
    trains, sampled = np.unique(data.samples, return_inverse=True)
    rows_of_image = read_index(path).groupby("image_id").indices
    if missing := set(image_ids[trains]) - set(rows_of_image):
        raise StoreError(f"{path}: found no copy of image {min(missing)}, expected one or more")
    rows = np.stack([rows_of_image[image] for image in image_ids[trains]])  # (images, copies)
    copies = len(data.labels) + np.arange(rows.size).reshape(rows.shape)
    replicates = len(data.samples)
    copies_of_sample = copies[sampled.reshape(replicates, -1)].reshape(replicates, -1)
    return data._replace(
        features=np.concatenate([data.features, read_arrays(path, rows.ravel())]),
        labels=np.concatenate([data.labels, data.labels[trains].repeat(rows.shape[1])]),
        samples=np.concatenate([data.samples, copies_of_sample], axis=1),
    )
