"""From a source to a Parquet file of images, all of one size and split."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from . import store
from .sampling import draw_split, generator
from .sources import Item, Source

BATCH = 512

log = logging.getLogger(__name__)


def write_images(
    source: Source,
    output: Path | str,
    *,
    dataset: str,
    training_per_class: int,
    validation_per_class: int,
    image_size: int,
    study_seed: int,
) -> None:
    """Draw a dataset's training and validation images and write them, gray and of one size.

    Args:
        source: the dataset.
        output: file to write: image_id, split, label and pixels, uint8 (size, size, 1).
        dataset: its name, for the seed.
        training_per_class: images of each class to train on.
        validation_per_class: images of each class to validate on.
        image_size: side in pixels.
        study_seed: the study's seed.

    Raises:
        SourceError: a class has too few images, or one cannot be read.
    """
    chosen = draw_split(
        source.items,
        source.classes,
        training_per_class,
        validation_per_class,
        generator(study_seed, dataset, "split"),
    )
    store.write_arrays(
        output,
        "pixels",
        (image_size, image_size, 1),
        "|u1",
        _batches(source, chosen, image_size),
        {"classes": list(source.classes)},
    )


def to_gray(picture: np.ndarray, size: int) -> np.ndarray:
    """Return a picture in gray (ITU-R 601 luma) and resized (bilinear), uint8 (size, size, 1).

    Args:
        picture: uint8 (height, width) or (height, width, 3).
        size: side in pixels.
    """
    image = Image.fromarray(picture).convert("L")
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))[:, :, None]


def _batches(
    source: Source, chosen: Sequence[tuple[Item, str]], size: int
) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
    for start in range(0, len(chosen), BATCH):
        batch = chosen[start : start + BATCH]
        index = pd.DataFrame(
            {
                "image_id": [item.image_id for item, _ in batch],
                "split": [split for _, split in batch],
                "label": [item.label for item, _ in batch],
            }
        )
        yield index, np.stack([to_gray(source.read(item), size) for item, _ in batch])
        log.info("%d of %d images", start + len(batch), len(chosen))
