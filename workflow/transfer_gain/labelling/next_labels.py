"""The images to label next: ranked by the strategy that the replay recommends."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from transfer_gain.data import store
from transfer_gain.data.class_weights import NONE
from transfer_gain.labelling import probes, replay
from transfer_gain.labelling.replay import Images
from transfer_gain.labelling.strategies import BY_NAME, Pool, margins
from transfer_gain.seeds import generator

LISTED = 200  # images at most

COLUMNS = ["dataset", "backbone", "strategy", "rank", "path", "class", "probability", "margin"]
COLUMNS += ["unlabelled"]


def next_labels(
    images: Images,
    features: np.ndarray,
    paths: Sequence[str],
    strategy: str,
    classes: Sequence[str],
    penalties: Sequence[float],
    seed_names: tuple[int, str],
    class_weights: str = NONE,
) -> pd.DataFrame:
    """Return up to `LISTED` images to label, the first one first.

    Args:
        images: all labeled images.
        features: of the unlabelled images, (images, values).
        paths: their paths.
        strategy: name of the strategy that chooses.
        classes: names by label.
        penalties: of the linear probe, to choose from.
        seed_names: study seed and dataset.
        class_weights: see `loop.train`.

    Returns:
        Columns strategy, rank, path, class (the most probable one), its probability, margin (see
        `strategies.margins`) and unlabelled, the number of images that are chosen from.
    """
    rng = generator(*seed_names, "next labels", "chosen")
    with threadpool_limits(1):  # the last bits of a sum depend on the number of threads
        known = images.features, images.labels
        l2 = probes.penalty(*known, penalties, rng, class_weights)
        probe = probes.fit(*known, images.classes, l2, class_weights)
        probabilities = probe.probabilities(features)
        pool = Pool(probes.unit(images.features), probes.unit(features), probabilities)
        chosen = BY_NAME[strategy].choose(pool, LISTED, rng)
    best = probabilities[chosen].argmax(axis=1)
    return pd.DataFrame(
        {
            "strategy": strategy,
            "rank": np.arange(1, len(chosen) + 1),
            "path": np.asarray(paths, object)[chosen],
            "class": np.asarray(classes, object)[best],
            "probability": probabilities[chosen, best],
            "margin": margins(probabilities[chosen]),
            "unlabelled": len(features),
        }
    )


def next_labels_files(
    labelled: Path | str,
    unlabelled: Path | str,
    test: Path | str,
    *,
    dataset: str,
    backbone: str,
    penalties: Sequence[float],
    seed: int,
    class_weights: str = NONE,
) -> pd.DataFrame:
    """Return the images of a dataset to label next, reading files.

    Args:
        labelled: file of the features of the labeled images.
        unlabelled: file of the features of the unlabelled ones, from the same backbone.
        test: file of `replay.replay_files`.
        dataset: its name.
        backbone: its name.
        penalties: of the linear probe, to choose from.
        seed: the study's seed.
        class_weights: see `loop.train`.

    Returns:
        `COLUMNS`; no rows if there are no images to choose from.

    Raises:
        StoreError: an input is corrupt.
    """
    index = store.read_index(unlabelled)
    if index.empty:
        return pd.DataFrame(columns=COLUMNS)
    values = store.read_arrays(unlabelled)
    found = next_labels(
        replay.read(labelled),
        values.reshape(len(index), -1),
        index["image_id"].to_list(),
        replay.recommended(store.read_rows(test)),
        store.read_metadata(labelled)["classes"],
        penalties,
        (seed, dataset),
        class_weights,
    )
    return store.with_names(found, {"dataset": dataset, "backbone": backbone})[COLUMNS]
