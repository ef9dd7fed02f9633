"""Try each strategy on images whose labels are known, against choosing at random.

The labeled images play the unlabelled ones. In each of many splits, some are held out to score on,
whole groups of them if there are groups. A small part of the others begins as labeled; a strategy
then chooses batch after batch from the rest, whose labels it does not see before it has chosen.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from transfer_gain.data import splits, store
from transfer_gain.data.class_weights import NONE
from transfer_gain.evaluation import evidence
from transfer_gain.evaluation.evidence import Evidence
from transfer_gain.labelling import probes
from transfer_gain.labelling.probes import Probe
from transfer_gain.labelling.strategies import RANDOM, STRATEGIES, Pool, Strategy
from transfer_gain.metrics import Metric, Predictions
from transfer_gain.seeds import generator

REPEATS, FOLDS = 5, 4  # each image is held out once per repeat: 20 splits
START = 0.3  # share of a split's images that begins as labeled
BATCH = 0.1  # share that is labeled at a time
BATCHES = 4
# The mean over so many random choices is what strategies are compared with.
RANDOM_CHOICES = 3
MAX_IMAGES = 1000  # more take long and make intervals no more honest
ALL = "all"  # the `batch` of the mean over batches, by which a strategy is judged
LEVEL = 0.95

COLUMNS = {
    **dict.fromkeys(["strategy", "batch"], "str"),
    **dict.fromkeys(["labels", "score", "score_low", "score_high"], "float64"),
    **dict.fromkeys(["difference", "low", "high", "p_value"], "float64"),
    "helps": "boolean",
    **dict.fromkeys(["splits", "images"], "int64"),
}


class Images(NamedTuple):
    """Labeled images.

    Attributes:
        features: (images, values).
        labels: int (images,).
        groups: number of each image's group, int (images,).
        classes: number of classes.
    """

    features: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    classes: int


def read(features: Path | str, rng: np.random.Generator | None = None) -> Images:
    """Read the labeled images of a file of features, but those that it came with for testing.

    Args:
        features: file of a dataset's features.
        rng: chooses `MAX_IMAGES` of them, of each class the same share; None for all.

    Raises:
        StoreError: the file is corrupt.
    """
    index = store.read_index(features)
    rows = np.flatnonzero(index["split"] != store.TEST)
    if rng is not None and len(rows) > MAX_IMAGES:
        rows = np.sort(_shares(index["label"].to_numpy()[rows], MAX_IMAGES, rng, rows))
    values = store.read_arrays(features, rows)
    return Images(
        values.reshape(len(rows), -1),
        index["label"].to_numpy(np.int64)[rows],
        splits.group_numbers(index["group"].iloc[rows].reset_index(drop=True)),
        len(store.read_metadata(features)["classes"]),
    )


def replay(
    images: Images,
    metric: Metric,
    penalties: Sequence[float],
    seed_names: tuple[int, str],
    strategies: Sequence[Strategy] = STRATEGIES,
    class_weights: str = NONE,
) -> pd.DataFrame:
    """Try each strategy in every split and compare it with choosing at random.

    Differences are means over splits with the interval of cross-fitting (`evidence.cross_fitted`),
    in the metric, such that more is better. A strategy is judged by its mean difference over all
    batches. As several are, their intervals are wider (Bonferroni): with a probability of 95 % all
    of them hold.

    Args:
        images: labeled images.
        metric: the metric that is compared.
        penalties: of the linear probe, to choose from.
        seed_names: study seed and dataset.
        strategies: the first is what the others are compared with.
        class_weights: see `loop.train`.

    Returns:
        `COLUMNS`, one row per strategy and batch ("0" for the start, "1", …, and `ALL`); `labels`
        is the mean number of labeled images. `helps` is of rows `ALL`: whether the interval lies
        above zero. There are no rows if the images cannot be divided.
    """
    reference = strategies[0]
    with threadpool_limits(1):  # the last bits of a sum depend on the number of threads
        found = _of_splits(images, metric, penalties, seed_names, strategies, class_weights)
    if found is None:
        return pd.DataFrame(columns=list(COLUMNS)).astype(COLUMNS)
    values, labels_at = found
    level = 1 - (1 - LEVEL) / max(len(strategies) - 1, 1)
    rows = []
    for strategy in strategies:
        for batch in [*range(BATCHES + 1), ALL]:
            own, other = (
                _evidence(_at(values[each.name], batch), images) for each in (strategy, reference)
            )
            score, score_low, score_high = evidence.mean_interval(own, metric)
            row = {
                "strategy": strategy.name,
                "batch": str(batch),
                "labels": labels_at[1:].mean() if batch == ALL else labels_at[int(batch)],
                "score": score,
                "score_low": score_low,
                "score_high": score_high,
                "splits": len(own.scores),
                "images": len(images.labels),
            }
            if strategy is not reference and batch != 0:
                gain = evidence.contrast([evidence.gain(own, other, metric)], [1], level)
                p_value = 2 * (len(strategies) - 1) * min(gain.p_less, gain.p_greater)
                row |= {"difference": gain.estimate, "low": gain.low, "high": gain.high}
                row |= {"p_value": min(p_value, 1.0) if np.isfinite(p_value) else np.nan}
                row |= {"helps": bool(gain.low > 0)} if batch == ALL else {}
            rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def recommended(test: pd.DataFrame) -> str:
    """Return the strategy to choose by: of those that help the one that helps most, or random.

    Args:
        test: rows of `replay` of one dataset.
    """
    helping = test[test["helps"].fillna(False).astype(bool)]
    if helping.empty:
        return RANDOM.name
    return str(helping.loc[helping["difference"].idxmax(), "strategy"])


def _of_splits(
    images: Images,
    metric: Metric,
    penalties: Sequence[float],
    seed_names: tuple[int, str],
    strategies: Sequence[Strategy],
    class_weights: str,
) -> tuple[dict[str, np.ndarray], np.ndarray] | None:
    """Return the values of the metric, and the mean labels after each batch; None without splits.

    Values are (splits, batches + 1, images) by strategy, NaN where an image is not held out.
    """
    values = probes.compact(images.features)
    former = images.features.shape[1]
    penalties = [l2 * values.shape[1] / former for l2 in penalties]
    images = images._replace(features=values)
    found: dict[str, list[np.ndarray]] = {strategy.name: [] for strategy in strategies}
    labels_at = []
    for number, held_out in enumerate(_held_out(images, seed_names)):
        rng = generator(*seed_names, "next labels", number)
        training = np.flatnonzero(~held_out)
        shares = np.bincount(images.labels[training])
        if np.count_nonzero(shares) < 2:
            return None
        start = _shares(images.labels[training], round(START * len(training)), rng, training)
        features, labels = images.features[start], images.labels[start]
        l2 = probes.penalty(features, labels, penalties, rng, class_weights)
        step = max(1, round(BATCH * len(training)))
        sizes = [min(len(start) + n * step, len(training)) for n in range(BATCHES + 1)]
        probe = probes.fit(features, labels, images.classes, l2, class_weights)
        for strategy in strategies:
            times = RANDOM_CHOICES if strategy is strategies[0] else 1
            tries = [
                _course(images, held_out, start, probe, sizes, metric, strategy, rng)
                for _ in range(times)
            ]
            found[strategy.name].append(np.mean(tries, axis=0))
        labels_at.append(sizes)
    if not labels_at:
        return None
    return {name: np.stack(each) for name, each in found.items()}, np.mean(labels_at, axis=0)


def _course(
    images: Images,
    held_out: np.ndarray,
    start: np.ndarray,
    probe: Probe,
    sizes: Sequence[int],
    metric: Metric,
    strategy: Strategy,
    rng: np.random.Generator,
) -> np.ndarray:
    """Label batch after batch, until there are so many labels as each of `sizes`.

    The first of `sizes` is that of the start, which `probe` was fitted to.

    Returns:
        The values of the metric, (sizes, images), NaN for what is not held out.
    """
    features, labels = images.features, images.labels
    of_length_1 = probes.unit(features)
    labelled = start
    scores = np.full((len(sizes), len(labels)), np.nan)
    scores[0, held_out] = _values(probe, features[held_out], labels[held_out], metric)
    for batch, size in enumerate(sizes[1:], 1):
        rest = np.setdiff1d(np.flatnonzero(~held_out), labelled)
        pool = Pool(of_length_1[labelled], of_length_1[rest], probe.probabilities(features[rest]))
        labelled = np.append(labelled, rest[strategy.choose(pool, size - len(labelled), rng)])
        probe = probe.refitted(features[labelled], labels[labelled])
        scores[batch, held_out] = _values(probe, features[held_out], labels[held_out], metric)
    return scores


def _values(probe: Probe, features: np.ndarray, labels: np.ndarray, metric: Metric) -> np.ndarray:
    """Return the value of the metric for each image, (images,)."""
    probabilities = probe.probabilities(features)
    true = probabilities[np.arange(len(labels)), labels]
    losses = -np.log(np.maximum(true, probes.LEAST))
    predicted = Predictions(
        labels, probabilities.argmax(axis=1)[None], losses[None], probabilities[None]
    )
    return metric.values(predicted)[0]


def _held_out(images: Images, seed_names: tuple[int, str]) -> list[np.ndarray]:
    """Return which images are held out in each split, bool (images,)."""
    largest_class = int(np.bincount(images.labels).max())
    folds = min(FOLDS, len(np.unique(images.groups)), largest_class)
    if folds < 2:
        return []
    found = []
    for repeat in range(REPEATS):
        rng = generator(*seed_names, "next labels", "folds", repeat)
        fold = splits.group_folds(images.labels, images.groups, folds, rng)
        found += [fold == number for number in range(folds) if (fold == number).any()]
    return found


def _shares(
    labels: np.ndarray, count: int, rng: np.random.Generator, rows: np.ndarray
) -> np.ndarray:
    """Draw about so many rows, of each class the same share, and at least one of each.

    Args:
        labels: class of each row, int (rows,).
        count: how many are wanted.
        rng: random generator.
        rows: what is drawn from, (rows,).
    """
    order = rng.permutation(len(labels))
    place = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        place[members] = np.arange(len(members))
    wanted = np.maximum(1, np.round(np.bincount(labels) * count / len(labels)))
    return rows[place < wanted[labels]]


def _at(values: np.ndarray, batch: int | str) -> np.ndarray:
    """Return the values after a batch, or the mean over all batches, (splits, images)."""
    return values[:, 1:].mean(axis=1) if batch == ALL else values[:, int(batch)]


def _evidence(values: np.ndarray, images: Images) -> Evidence:
    """Return what values show, as evidence of cross-fitting."""
    folds = round(1 / np.isfinite(values).mean())
    return Evidence(
        pd.Series(np.nanmean(values, axis=1)),
        values,
        images.labels,
        overlap=1 / max(folds - 1, 1),
        images=len(images.labels),
        groups=images.groups,
    )


def replay_files(
    features: Path | str,
    output: Path | str,
    *,
    dataset: str,
    backbone: str,
    metric: Metric,
    penalties: Sequence[float],
    seed: int,
    class_weights: str = NONE,
) -> None:
    """Replay a dataset's labels, reading and writing files.

    Args:
        features: file of the dataset's features.
        output: file to write: rows of `replay` with dataset and backbone.
        dataset: its name.
        backbone: whose features they are.
        metric: the metric that is compared.
        penalties: of the linear probe, to choose from.
        seed: the study's seed.
        class_weights: see `loop.train`.

    Raises:
        StoreError: an input is corrupt.
    """
    images = read(features, generator(seed, dataset, "next labels", "images"))
    rows = replay(images, metric, penalties, (seed, dataset), class_weights=class_weights)
    store.write_rows(
        store.with_names(rows, {"dataset": dataset, "backbone": backbone}).astype(
            {"dataset": "str", "backbone": "str"}
        ),
        output,
    )
