"""How long a run trains, and after which of its epochs it is evaluated."""

import math

import numpy as np

# Scoring 7,000 validation images costs more than training on 42, so each run is scored this often.
EVALUATIONS = 5
EVALUATIONS_TO_STOP_AT = 10  # of a run that may end early

# When a run is evaluated.
SPARSELY, EVERY_EPOCH, LAST_FIFTH = "sparsely", "every-epoch", "last-fifth"


def training_epochs(epochs: int, min_updates: int, batches_per_epoch: int) -> int:
    """Return the number of epochs: `epochs`, or more if `min_updates` requires it."""
    return max(epochs, math.ceil(min_updates / batches_per_epoch))


def training_updates(images: int, batch_size: int, epochs: int, min_updates: int) -> int:
    """Return the number of updates of a run on the given number of images."""
    batches_per_epoch = -(-images // min(batch_size, images))
    return batches_per_epoch * training_epochs(epochs, min_updates, batches_per_epoch)


def evaluation_epochs(epochs: int, landmark: int, evaluations: int = EVALUATIONS) -> list[int]:
    """Return the epochs after which a run is evaluated: evenly spread, the last and a landmark.

    Args:
        epochs: length of the run.
        landmark: an epoch to include for any length, such as the 2018 paper's 20.
        evaluations: approximate number of evaluations.
    """
    spread = np.linspace(epochs / evaluations, epochs, evaluations)
    rounded = {max(1, round(epoch)) for epoch in spread}
    return sorted(rounded | {epochs} | {min(landmark, epochs)})


def before_last_fifth(epochs: int) -> int:
    """Return the last epoch before the last fifth of a run, rounded as evaluations are."""
    return max(min(round(0.8 * epochs), epochs - 1), 1)


def epochs_evaluated(evaluate: str, length: int, landmark: int, evaluations: int) -> list[int]:
    """Return the epochs after which a run is evaluated, ascending; the last is among them.

    Args:
        evaluate: `SPARSELY`, after `EVERY_EPOCH`, or before and after the `LAST_FIFTH`.
        length: epochs of the run.
        landmark: see `evaluation_epochs`; for `SPARSELY`.
        evaluations: see `evaluation_epochs`; for `SPARSELY`.

    Raises:
        ValueError: if `evaluate` is none of these.
    """
    if evaluate == SPARSELY:
        return evaluation_epochs(length, landmark, evaluations)
    if evaluate == EVERY_EPOCH:
        return list(range(1, length + 1))
    if evaluate == LAST_FIFTH:
        return sorted({before_last_fifth(length), length})
    raise ValueError(f"unknown schedule of evaluations: {evaluate}")
