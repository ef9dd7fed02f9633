"""Feature extraction: each image passes through a frozen network once."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from transfer_gain.data import augmentation, store
from transfer_gain.features import networks
from transfer_gain.features.frozen import BackboneError
from transfer_gain.processes import map_in_order
from transfer_gain.seeds import generator
from transfer_gain.training import devices
from transfer_gain.training.devices import tf

# Images that go through the network together: enough to use the processor fully, and few enough
# that a batch's activations (16 MB per image in VGG16) take tens of MB. Larger images are fewer.
BATCH = 32
LARGEST_OF_BATCH = 112  # pixels
# A single image takes a different code path and gives different bytes; two or more do not.
SMALLEST_BATCH = 2

log = logging.getLogger(__name__)


def batch_size(input_size: int) -> int:
    """Return how many images of a size go through a network together: a power of two.

    >>> batch_size(64), batch_size(224), batch_size(1024)
    (32, 8, 2)
    """
    images = BATCH
    while images > SMALLEST_BATCH and images * input_size**2 > BATCH * LARGEST_OF_BATCH**2:
        images //= 2
    return images


def in_memory(compute: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function of a network that reduces its batch size when memory runs out.

    It halves a batch that does not fit, down to `SMALLEST_BATCH`, and logs this. The bytes of an
    image's features do not depend on the batch size, as long as the image is not alone.

    Raises:
        BackboneError: (by the returned function) even the smallest batch does not fit.
    """
    largest = BATCH

    def features(images: np.ndarray) -> np.ndarray:
        nonlocal largest
        splits = len(images) >= 2 * SMALLEST_BATCH
        if len(images) <= largest or not splits:
            try:
                return compute(images)
            except (tf.errors.ResourceExhaustedError, MemoryError) as error:
                if not splits:
                    raise BackboneError(
                        f"memory: found too little for {len(images)} images at a time, expected "
                        "enough; give the job more memory, a smaller input_size or a smaller "
                        "backbone"
                    ) from error
                largest = min(largest, max(len(images) // 2, SMALLEST_BATCH))
                log.warning(
                    "not enough memory for %d images at a time: %d from now on",
                    *(len(images), largest),
                )
        half = len(images) // 2
        return np.concatenate([features(images[:half]), features(images[half:])])

    return features


@dataclass(frozen=True)
class Copies:
    """How images are augmented before they pass through a network.

    Attributes:
        count: copies of each image.
        ranges: ranges of the random changes, see `augmentation.draw_transforms`.
        dataset: name of the dataset, for the seeds.
    """

    count: int
    ranges: Mapping[str, Any]
    dataset: str


def extract(
    images: Path | str,
    weights: Path | str | None,
    output: Path | str,
    *,
    precision: str,
    threads: int,
    seed: int = 0,
    samples: Sequence[Path | str] = (),
    copies: Copies | None = None,
    shard: tuple[int, int] = (1, 1),
    **cut: Any,
) -> None:
    """Write the features of a file's images, holding only a few batches in memory.

    Each batch is computed by one thread, so the bytes do not depend on `threads`.

    Args:
        images: a file of images.
        weights: see `networks.open_network`.
        output: file of features to write; its metadata contain the resolved `precision`.
        precision: "float32", "bfloat16" or "auto" (see `devices.fastest_precision`).
        threads: batches computed in parallel.
        seed: seed of random weights and of augmented copies.
        samples: files of samples that limit the training images; empty for all images.
        copies: extract only augmented copies of the training images.
        shard: which part of the features to write, and the number of parts: (2, 4) is the second of
            four. Parts consist of whole row groups and are as equal as possible; some may be empty.
            `store.gather_arrays` joins them.
        cut: the other arguments of `networks.open_network`: architecture, layer, input_size and,
            unless they have no effect, pooling, mean and scale.

    Raises:
        StoreError: the images are corrupt.
        BackboneError: see `networks.open_network` and `in_memory`.
        NetworkFileError: see `networks.open_network`.
        SourceError: see `networks.open_network`.
    """
    resolved = devices.fastest_precision() if precision == "auto" else precision
    network = networks.open_network(weights=weights, precision=resolved, seed=seed, **cut)
    log.info("precision: %s (asked for: %s)", network.precision, precision)
    compute = in_memory(network.compute)
    index = store.read_index(images)
    rows = _wanted(index, samples, validation=copies is None)
    transforms = None
    if copies:
        transforms = _transforms(index["image_id"].iloc[rows], copies, seed)
        rows = rows.repeat(copies.count)

    def features(batch: tuple[np.ndarray, np.ndarray]) -> tuple[pd.DataFrame, np.ndarray]:
        numbers, pixels = batch
        if transforms is not None:
            pixels = augmentation.apply(pixels, transforms[numbers])
        return index.iloc[rows[numbers]], compute(pixels)

    begin, end = _bounds(len(rows), *shard)

    def progress() -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
        done = 0
        batches = _batches(images, rows, begin, end, batch_size(cut["input_size"]))
        for part, values in map_in_order(features, batches, threads):
            done += len(part)
            if done % (BATCH * 32) == 0 or done == end - begin:
                log.info("%d of %d images", done, end - begin)
            yield part, values

    store.write_arrays(
        output,
        "features",
        (network.width,),
        "<f4",
        progress(),
        {
            "classes": store.read_metadata(images)["classes"],
            **cut,
            "precision": network.precision,
            "random_weights": weights is None,
        },
    )


def _wanted(index: pd.DataFrame, samples: Sequence[Path | str], validation: bool) -> np.ndarray:
    """Return the numbers of the rows to extract, in file order."""
    training = (index["split"] == store.TRAINING).to_numpy()
    wanted = training | validation
    if samples:
        sampled = index["image_id"].isin(store.read_rows(samples)["image_id"]).to_numpy()
        wanted &= sampled | ~training
    return np.flatnonzero(wanted)


def _transforms(image_ids: pd.Series, copies: Copies, seed: int) -> np.ndarray:
    """Draw the changes of every image from its own seed, float32 (images * copies, 2, 3)."""
    return np.concatenate(
        [
            augmentation.draw_transforms(
                generator(seed, copies.dataset, image, "copies"), copies.count, **copies.ranges
            )
            for image in image_ids
        ]
    )


def _bounds(rows: int, number: int, count: int) -> tuple[int, int]:
    """Return the bounds of a shard. They fall on row groups, so that batches stay whole."""
    groups = -(-rows // store.ROWS_IN_GROUP)
    begin, end = (groups * shard // count for shard in (number - 1, number))
    return begin * store.ROWS_IN_GROUP, min(end * store.ROWS_IN_GROUP, rows)


def _batches(
    images: Path | str, rows: np.ndarray, begin: int, end: int, size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield positions in `rows` and their pixels, `size` at a time, reading row groups once."""
    for start in range(begin, end, store.ROWS_IN_GROUP):
        positions = np.arange(start, min(start + store.ROWS_IN_GROUP, end))
        pixels = store.read_arrays(images, rows[positions])
        for batch in range(0, len(positions), size):
            yield positions[batch : batch + size], pixels[batch : batch + size]
