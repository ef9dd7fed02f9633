"""The images of one-shot learning: what an approach trains on, and the tests drawn for it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from transfer_gain.data import store
from transfer_gain.data.sampling import groups_of, has_test_images
from transfer_gain.data.sources.base import SourceError
from transfer_gain.few_shot.tasks import (
    ALL,
    CANDIDATES,
    SEEN,
    UNSEEN,
    Episodes,
    Tasks,
    draw_episodes,
    draw_tasks,
)
from transfer_gain.seeds import generator


class Pool(NamedTuple):
    """The test images of one replicate, from the target dataset.

    Attributes:
        features: float32 (images, features).
        labels: int32 (images,).
        image_ids: str (images,).
        classes: groups of classes that tasks draw from: name to labels.
        groups: int64 (images,), number of each image's group.
    """

    features: np.ndarray
    labels: np.ndarray
    image_ids: np.ndarray
    classes: Mapping[str, np.ndarray]
    groups: np.ndarray


class Evaluation(NamedTuple):
    """The tasks and episodes of one replicate, the same for every method.

    Attributes:
        tasks: tasks by group of classes; rows refer to the pool.
        episodes: episodes by group of classes, way and shot.
    """

    tasks: Mapping[str, Tasks]
    episodes: Mapping[tuple[str, int, int], Episodes]


class Data(NamedTuple):
    """The training images of an approach, and its tests.

    Attributes:
        features: float32 (images, features), of the training images.
        labels: int32 (images,).
        pools: one per replicate.
        evaluations: one per replicate.
    """

    features: np.ndarray
    labels: np.ndarray
    pools: Sequence[Pool]
    evaluations: Sequence[Evaluation]


def read(
    trained_on: Path | str,
    tested_on: Path | str,
    *,
    seen: int,
    per_class: int | None,
    test_per_class: int,
    replicates: int,
    tasks: int,
    few_shot: Mapping[str, Any],
    seed_names: tuple[int, str],
) -> Data:
    """Read an approach's training images and draw its tests.

    Tests use the target's test images if it came with any, otherwise its validation images. No
    approach trains on them.

    Args:
        trained_on: file of features to train on; its training images are used.
        tested_on: file of the target's features.
        seen: number of the target's first classes to train on; 0 if the target is not trained on.
        per_class: training images per class; None for all.
        test_per_class: test images per class and replicate.
        replicates: number of replicates.
        tasks: number of one-shot tasks per group of classes.
        few_shot: the N-way K-shot evaluations: ways (capped at the number of classes), shots,
            queries per class, episodes.
        seed_names: study seed and target.

    Raises:
        SourceError: there are too few classes or images.
    """
    index = store.read_index(trained_on)
    chosen = index[index["split"] == store.TRAINING]
    if seen:
        chosen = chosen[chosen["label"] < seen]
    if per_class:
        rng = generator(*seed_names, "one-shot training")
        chosen = chosen.iloc[rng.permutation(len(chosen))].groupby("label").head(per_class)
        chosen = chosen.sort_index()  # files are read in order
    target = store.read_index(tested_on)
    if not (target["split"] != store.TRAINING).any():
        raise SourceError(
            f"{tested_on}: found images without a fixed split, expected validation images to test "
            "one-shot learning on; give the dataset `validation_per_class`"
        )
    part = store.TEST if has_test_images(target) else store.VALIDATION
    target = target[target["split"] == part]
    groups = pd.Series(groups_of(target), target.index)
    labels = np.unique(target["label"])
    classes = {SEEN: labels[labels < seen], UNSEEN: labels[labels >= seen], ALL: labels}
    if not seen:
        classes = {UNSEEN: labels}
    _check(chosen, target, classes, trained_on, tested_on, test_per_class, few_shot)
    pools, evaluations = [], []
    for replicate in range(replicates):
        rng = generator(*seed_names, replicate, "one-shot images")
        rows = np.concatenate(
            [
                rng.permutation(target.index[target["label"] == label])[:test_per_class]
                for label in labels
            ]
        )
        pool = Pool(
            store.read_arrays(tested_on, rows).astype(np.float32),
            target["label"].loc[rows].to_numpy(np.int32),
            target["image_id"].loc[rows].to_numpy(),
            classes,
            groups.loc[rows].to_numpy(),
        )
        _check_groups(pool, tested_on)
        pools.append(pool)
        evaluations.append(draw_evaluation(pool, tasks, few_shot, (*seed_names, replicate)))
    return Data(
        store.read_arrays(trained_on, chosen.index.to_numpy()).astype(np.float32),
        chosen["label"].to_numpy(np.int32),
        pools,
        evaluations,
    )


def _check(
    chosen: pd.DataFrame,
    target: pd.DataFrame,
    classes: Mapping[str, np.ndarray],
    trained_on: Path | str,
    tested_on: Path | str,
    test_per_class: int,
    few_shot: Mapping[str, Any],
) -> None:
    """Raise an error if there are too few images for pairs, tasks or episodes; see `read`."""
    if (fewest := chosen["label"].value_counts().min()) < 2:
        raise SourceError(f"{trained_on}: found a class of {fewest} training image, expected 2")
    part = next(iter(target["split"]), store.VALIDATION)
    fewest = min(target["label"].value_counts().min(), test_per_class)
    episode = max(few_shot["shots"]) + few_shot["queries"]
    if fewest < episode:
        raise SourceError(
            f"{tested_on}: found a class of {fewest} {part} images, expected at least "
            f"{episode}, the shots and queries of an episode"
        )
    for name, some in classes.items():
        if (len(some) - 1) * fewest < CANDIDATES - 1:
            raise SourceError(
                f"{tested_on}: found {len(some)} {name} classes of {fewest} {part} images, "
                f"expected {CANDIDATES - 1} images of other classes than the query's"
            )


def _check_groups(pool: Pool, tested_on: Path | str) -> None:
    """Raise an error if all test images of a class are of one group."""
    for label in np.unique(pool.labels):
        if len(np.unique(pool.groups[pool.labels == label])) < 2:
            raise SourceError(
                f"{tested_on}: found test images of one group only in a class, expected two groups "
                "or more: a task compares images of different groups"
            )


def draw_evaluation(
    pool: Pool, tasks: int, few_shot: Mapping[str, Any], names: tuple[int, str, int]
) -> Evaluation:
    """Draw a replicate's tasks and episodes."""
    drawn, episodes = {}, {}
    for name, classes in pool.classes.items():
        rows = np.flatnonzero(np.isin(pool.labels, classes))
        labels, groups = pool.labels[rows], pool.groups[rows]
        names_of_classes = "-".join(map(str, classes))
        rng = generator(*names, names_of_classes, "one-shot tasks")
        drawn[name] = Tasks(*(rows[part] for part in draw_tasks(labels, tasks, rng, groups=groups)))
        for way in sorted({min(way, len(classes)) for way in few_shot["ways"]}):
            for shot in few_shot["shots"]:
                rng = generator(*names, names_of_classes, way, shot, "episodes")
                some = draw_episodes(
                    labels, way, shot, few_shot["queries"], few_shot["episodes"], rng, groups
                )
                episodes[name, way, shot] = Episodes(*(rows[part] for part in some))
    return Evaluation(drawn, episodes)


