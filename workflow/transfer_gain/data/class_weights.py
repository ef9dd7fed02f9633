"""How much the images of each class count in training."""

import numpy as np

# Values of the config's `class_weights`.
NONE, BALANCED = "none", "balanced"


def balanced(counts: np.ndarray) -> np.ndarray:
    """Return the weights with which all classes of a sample count equally: n / (k n_c).

    That is n images over k classes times the n_c images of the class, as scikit-learn has it
    (`class_weight="balanced"`, after King & Zeng 2001). The weights of all images average 1.

    Args:
        counts: images of each class, (classes,).

    Returns:
        float64 (classes,); zero for a class that the sample does not have, which k leaves out.
    """
    weights = counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return np.where(counts, weights, 0.0)
