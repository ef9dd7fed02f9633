"""Means over runs and images, with intervals that hold for new ones of both.

For replicates that are scored on the same images, for splits of cross-fitting, and for a difference
that is zero for every image.
"""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from transfer_gain.evaluation import image_sampling, statistics
from transfer_gain.evaluation.image_sampling import Terms, satterthwaite, variance_terms
from transfer_gain.evaluation.statistics import Contrast


def agreement(images: float, weight: float = 1.0, level: float = 0.95) -> Contrast:
    """Return the difference of two shares of right answers that are the same for every image.

    Its ends are those of Tango's score interval (1998) for paired shares without a discordant pair.
    The largest difference that the score test does not reject has all its discordant pairs in one
    direction: n d = z sqrt(n d (1 - d)), so d = z² / (n + z²). Like Wilson's interval, whose upper
    end it is for no image of n, it is somewhat wider than the 'rule of three', 3 / n.

    Args:
        images: number of images, each of which may change the difference by 1 / images. Fewer if
            some count more: the number of images divided by the weight of the heaviest one, since
            no other distribution of discordant pairs may be as large. Half of them if images also
            train, see `cross_fitted`.
        weight: of the difference.
        level: coverage, in (0, 1).
    """
    critical = stats.norm.ppf((1 + level) / 2)
    half = abs(weight) * critical**2 / (images + critical**2)
    return statistics.student(0.0, (half / critical) ** 2, np.inf, level)


def cross_fitted(
    values: np.ndarray,
    labels: np.ndarray,
    overlap: float,
    level: float = 0.95,
    groups: np.ndarray | None = None,
    worth: np.ndarray | None = None,
) -> Contrast:
    """Estimate a mean over splits and images, for new images to train on and to score.

    Nadeau & Bengio (2003; Bouckaert & Frank 2004 for repeats) multiply the variance of the splits'
    scores by 1 / splits + overlap. That variance has two parts, of which the larger one is known
    better than from a few splits:

    - Of the images scored. The variance of the images' means within their class, divided by the
      number of images, is what they add. It is counted twice, because the same images train the
      splits: as in the correction of Nadeau & Bengio, an image is taken to move the score by as
      much when it trains as when it is scored.
    - Of training: by how much more splits differ than their images explain. The factor remains.

    Both are at least zero, so that splits that agree by chance do not narrow the interval. Images
    of a group are drawn together, see `image_sampling`.

    Args:
        values: (splits, images), NaN where a split does not score an image.
        labels: class of each image, int (images,).
        overlap: images scored per image that may be trained on.
        level: coverage, in (0, 1).
        groups: see `evidence.Evidence`.
        worth: see `evidence.Evidence`.
    """
    estimate = float(np.nanmean(values, axis=1).mean())
    of_image = np.nanmean(values, axis=0)
    of_images, unseen = (
        [(2 * term, free) for term, free in part]
        for part in (
            variance_terms(of_image, labels, groups),
            _unseen(of_image, labels, groups, worth),
        )
    )
    of_training = training_variance(values, labels, overlap, groups)
    terms = [*of_images, (of_training, len(values) - 1)]
    return _student(estimate, terms, level, unseen=unseen)


def training_variance(
    values: np.ndarray, labels: np.ndarray, overlap: float, groups: np.ndarray | None
) -> float:
    """Return the variance that training adds to a mean over splits, see `cross_fitted`."""
    explained = []
    for own, scored in zip(values, np.isfinite(values), strict=True):
        of_split = None if groups is None else groups[scored]
        terms = variance_terms(own[scored], labels[scored], of_split)
        explained.append(sum(term for term, _ in terms))
    unexplained = np.nanmean(values, axis=1).var(ddof=1) - np.mean(explained)
    return (1 / len(values) + overlap) * max(float(unexplained), 0.0)


def _unseen(
    of_image: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray | None,
    worth: np.ndarray | None,
) -> Terms:
    """Return what classes without any difference may add to a variance, if that is known."""
    return [] if worth is None else image_sampling.unseen_terms(of_image, labels, groups, worth)


def _student(
    estimate: float, terms: Terms, level: float, variance: float = 0.0, unseen: Terms = ()
) -> Contrast:
    """Return an estimate with Student's t interval, with Satterthwaite's degrees of freedom.

    Args:
        estimate: the estimate.
        terms: parts of its variance, each with its degrees of freedom.
        level: coverage, in (0, 1).
        variance: of the estimate, if it is not the sum of the parts.
        unseen: parts that are added although the values do not show them; they never narrow the
            interval by adding degrees of freedom.
    """
    variance = variance or sum(term for term, _ in terms)
    if variance <= statistics.RESOLUTION**2:
        if not unseen:
            return statistics.untested(estimate)
        # All classes are without any difference, though not all have the same value.
        return statistics.student(
            estimate, sum(term for term, _ in unseen), satterthwaite(unseen), level
        )
    freedom = satterthwaite(terms, variance)
    if unseen:
        variance += sum(term for term, _ in unseen)
        freedom = min(freedom, satterthwaite([*terms, *unseen], variance))
    return statistics.student(estimate, variance, freedom, level)


def crossed(
    values: Sequence[np.ndarray],
    weights: Sequence[float],
    labels: np.ndarray,
    level: float = 0.95,
    groups: np.ndarray | None = None,
    worth: np.ndarray | None = None,
) -> Contrast:
    """Estimate a weighted sum of means over replicates and images, for new ones of both.

    For one group the variance is that of readers crossed with cases (Dorfman, Berbaum & Metz 1992;
    Gallas et al. 2009), V = (MS_replicates + MS_images - MS_error) / (replicates * images), where
    images vary within their class, since test sets are stratified. It is at least its largest
    single term. Degrees of freedom are Satterthwaite's. For several means, replicates and errors
    are independent, and the images are the same.

    Images of a group are drawn together, see `image_sampling`. The error is still that of single
    images: if replicates also differ in groups, too little is taken off, and the variance is rather
    too large.

    Args:
        values: one array (replicates, images) per mean, with the same images.
        weights: one per mean, not zero.
        labels: class of each image, int (images,).
        level: coverage, in (0, 1).
        groups: see `evidence.Evidence`.
        worth: see `evidence.Evidence`.
    """
    images = len(labels)
    means = [each.mean(axis=0) for each in values]
    of_image = np.sum([w * mean for w, mean in zip(weights, means, strict=True)], axis=0)
    estimate = float(of_image.mean())
    if any(len(each) < 2 for each in values):
        return statistics.untested(estimate)  # the spread of training is unknown
    of_images = variance_terms(of_image, labels, groups)
    unseen = _unseen(of_image, labels, groups, worth)
    of_replicates, of_errors = [], []
    for weight, each, mean in zip(weights, values, means, strict=True):
        replicates = len(each)
        rows = each.mean(axis=1)
        residuals = each - mean - (rows - rows.mean())[:, None]
        free = (replicates - 1) * (images - 1)
        error = weight**2 * np.square(residuals).sum() / free / (replicates * images)
        of_replicates.append((weight**2 * rows.var(ddof=1) / replicates, replicates - 1))
        of_errors.append((error, free))
    image_term, replicate_term, error_term = (
        sum(term for term, _ in part) for part in (of_images, of_replicates, of_errors)
    )
    variance = image_term + replicate_term - error_term
    if variance < max(image_term, replicate_term):
        largest: Terms = of_images if image_term > replicate_term else of_replicates
        return _student(estimate, largest, level, unseen=unseen)
    return _student(estimate, [*of_images, *of_replicates, *of_errors], level, variance, unseen)
