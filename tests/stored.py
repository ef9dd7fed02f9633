"""Small files of the store, and damage to them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from transfer_gain.data import store

METADATA = {"classes": ["kurta", "été"], "precision": "float32"}
READERS = {
    "read_metadata": store.read_metadata,
    "read_index": store.read_index,
    "read_arrays": store.read_arrays,
}
RUNS = pd.DataFrame(
    {
        "layers": ["100-50", "100"],
        "learning_rate": [0.1 + 0.2, 1e-05],
        "replicate": np.array([0, 1], np.int32),
        "validation_accuracy": [1 / 3, 0.75],
    }
)


def make_index(rows: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "image_id": [f"image {row}" for row in range(rows)],
            "split": [("training", "validation")[row % 3 == 0] for row in range(rows)],
            "label": np.arange(rows, dtype=np.int32) % 7,
        }
    )


def make_arrays(rows: int, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Random bits, so that every value of the type, NaN and infinity included, turns up."""
    rng = np.random.default_rng(rows)
    count = rows * int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer(rng.bytes(count), dtype).reshape(rows, *shape)


def batches_of(
    index: pd.DataFrame, arrays: np.ndarray, size: int
) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
    for start in range(0, len(index), size):
        yield index.iloc[start : start + size], arrays[start : start + size]


def write(path: Path, rows: int = 40, shape=(2, 3), dtype: str = "|u1", size: int = 16) -> Path:
    pairs = batches_of(make_index(rows), make_arrays(rows, shape, dtype), size)
    store.write_arrays(path, "pixels", shape, dtype, pairs, METADATA)
    return path


def write_sparse(path: Path) -> Path:
    """Write mostly zeros, as features are, which are compressed, unlike random bits."""
    arrays = np.maximum(np.random.default_rng(1).normal(-1.2, 1, (5, 80)), 0).astype("<f4")
    store.write_arrays(path, "pixels", (80,), "<f4", [(make_index(5), arrays)], METADATA)
    return path


def with_a_flipped_bit(content: bytes) -> Iterator[bytes]:
    """Give the content with a bit of each byte flipped in turn."""
    for position in range(len(content)):
        flipped = bytearray(content)
        flipped[position] ^= 1 << position % 8
        yield bytes(flipped)


def read_everything(path: Path) -> tuple:
    return store.read_metadata(path), store.read_index(path), store.read_arrays(path)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
