"""ImageNet weights of keras.applications, fetched through Keras."""

from pathlib import Path

from transfer_gain.features.frozen import BackboneError
from transfer_gain.training import devices  # noqa: F401  (sets TensorFlow up before Keras)

import keras  # isort: skip


def fetch_weights(architecture: str, output: Path | str) -> None:
    """Download a network's ImageNet weights through Keras, which verifies them, and save them.

    Raises:
        BackboneError: the download failed; the message explains the manual way.
    """
    try:
        network = getattr(keras.applications, architecture)(include_top=False, weights="imagenet")
    except Exception as error:  # Keras raises a bare Exception if a download fails
        raise BackboneError(
            f"the ImageNet weights of {architecture}: {error}. Download the file at that address "
            "(*_notop.h5) on another machine and set the backbone's `weights:` to its path"
        ) from error
    partial = Path(output).with_name(f"partial.{Path(output).name}")  # Keras requires the suffix
    network.save_weights(partial)
    partial.replace(output)
