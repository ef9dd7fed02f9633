"""A small Keras network for tests of models, and a study of own images with it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

# For `pictures.make_own_images` in `mine` and the network in `small.keras`.
STUDY = {
    "metric": "auto",
    "datasets": {"mine": {"source": "folder", "path": "mine", "on_bad_image": "skip"}},
    "backbones": {
        "small": {"architecture": "keras-file", "weights": "small.keras", "input_size": 32}
    },
    "cross_fitting": {"folds": 3, "repeats": 1},
    "fractions": [{"fraction": 1, "replicates": 1}],
    "heads": {
        "layers": [[10]],
        "activations": ["elu"],
        "learning_rates": [0.01],
        "batch_size": 10,
        "min_updates": 40,
    },
    "long_runs": {"fractions": []},
    "linear_probe": {"max_fraction": 1, "l2": [0.001]},
}


def save_small_keras(path: Path) -> None:
    """Save a network of two convolutions and the mean of its places, for 32 pixels."""
    # Only the tests that need it wait for TensorFlow.
    from transfer_gain.training.devices import tf  # noqa: F401  (sets Keras up)

    import keras  # isort: skip

    keras.utils.set_random_seed(0)
    inputs = keras.Input((32, 32, 3))
    values = keras.layers.Rescaling(1 / 255)(inputs)
    values = keras.layers.Conv2D(6, 3, strides=2, activation="relu", name="first")(values)
    values = keras.layers.Conv2D(8, 3, strides=2, activation="relu", name="second")(values)
    keras.Model(inputs, values).save(path)


def extracted(
    pictures: np.ndarray, cut: Mapping[str, Any], weights: Path | str, **_: Any
) -> np.ndarray:
    """Return the features of pictures as a study extracts them, for tests of its model."""
    from transfer_gain.features import networks

    return networks.open_network(weights=weights, precision="float32", **cut).compute(pictures)
