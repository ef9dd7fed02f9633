"""Read the unlabelled images of a dataset, and extract their features."""

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from transfer_gain.data import store
from transfer_gain.data.fitting import Fit
from transfer_gain.data.sources.fitted_pictures import FittedPictures
from transfer_gain.features import extraction
from transfer_gain.labelling.unlabelled_reasons import COPY, LABELLED
from transfer_gain.predict.pictures import fitted
from transfer_gain.printable import printable

AT_ONCE = 64  # images
UNLABELLED = "unlabelled"  # the `split` of these images; their label is -1

SKIPPED = ["dataset", "path", "reason"]

log = logging.getLogger(__name__)


def read_files(
    path: Path | str,
    labelled: Path | str,
    images: Path | str,
    skipped: Path | str,
    *,
    dataset: str,
    how: Fit,
    threads: int = 1,
) -> None:
    """Write the usable images of a folder or archive, in the shape of the labeled ones.

    Decoding, limits and what is passed over are those of `predict.pictures`. Files that cannot be
    read never stop the others. Images with the same pixels as a labeled one are left out, and of
    several with the same pixels all but the first by name. Pixels are compared in the shape in
    which the backbone sees them.

    Args:
        path: the folder or archive.
        labelled: file of the labeled images, in the same shape.
        images: file of images to write.
        skipped: file to write: `SKIPPED` of each file that is left out, sorted.
        dataset: name of the dataset.
        how: the shape to which every picture is brought.
        threads: pictures decoded in parallel.

    Raises:
        SourceError: the path cannot be read, or there are no files in it.
        StoreError: the labeled images are corrupt.
    """
    known = _digests_of(labelled)
    with fitted(path, how, threads) as (pictures, names, bad):
        kept, left_out = _usable(pictures, names, known)
        problems = sorted(
            (dataset, printable(name), printable(reason)) for name, reason in [*bad, *left_out]
        )
        log.info("%d images, %d used, %d left out", len(names) + len(bad), len(kept), len(problems))

        def batches() -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
            for start in range(0, len(kept), AT_ONCE):
                some = kept[start : start + AT_ONCE]
                index = pd.DataFrame(
                    {"image_id": list(map(printable, some)), "split": UNLABELLED, "label": -1}
                ).astype({"label": np.int32})
                yield index, np.stack([pictures[name] for name in some])

        about = {"classes": store.read_metadata(labelled)["classes"]}
        store.write_arrays(images, "pixels", how.shape, "|u1", batches(), about)
    store.write_rows(pd.DataFrame(problems, columns=SKIPPED, dtype="str"), skipped)


def extract_files(
    path: Path | str,
    labelled: Path | str,
    outputs: Mapping[str, Path | str],
    *,
    dataset: str,
    how: Fit,
    weights: Path | str | None,
    cut: Mapping[str, Any],
    precision: str,
    threads: int = 1,
) -> None:
    """Read unlabelled images and extract their features, as those of the labeled ones.

    Args:
        path: the folder or archive.
        labelled: file of the labeled images that pass through the same backbone.
        outputs: files to write: images, skipped and features.
        dataset: name of the dataset.
        how: how the dataset's pictures are brought to one shape, at any size.
        weights: file of the backbone's weights.
        cut: see `extraction.extract`.
        precision: see `extraction.extract`.
        threads: pictures decoded, and batches computed, in parallel.

    Raises:
        BackboneError: see `extraction.extract`.
        SourceError: see `read_files`.
        StoreError: an input is corrupt.
    """
    side = store.read_metadata(labelled)["shape"][0]
    read_files(
        path,
        labelled,
        outputs["images"],
        outputs["skipped"],
        dataset=dataset,
        how=how._replace(size=side),
        threads=threads,
    )
    extraction.extract(
        outputs["images"],
        weights,
        outputs["features"],
        **cut,
        precision=precision,
        threads=threads,
        seed=0,  # nothing is drawn: the backbone is trained
    )


def _digests_of(images: Path | str) -> set[bytes]:
    """Return the digests of the pixels of a file's images."""
    count = len(store.read_index(images))
    found: set[bytes] = set()
    for start in range(0, count, store.ROWS_IN_GROUP):
        rows = np.arange(start, min(start + store.ROWS_IN_GROUP, count))
        found |= {_digest(image) for image in store.read_arrays(images, rows)}
    return found


def _usable(
    pictures: FittedPictures, names: Sequence[str], known: set[bytes]
) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the names of images to choose from, and why the others are left out."""
    first_of: dict[bytes, str] = {}
    left_out = []
    for name in sorted(names):
        digest = _digest(pictures[name])
        if digest in known:
            left_out.append((name, LABELLED))
        elif digest in first_of:
            left_out.append((name, f"{COPY}{first_of[digest]}"))
        else:
            first_of[digest] = name
    return list(first_of.values()), left_out


def _digest(image: np.ndarray) -> bytes:
    return hashlib.sha256(image.tobytes()).digest()
