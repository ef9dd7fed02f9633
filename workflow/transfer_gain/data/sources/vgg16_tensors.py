"""VGG16's convolutional base, trained on ImageNet: 13 layers, 14,714,688 parameters."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from transfer_gain.data.sources.base import SourceError

FILE = "vgg16-imagenet.npz"
LAYERS = tuple(
    f"block{block}_conv{conv}"
    for block, convs in enumerate((2, 2, 3, 3, 3), start=1)
    for conv in range(1, convs + 1)
)
PARAMETERS = 14_714_688
DIGEST = "320e3b7cd884662671f3b9c981c0b7d66b4cab7bf5ce3f82a388982b9002120c"


def weights_digest(weights: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 over names and little-endian float32 bytes, sorted by name.

    Args:
        weights: arrays by names such as "block1_conv1/kernel" (HWIO) and "block1_conv1/bias".
    """
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(weights[name].astype("<f4").tobytes())
    return digest.hexdigest()


def load(path: Path, digest: str = DIGEST) -> dict[str, np.ndarray]:
    """Load the weights that `fetch` stored.

    Args:
        path: the npz file.
        digest: what `weights_digest` must give.

    Returns:
        For each of `LAYERS`, float32: "<layer>/kernel" (3, 3, in, out) and "<layer>/bias" (out,).

    Raises:
        SourceError: the file is missing or corrupt, or holds other weights.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            weights = dict(stored)
    except Exception as error:  # zipfile and numpy raise many types for a corrupt file
        raise SourceError(f"{path} cannot be read as VGG16 weights: {error}") from error
    found = weights_digest(weights)
    if found != digest:
        raise SourceError(f"{path} holds weights with digest {found}, expected {digest}")
    return weights
