"""The tables of the report, aggregated from the rows of jobs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from transfer_gain.data import class_weights, store
from transfer_gain.data.fitting import CHANNELS
from transfer_gain.data.sampling import groups_of, has_test_images
from transfer_gain.data.sources.base import SourceError
from transfer_gain.evaluation import selection
from transfer_gain.evaluation.statistics import mean_interval
from transfer_gain.metrics import Metric
from transfer_gain.names import SAME_IMAGES
from transfer_gain.printable import printable

# Columns of the tables about a user's images, with their types; see `Source`.
NOTICED = {
    "skipped": {"path": "str", "reason": "str"},
    "notes": {"note": "str"},
    "near_copies": {"path": "str", "other": "str", "distance": "int64", "relation": "str"},
}
COST = ["rule", "dataset", "backbone", "fraction", "method", "protocol"]


def read_published(path: Path | str, table: str, sources: Mapping[str, str]) -> pd.DataFrame:
    """Return a table of the 2018 paper, for those of our datasets that use the same data.

    Args:
        path: file of published values.
        table: key of a table in that file.
        sources: source of each of our datasets.

    Returns:
        The table's columns, with our names in `dataset`; no rows if no dataset matches.
    """
    published = yaml.safe_load(Path(path).read_text())
    rows = [
        {**row, "dataset": name}
        for name, source in sources.items()
        for row in published[table]
        if published["source"][row["dataset"]] == source
    ]
    return pd.DataFrame(rows, columns=list(published[table][0]))


def read_published_transfer(
    path: Path | str, sources: Mapping[str, str], backbones: Sequence[str]
) -> pd.DataFrame:
    """Return the 2018 paper's transfer results: its Table 3 and the last column of Table 4.

    Args:
        path: see `read_published`.
        sources: see `read_published`.
        backbones: those of our backbones that the 2018 paper used.

    Returns:
        Columns backbone, dataset, fraction, validation_accuracy, and hidden_layers, activation and
        learning_rate if the paper states them.
    """
    accuracy = read_published(path, "accuracy", sources)
    accuracy = accuracy.rename(columns={"transfer": "validation_accuracy"})
    best = read_published(path, "best_heads", sources)
    printed = pd.concat([best, accuracy[["dataset", "fraction", "validation_accuracy"]]])
    return pd.DataFrame({"backbone": list(backbones)}).merge(printed, how="cross")


def fractions(
    index: pd.DataFrame,
    samples: pd.DataFrame | None,
    dataset: str,
    fraction: float,
    metric: Metric,
    roles: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Count one fraction's images in the files (Tables 1 and 2 of the 2018 paper).

    Args:
        index: rows of the dataset's images (image_id, split, label, group).
        samples: rows of the fraction's samples (replicate, image_id, label); None counts all
            training images.
        dataset: name of the dataset.
        fraction: the fraction.
        metric: the metric of column `chance`.
        roles: its validation roles (split, image_id, role); None if it has none.

    Returns:
        One row. Of several splits, the first one's images are counted. If classes differ in size,
        counts per class are rounded means. Test images that the dataset came with are not among its
        validation images, and have a column of their own. A dataset with groups has their numbers
        as well, that of training groups as the smallest of all replicates.
    """
    if samples is None:
        samples = index[index["split"] == store.TRAINING].assign(replicate=0)
    sampled = samples.groupby("replicate").size()
    validation = index[index["split"] == store.VALIDATION]
    if roles is not None and roles["split"].nunique() > 1:
        validation = index[index["image_id"].isin(roles["image_id"][roles["split"] == 0])]
    classes = index["label"].nunique()
    row = pd.DataFrame(
        {
            "dataset": [dataset],
            "fraction": [fraction],
            "training_samples": [sampled.min()],
            "training_per_class": [round(sampled.min() / classes)],
            "validation_samples": [len(validation)],
            "validation_per_class": [round(len(validation) / classes)],
            "replicates": [len(sampled)],
            "chance": [chance_of(index, metric, roles)],
        }
    )
    if has_test_images(index):
        row["test_samples"] = (index["split"] == store.TEST).sum()
    numbers = groups_of(index)
    if len(np.unique(numbers)) < len(numbers):
        group_of = pd.Series(numbers, index=index["image_id"])
        sampled_groups = samples["image_id"].map(group_of).groupby(samples["replicate"]).nunique()
        row["training_groups"] = sampled_groups.min()
        row["validation_groups"] = group_of[validation["image_id"]].nunique()
    return row


def check_distinct(fractions: pd.DataFrame) -> None:
    """Refuse fractions of a dataset that are rounded to the same images.

    Args:
        fractions: rows of `fractions` (dataset, fraction, training_samples).

    Raises:
        SourceError: two fractions of a dataset have the same images.
    """
    for (dataset, images), same in fractions.groupby(["dataset", "training_samples"], sort=False):
        if len(same) > 1:
            named = " and ".join(f"{fraction:g}" for fraction in sorted(same["fraction"]))
            raise SourceError(
                f"fractions: found {named}, which are the same {images:,} training images of "
                f"{printable(dataset)}, expected only one of them"
            )


