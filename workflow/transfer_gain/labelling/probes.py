"""The linear probe by which strategies choose: fitted to few labels, many times."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import StratifiedKFold

from transfer_gain.data.class_weights import BALANCED, NONE, balanced
from transfer_gain.methods import linear_probe

# Parts of the labeled images, each predicted once by the others, to choose a penalty.
FOLDS = 3
LEAST = 1e-12  # probability, so that its logarithm is finite


class Probe(NamedTuple):
    """A linear probe that knows all classes, also those of which it has seen no image."""

    fitted: linear_probe.Probe
    classes: int
    l2: float
    class_weights: str

    def refitted(self, features: np.ndarray, labels: np.ndarray) -> "Probe":
        """Return a probe that is fitted to other images in the same way."""
        return fit(features, labels, self.classes, self.l2, self.class_weights)

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Return the probability of each class, float64 (images, classes)."""
        found = np.zeros((len(features), self.classes))
        found[:, self.fitted.seen] = np.exp(self.fitted.log_probabilities(features))
        return found


def fit(
    features: np.ndarray, labels: np.ndarray, classes: int, l2: float, class_weights: str = NONE
) -> Probe:
    """Fit a probe, see `linear_probe.solve`.

    Args:
        features: (images, values).
        labels: int (images,), two classes or more among them.
        classes: number of classes.
        l2: weight of the penalty, > 0.
        class_weights: see `loop.train`.
    """
    [fitted] = linear_probe.solve(features, labels, [l2], class_weights)
    return Probe(fitted, classes, l2, class_weights)


def penalty(
    features: np.ndarray,
    labels: np.ndarray,
    penalties: Sequence[float],
    rng: np.random.Generator,
    class_weights: str = NONE,
) -> float:
    """Return the penalty with the least cross-entropy on images that a probe was not fitted to.

    Images count in it as in fitting. If a class has a single image, nothing can be left out: the
    strongest penalty is taken.

    Args:
        features: (images, values).
        labels: int (images,), two classes or more among them.
        penalties: values to choose from, > 0.
        rng: divides the images.
        class_weights: see `loop.train`.
    """
    ordered = sorted(penalties, reverse=True)
    _, labels, counts = np.unique(labels, return_inverse=True, return_counts=True)
    folds = min(FOLDS, int(counts.min()))
    if folds < 2 or len(ordered) == 1:
        return ordered[0]
    divide = StratifiedKFold(folds, shuffle=True, random_state=int(rng.integers(2**31)))
    parts = list(divide.split(features, labels))
    weights = balanced(counts) if class_weights == BALANCED else np.ones(len(counts))
    losses = np.zeros(len(ordered))
    for fitted, left_out in parts:
        solved = linear_probe.solve(features[fitted], labels[fitted], ordered, class_weights)
        truth = labels[left_out]
        for place, probe in enumerate(solved):
            logarithms = probe.log_probabilities(features[left_out])
            losses[place] -= (weights[truth] * logarithms[np.arange(len(truth)), truth]).sum()
    return ordered[int(np.argmin(losses))]


def compact(features: np.ndarray) -> np.ndarray:
    """Return features with as few values per image as there are images, or fewer.

    Inner products stay, and with them distances and all that a probe predicts, if its penalty is
    multiplied by `values / former values`: `linear_probe.solve` divides by a mean over values.

    Args:
        features: (images, values).

    Returns:
        float64 (images, the smaller of images and values).
    """
    values = np.asarray(features, np.float64)
    return values if values.shape[1] <= len(values) else linear_probe.span(values)[0]


def unit(features: np.ndarray) -> np.ndarray:
    """Return features scaled to length 1 each, as distances are measured."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.maximum(lengths, 1e-12)
