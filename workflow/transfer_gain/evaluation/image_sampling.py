"""What a mean over images owes to the images that were drawn.

Images are drawn within their class, since test sets and folds are stratified. Images of one group,
such as those of a patient, are alike: they are drawn together, and only groups are independent.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import stats
from scipy.sparse.csgraph import connected_components

from transfer_gain.evaluation.statistics import RESOLUTION

Terms = Sequence[tuple[float, float]]


def variance_terms(of_image: np.ndarray, labels: np.ndarray, groups: np.ndarray | None) -> Terms:
    """Return the variance of a mean over images, class by class.

    Without groups it is that of a stratified mean. With groups, the deviations of a group's images
    from the means of their classes are added up first, as for a mean over clusters of unequal size
    (Cochran 1977, section 9A; the cluster-robust variance with its factor G / (G - 1)). A class of
    a single group shows how its images differ, which is less than groups do.

    Classes that share groups, such as patients with images of both, make one term. Its degrees of
    freedom are Satterthwaite's of the classes, at most those of the groups.

    Args:
        of_image: one value per image, (images,).
        labels: class of each image, int (images,).
        groups: number of the group of each image, int (images,); None if all are independent.

    Returns:
        Parts of the variance, each with its degrees of freedom. Classes of one image are left out.
    """
    count = len(of_image)
    if groups is None:
        classes = [of_image[labels == label] for label in np.unique(labels)]
        return [
            (len(each) * float(each.var(ddof=1)) / count**2, len(each) - 1)
            for each in classes
            if len(each) > 1
        ]
    return [(term, free) for term, free in _of_groups(of_image, labels, groups) if free > 0]


def _of_groups(
    of_image: np.ndarray, labels: np.ndarray, groups: np.ndarray
) -> Iterator[tuple[float, float]]:
    """Yield the terms of `variance_terms` for images in groups."""
    _, label, images = np.unique(labels, return_inverse=True, return_counts=True)
    _, group = np.unique(groups, return_inverse=True)
    deviations = of_image - (np.bincount(label, of_image) / images)[label]
    sums = np.zeros((group.max() + 1, len(images)))
    np.add.at(sums, (group, label), deviations)
    is_there = _who_is_where(label, group)
    units = is_there.sum(axis=0)
    by_group = units / np.maximum(units - 1, 1) * np.square(sums).sum(axis=0)
    by_image = images / np.maximum(images - 1, 1) * np.bincount(label, np.square(deviations))
    own = np.where(units > 1, by_group, by_image) / len(of_image) ** 2
    free = np.where(units > 1, units, images) - 1
    for linked in _linked(is_there):
        members = np.count_nonzero(is_there[:, linked].any(axis=1))
        if len(linked) == 1 or members == 1:
            yield from zip(own[linked].tolist(), free[linked].tolist(), strict=True)
            continue
        together = np.square(sums[:, linked].sum(axis=1)).sum() * members / (members - 1)
        squares = np.square(own[linked]) / np.maximum(free[linked], 1)
        both = np.square(own[linked].sum()) / squares.sum() if squares.any() else np.inf
        # Opposite deviations may cancel by chance, but not below what one class shows.
        variance = max(together / len(of_image) ** 2, own[linked].max())
        yield float(variance), float(min(both, members - 1))


def _who_is_where(label: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return whether a group has images of a class, bool (groups, classes)."""
    is_there = np.zeros((group.max() + 1, label.max() + 1), bool)
    is_there[group, label] = True
    return is_there


def _linked(is_there: np.ndarray) -> list[np.ndarray]:
    """Return the classes that share groups together, as arrays of their places."""
    shared = is_there.T.astype(np.int64) @ is_there
    count, part = connected_components(shared, directed=False)
    return [np.flatnonzero(part == number) for number in range(count)]