def classes(
    index: pd.DataFrame,
    roles: pd.DataFrame,
    metadata: Mapping[str, Any],
    dataset: str,
    weights: str = class_weights.NONE,
    larger: Sequence[int] = (),
) -> pd.DataFrame:
    """Count the images of each class by what they are for.

    Args:
        index: rows of the dataset's images (image_id, label).
        roles: rows of its validation roles (split, image_id, role).
        metadata: of its images: classes, shape, resize.
        dataset: name of the dataset.
        weights: how training weights the classes, see `loop.train`.
        larger: larger sizes, in pixels, at which backbones see the pictures.

    Returns:
        One row per class: dataset, class, images (in all), training, selection, test (images of a
        split, rounded means of several), scored (images that any split scores), splits, size (of a
        picture, in pixels), channels, resize. With weights also weight: how much one of all
        training images counts in training, 1 on average. With larger sizes also larger_sizes, such
        as "96, 224".
    """
    labels = index.set_index("image_id")["label"]
    images, splits = labels.value_counts().sort_index(), roles["split"].nunique()
    role_of = roles.assign(label=roles["image_id"].map(labels))
    counts = pd.crosstab(role_of["label"], role_of["role"]) / splits
    counts["training"] = images - counts["selection"] - counts["test"]
    tested = role_of[role_of["role"] == "test"]
    size, _, channels = metadata["shape"]
    table = pd.DataFrame(
        {
            "dataset": dataset,
            "class": metadata["classes"],
            "images": images.to_numpy(),
            **{
                name: counts[name].round().astype(np.int64).to_numpy()
                for name in ("training", "selection", "test")
            },
            "scored": tested.groupby("label")["image_id"].nunique().to_numpy(),
            "splits": splits,
            "size": size,
            "channels": next(name for name, count in CHANNELS.items() if count == channels),
            "resize": metadata["resize"],
        }
    )
    if larger:
        table["larger_sizes"] = ", ".join(map(str, sorted(larger)))
    if weights == class_weights.BALANCED:
        table["weight"] = class_weights.balanced(counts["training"].to_numpy())
    return table


def chance_of(index: pd.DataFrame, metric: Metric, roles: pd.DataFrame | None) -> float:
    """Return the score of a constant guess on the images that are scored.

    Args:
        index: a dataset's rows (image_id, split, label).
        metric: the metric that scores.
        roles: its validation roles (image_id, role); if it has none, its validation images count,
            and without these NaN is returned.
    """
    scored = index["split"] == store.VALIDATION
    if roles is not None:
        scored = index["image_id"].isin(roles["image_id"][roles["role"] == "test"])
    return metric.chance(np.bincount(index["label"][scored])) if scored.any() else np.nan


def noticed(table: str, found: Mapping[str, Sequence[Sequence[Any]]]) -> pd.DataFrame:
    """List what was left out of the images of each dataset, or noticed about them.

    Args:
        table: a key of `NOTICED`.
        found: values of its columns, row by row, of each dataset.

    Returns:
        Column dataset, and those of `NOTICED`.
    """
    columns = {"dataset": "str", **NOTICED[table]}
    rows = [(dataset, *values) for dataset, of_dataset in found.items() for values in of_dataset]
    return pd.DataFrame(rows, columns=list(columns)).astype(columns)


def best_heads(
    runs: pd.DataFrame, selections: pd.DataFrame, published: pd.DataFrame, metric: Metric
) -> pd.DataFrame:
    """Describe each selected head and its score (Table 3 of the 2018 paper).

    Args:
        runs: rows of all heads.
        selections: rows of `selection.select_heads` with dataset, backbone and fraction, in order.
        published: the table that `read_published_transfer` returns.
        metric: the metric that selected.

    Returns:
        One row per dataset, backbone, fraction and protocol: the configuration that most replicates
        selected, and how many did (`selected_by`). `validation_` and the metric's name is the mean
        over replicates, each with its own selected head, with its 95 % interval over replicates: on
        all validation images under protocol "same-images", on the test set under "held-out".
        `published_*` are the 2018 paper's values, if any.
    """
    rows = []
    where = ["dataset", "backbone", "fraction"]
    for names, chosen in selections.groupby([*where, "protocol"], sort=False):
        same = runs[(runs[where] == list(names[:-1])).all(axis=1)]
        _, role = selection.PROTOCOLS[names[-1]]
        scores = selection.runs_of(same, chosen)[f"{role}_{metric.name}"]
        mean, low, high = mean_interval(scores, bounds=metric.bounds)
        often = chosen.groupby(selection.CONFIGURATION, sort=False, dropna=False).size()
        rows.append(
            {
                **dict(zip([*where, "protocol"], names, strict=True)),
                **dict(zip(selection.CONFIGURATION, often.idxmax(), strict=True)),
                f"validation_{metric.name}": mean,
                "ci_low": low,
                "ci_high": high,
                "replicates": len(scores),
                "selected_by": often.max(),
                "configurations": chosen["configurations"].iloc[0],
            }
        )
    theirs = published.assign(protocol=SAME_IMAGES)
    return beside(pd.DataFrame(rows), theirs, [*where, "protocol"])


def beside(ours: pd.DataFrame, published: pd.DataFrame, on: Sequence[str]) -> pd.DataFrame:
    """Add published columns, named `published_...`, to ours."""
    names = {name: f"published_{name}" for name in published if name not in on}
    return ours.merge(published.rename(columns=names), how="left", on=list(on))


def cost(jobs: Sequence[tuple[str, ...]], benchmarks: Sequence[Path | str]) -> pd.DataFrame:
    """Collect the cost of each job from its benchmark file.

    Args:
        jobs: rule, dataset, backbone, fraction, method and protocol of each job; "" if one does not
            apply.
        benchmarks: benchmark file of each job; a job restored from a cache has none.

    Returns:
        Columns `COST`, seconds, cpu_seconds and max_rss_mb; one row per job, with empty values if
        the job was not measured.
    """
    columns = ["s", "cpu_time", "max_rss"]
    measured = [
        pd.read_csv(path, sep="\t").iloc[0].to_dict() if Path(path).exists() else {}
        for path in benchmarks
    ]
    names = pd.DataFrame(jobs, columns=COST)
    costs = pd.DataFrame(measured, columns=columns)
    return names.join(costs.set_axis(["seconds", "cpu_seconds", "max_rss_mb"], axis=1))
