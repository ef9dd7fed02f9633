"""The doors by which networks come: a name in keras.applications, a Keras file, an ONNX file."""

from collections.abc import Callable, Sequence
from pathlib import Path

from transfer_gain.config.networks import APPLICATIONS, KERAS_FILE, ONNX_FILE
from transfer_gain.features import keras_networks, onnx_networks
from transfer_gain.features.frozen import Frozen

# A new kind of network is a name in `config.networks` and its function here.
DOORS: dict[str, Callable[..., Frozen]] = {
    **dict.fromkeys(APPLICATIONS, keras_networks.open_network),
    KERAS_FILE: keras_networks.open_network,
    ONNX_FILE: onnx_networks.open_network,
}


def open_network(
    architecture: str,
    weights: Path | str | None,
    layer: str,
    input_size: int,
    precision: str,
    seed: int = 0,
    pooling: str = "none",
    mean: Sequence[float] | None = None,
    scale: Sequence[float] | None = None,
) -> Frozen:
    """Return a frozen network, from images to features.

    Args:
        architecture: a name in `DOORS`.
        weights: file of the weights without the top, or of the network; None for random weights.
        layer: where the network is cut; "last" for the last layer before the top, or of a file.
        input_size: side of the input in pixels.
        precision: "float32" or "bfloat16"; networks that come as files compute as they were saved.
        seed: seed of random weights.
        pooling: "none" flattens, "avg" and "max" keep one number per channel.
        mean: see `frozen.scaled`; only for networks that come as files.
        scale: see `frozen.scaled`.

    Raises:
        BackboneError: the network has no such layer, the weights belong to another, or it cannot
            be run.
        NetworkFileError: the file is no network of images, holds code or refers to other files.
        SourceError: the weight file is corrupt.
    """
    return DOORS[architecture](
        architecture, weights, layer, input_size, precision, seed, pooling, mean, scale
    )