def bootstrap_weights(
    labels: np.ndarray, groups: np.ndarray | None, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw bootstrap samples of images, or of groups, each class with the weight that it has.

    Args:
        labels: class of each image, int (images,).
        groups: see `variance_terms`.
        draws: number of samples.
        rng: random generator.

    Returns:
        float64 (draws, images), each row adds up to 1.
    """
    weights = np.empty((draws, len(labels)))
    if groups is None:
        for label in np.unique(labels):
            images = np.flatnonzero(labels == label)
            weights[:, images] = _times_drawn(len(images), draws, rng)
        return weights / len(labels)
    _, label = np.unique(labels, return_inverse=True)
    _, group = np.unique(groups, return_inverse=True)
    is_there = _who_is_where(label, group)
    for linked in _linked(is_there):
        members = np.flatnonzero(is_there[:, linked].any(axis=1))
        times = np.zeros((draws, len(is_there)))
        times[:, members] = _times_drawn(len(members), draws, rng)
        for each in linked:
            images = label == each
            own = times[:, group[images]]
            drawn = own.mean(axis=1, keepdims=True)
            # A draw may have none of the groups of a class that shares its groups.
            weights[:, images] = np.where(drawn > 0, own / np.where(drawn > 0, drawn, 1), 1)
    return weights / len(labels)


def _times_drawn(units: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    return rng.multinomial(units, np.full(units, 1 / units), draws)


def resampled_deviations(
    of_image: np.ndarray, labels: np.ndarray, groups: np.ndarray | None, weights: np.ndarray
) -> np.ndarray:
    """Return how far bootstrap means of images are from their mean.

    Resampled groups are few, so that percentiles would be too narrow: their deviations are
    stretched to the variance of `variance_terms` and to Student's t (see
    `statistics.resampled_means`).

    Args:
        of_image: one value per image, (images,).
        labels: class of each image, int (images,).
        groups: see `variance_terms`.
        weights: of `bootstrap_weights`.

    Returns:
        float64 (draws,).
    """
    deviations = weights @ of_image - of_image.mean()
    spread = deviations.std()
    if groups is None or spread == 0:
        return deviations
    terms = variance_terms(of_image, labels, groups)
    variance, freedom = sum(term for term, _ in terms), satterthwaite(terms)
    stretch = stats.t.ppf(0.975, freedom) / stats.norm.ppf(0.975)
    return deviations * (np.sqrt(variance) * stretch / spread)


def satterthwaite(terms: Terms, variance: float = 0.0) -> float:
    """Return the degrees of freedom of a variance (Satterthwaite 1946).

    Args:
        terms: its parts, each with its degrees of freedom, not all zero.
        variance: the variance, if it is not the sum of the parts.
    """
    variance = variance or sum(term for term, _ in terms)
    return variance**2 / sum(term**2 / free for term, free in terms)


def unseen_terms(
    of_image: np.ndarray, labels: np.ndarray, groups: np.ndarray | None, worth: np.ndarray
) -> Terms:
    """Return what classes without any difference may add to the variance of a mean difference.

    A few images that two methods answer alike do not show that they always agree. Of all images in
    such classes, half an image is taken to be answered otherwise in each direction, as Agresti &
    Min (2005) add to each cell of a table of pairs: the heaviest image, or half the heaviest group.

    Args:
        of_image: difference of each image, (images,).
        labels: class of each image, int (images,).
        groups: see `variance_terms`.
        worth: what a right answer to each image adds to the sum of the values, (images,).

    Returns:
        One term, if there are classes of two images or more whose differences are all the same.
    """
    alike = np.zeros(len(labels), bool)
    classes = 0
    for label in np.unique(labels):
        members = labels == label
        if np.count_nonzero(members) > 1 and np.ptp(of_image[members]) <= RESOLUTION:
            alike |= members
            classes += 1
    if not classes:
        return []
    count = units(groups, alike)
    own = worth[alike] if groups is None else sums_of_groups(worth[alike], groups[alike])
    part = float(own.max()) / len(labels)
    return [(part**2 * count / (count + 1), max(count - classes, 1))]


def sums_of_groups(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the sum of the values (images,) of each group."""
    return np.bincount(np.unique(groups, return_inverse=True)[1], values)


def units(groups: np.ndarray | None, images: np.ndarray) -> int:
    """Return how many of some images, or of their groups, were drawn independently.

    Args:
        groups: see `variance_terms`.
        images: which images, bool (images,).
    """
    return int(images.sum()) if groups is None else len(np.unique(groups[images]))
