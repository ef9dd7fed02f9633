"""A small Keras network for tests of models."""

from pathlib import Path


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
