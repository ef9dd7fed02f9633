"""How each method does on each class: recall, precision and F1, from the kept predictions."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from transfer_gain.evaluation.evidence import wilson
from transfer_gain.evaluation.predictions import NAMES
from transfer_gain.evaluation.statistics import RESOLUTION

PER_CLASS = [
    *["dataset", *NAMES, "class", "images", "predicted"],
    *["recall", "recall_low", "recall_high"],
    *["precision", "precision_low", "precision_high", "f1"],
]


def image_weights(image_ids: pd.Series) -> np.ndarray:
    """Return the weight of each prediction, so that those for one image add up to 1.

    Test images that are fixed are predicted once by each replicate; in cross-fitting, every image
    is predicted once in each repeat.

    Args:
        image_ids: image of each prediction of one method at one fraction.

    Returns:
        float64 (predictions,).
    """
    codes, _ = pd.factorize(image_ids)
    return 1 / np.bincount(codes)[codes]


def confusion_matrix(rows: pd.DataFrame, classes: int) -> np.ndarray:
    """Count the images of each class that are taken for each class.

    Args:
        rows: predictions of one method at one fraction (image_id, label, predicted).
        classes: number of classes.

    Returns:
        float64 (classes, classes), true classes by predicted ones. Counts are means over the runs
        that predict an image, so a row adds up to the images of its class that are scored.
    """
    pairs = rows["label"].to_numpy(np.int64) * classes + rows["predicted"].to_numpy(np.int64)
    counts = np.bincount(pairs, image_weights(rows["image_id"]), classes**2)
    # Rounded, so that sums of thirds are whole and equal counts are equal.
    return counts.round(9).reshape(classes, classes)


def per_class(predictions: pd.DataFrame, classes: Sequence[str], dataset: str) -> pd.DataFrame:
    """Return recall, precision and F1 of every class, of every method at each fraction.

    Args:
        predictions: of one dataset, see `predictions.gather`.
        classes: names by label.
        dataset: its name.

    Returns:
        Columns `PER_CLASS`. `images` is the number of distinct images of the class that are scored,
        and `predicted` that of all images that are taken for it, a mean over runs. Intervals are
        Wilson's, of 95 %, for the mean number of right answers among so many images, or fewer if
        images of a group are alike (`_effective`): they hold for new images, not for new training
        runs. Precision is empty for a class that is never predicted.
    """
    found = []
    for names, rows in predictions.groupby(NAMES, sort=False, observed=True):
        matrix = confusion_matrix(rows, len(classes))
        right, images, predicted = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
        found.append(
            pd.DataFrame(
                {
                    "dataset": dataset,
                    **dict(zip(NAMES, names, strict=True)),
                    "class": list(classes),
                    "images": images.round().astype(np.int64),
                    "predicted": predicted,
                    **_share("recall", right, images, rows, "label"),
                    **_share("precision", right, predicted, rows, "predicted"),
                    "f1": _ratio(2 * right, images + predicted),
                }
            )
        )
    return pd.concat(found, ignore_index=True)[PER_CLASS]


def _share(
    name: str, right: np.ndarray, counts: np.ndarray, rows: pd.DataFrame, column: str
) -> dict[str, np.ndarray]:
    """Return the columns of a share of images with its interval, NaN where there are none.

    Args:
        name: of the share.
        right: number of right answers of each class.
        counts: number of images of each class.
        rows: see `confusion_matrix`, with `group` if images have groups.
        column: what makes a row one of its class.
    """
    share = _ratio(right, counts)
    # A class that only some runs predict may have less than one predicted image.
    images = np.maximum(counts, 1)
    if "group" in rows:
        weights = image_weights(rows["image_id"])
        for label in np.flatnonzero(counts):
            own = (rows[column] == label).to_numpy()
            images[label] = _effective(rows[own], weights[own], share[label])
    ends = [wilson(own, n) for own, n in zip(share, images, strict=True)]
    low, high = np.clip(np.transpose(ends), 0, 1)
    return {name: share, f"{name}_low": low, f"{name}_high": high}


def _effective(rows: pd.DataFrame, weights: np.ndarray, share: float) -> float:
    """Return how many independent images a share in groups of images is worth (Kish 1965).

    That is the number of images divided by the design effect, the variance of a mean over groups
    by that of a mean over images, and by the square of the ratio of Student's critical values for
    so many groups and images. Wilson's interval for this number of images is one of those that Korn
    & Graubard (1998) and Dean & Pagano (2015) compare. Groups that by chance differ less than their
    images count as images. Where no image differs, groups are counted.

    Args:
        rows: predictions of which a share is right (image_id, label, predicted and group).
        weights: of the rows, see `image_weights`.
        share: of the right ones.
    """
    deviations = weights * ((rows["label"] == rows["predicted"]).to_numpy() - share)
    of_image = np.bincount(pd.factorize(rows["image_id"])[0], deviations)
    of_group = np.bincount(pd.factorize(rows["group"])[0], deviations)
    squares, images, groups = np.square(of_image).sum(), len(of_image), len(of_group)
    total = max(weights.sum(), 1.0)
    if groups == 1 or squares <= RESOLUTION**2:
        return min(groups, total)
    by_group = groups / (groups - 1) * np.square(of_group).sum()
    effect = max(by_group / (images / (images - 1) * squares), 1.0)
    of_images, of_groups = stats.t.ppf(0.975, [images - 1, groups - 1])
    return total / effect * (of_images / of_groups) ** 2


def _ratio(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return values per count, NaN where the count is 0."""
    return np.divide(values, counts, out=np.full(len(counts), np.nan), where=counts > 0)