class ClassSamples(NamedTuple):
    """The same number of images of each class.

    Attributes:
        datasets: dataset of each class.
        classes: name of each class.
        features: float32 (images, features) of each class.
    """

    datasets: list[str]
    classes: list[str]
    features: list[np.ndarray]


def read_classes(files: Mapping[str, Path | str], per_class: int, study_seed: int) -> ClassSamples:
    """Draw images of every class of the datasets, the same number for all classes.

    Validation images are used if a dataset has any, because no approach trains on them.

    Args:
        files: file of features of each dataset.
        per_class: images per class; fewer if the smallest class has fewer.
        study_seed: the study's seed.
    """
    indices = {}
    for dataset, path in files.items():
        index = store.read_index(path)
        validation = index[index["split"] == store.VALIDATION]
        indices[dataset] = validation if len(validation) else index
    smallest = min(index["label"].value_counts().min() for index in indices.values())
    count = min(per_class, smallest)
    samples = ClassSamples([], [], [])
    for dataset, path in files.items():
        for label, name in enumerate(store.read_metadata(path)["classes"]):
            rows = indices[dataset].index[indices[dataset]["label"] == label].to_numpy()
            rng = generator(study_seed, dataset, label, "similarity")
            drawn = store.read_arrays(path, rng.permutation(rows)[:count])
            samples.datasets.append(dataset)
            samples.classes.append(name)
            samples.features.append(drawn.astype(np.float32))
    return samples
