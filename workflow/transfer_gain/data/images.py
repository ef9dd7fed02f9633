"""Write a source's images to a Parquet file, in one shape and split into two sets."""

import logging
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np
import pandas as pd

from transfer_gain.data import store
from transfer_gain.data.fitting import Fit, fit
from transfer_gain.data.sources.base import Item, Source
from transfer_gain.data.splits import Unit, draw_split
from transfer_gain.processes import end_with
from transfer_gain.seeds import generator

BATCH = 512

log = logging.getLogger(__name__)
_source: Source  # of this process, see `_keep`


def write_images(
    source: Source,
    output: Path | str,
    *,
    dataset: str,
    training_per_class: int | None,
    validation_per_class: int | None,
    how: Fit,
    study_seed: int,
    unit: Unit = "image",
    cross_fitted: bool = False,
    processes: int = 1,
) -> None:
    """Draw a dataset's training and validation images and write them in one shape.

    Args:
        source: the dataset.
        output: file to write: image_id, split, label, group and pixels, uint8 (size, size, 1 or
            3).
        dataset: its name, for the seed.
        training_per_class: see `draw_split`.
        validation_per_class: see `draw_split`.
        how: the shape.
        study_seed: the study's seed.
        unit: see `draw_split`; groups are written if a split keeps them whole.
        cross_fitted: see `draw_split`.
        processes: number of processes, if the source supports several.

    Raises:
        SourceError: a class has too few images, or one cannot be read.
    """
    if unit == "group" and all(item.group is None for item in source.items):
        unit = "image"
    chosen = draw_split(
        source.items,
        source.classes,
        training_per_class,
        validation_per_class,
        generator(study_seed, dataset, "split"),
        unit,
        source.duplicates,
        cross_fitted,
    )
    store.write_arrays(
        output,
        "pixels",
        how.shape,
        "|u1",
        _batches(source, chosen, how, processes if source.forkable else 1, unit == "group"),
        {
            "classes": list(source.classes),
            "resize": how.resize,
            "skipped": source.skipped,
            "notes": [(note,) for note in source.notes],
            "near_copies": source.near_copies,
        },
    )


def _batches(
    source: Source, chosen: Sequence[tuple[Item, str]], how: Fit, processes: int, grouped: bool
) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
    items = [item for item, _ in chosen]
    index = pd.DataFrame(
        {
            "image_id": [item.image_id for item in items],
            "split": [split for _, split in chosen],
            "label": [item.label for item in items],
            "group": [item.group if grouped else None for item in items],
        }
    )
    for start, pictures in zip(
        range(0, len(items), BATCH), _pictures(source, items, how, processes), strict=True
    ):
        yield index[start : start + BATCH], pictures
        log.info("%d of %d images", start + len(pictures), len(items))


def _pictures(
    source: Source, items: Sequence[Item], how: Fit, processes: int
) -> Iterator[np.ndarray]:
    """Yield batches of pictures, uint8 (images, size, size, 1 or 3)."""
    batches = [items[start : start + BATCH] for start in range(0, len(items), BATCH)]
    if processes == 1:
        _keep(source)
        yield from map(_read, batches, repeat(how))
        return
    # Forked processes inherit the source and its items, which would be slow to pickle.
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(processes, context, _begin, (source, os.getpid())) as pool:
        yield from pool.map(_read, batches, repeat(how))


def _begin(source: Source, parent: int) -> None:
    """Initialize a worker process."""
    end_with(parent)
    _keep(source)


def _keep(source: Source) -> None:
    """Set the source that this process reads from."""
    global _source
    _source = source


def _read(items: Sequence[Item], how: Fit) -> np.ndarray:
    return np.stack([fit(_source.read(item), how, white=65535) for item in items])
