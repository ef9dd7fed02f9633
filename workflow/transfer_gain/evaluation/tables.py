"""The tables of the report, aggregated from the rows of jobs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from transfer_gain.data import store
from transfer_gain.data.sampling import groups_of, has_test_images
from transfer_gain.evaluation import selection
from transfer_gain.evaluation.statistics import accuracy_interval
from transfer_gain.names import SAME_IMAGES

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
    roles: pd.DataFrame | None,
    dataset: str,
    fraction: float,
) -> pd.DataFrame:
    """Count one fraction's images in the files (Tables 1 and 2 of the 2018 paper).

    Args:
        index: rows of the dataset's images (image_id, split, label, group).
        samples: rows of the fraction's samples (replicate, image_id, label); None counts all
            training images.
        roles: rows of `sampling.validation_roles`; None if nothing is scored on the dataset.
        dataset: name of the dataset.
        fraction: the fraction.

    Returns:
        One row. If classes differ in size, counts per class are rounded means. Test images that the
        dataset came with are not among its validation images. A dataset with groups has their
        numbers as well, that of training groups as the smallest of all replicates.
    """
    if samples is None:
        samples = index[index["split"] == store.TRAINING].assign(replicate=0)
    sampled = samples.groupby("replicate").size()
    validation = index[index["split"] == store.VALIDATION]
    role = pd.Series(dtype="str") if roles is None else roles["role"]
    classes = index["label"].nunique()
    row = pd.DataFrame(
        {
            "dataset": [dataset],
            "fraction": [fraction],
            "training_samples": [sampled.min()],
            "training_per_class": [round(sampled.min() / classes)],
            "validation_samples": [len(validation)],
            "validation_per_class": [round(len(validation) / classes)],
            "selection_samples": [(role == "selection").sum()],
            "test_samples": [(role == "test").sum()],
            "replicates": [len(sampled)],
            "chance": [chance_of(index)],
        }
    )
    numbers = groups_of(index)
    if len(np.unique(numbers)) < len(numbers):
        group_of = pd.Series(numbers, index=index["image_id"])
        sampled_groups = samples["image_id"].map(group_of).groupby(samples["replicate"]).nunique()
        row["training_groups"] = sampled_groups.min()
        row["validation_groups"] = group_of[validation["image_id"]].nunique()
    return row


def chance_of(index: pd.DataFrame) -> float:
    """Return the accuracy of a constant guess: the largest class's share of validation images.

    Of test images, if the dataset came with any.

    Args:
        index: a dataset's rows (split, label).
    """
    part = store.TEST if has_test_images(index) else store.VALIDATION
    return index["label"][index["split"] == part].value_counts(normalize=True).max()


def skipped(skipped: Mapping[str, Sequence[tuple[str, str]]]) -> pd.DataFrame:
    """List the files that each dataset left out, and why.

    Args:
        skipped: (path, reason) of each skipped file, by dataset.

    Returns:
        Columns dataset, path, reason.
    """
    rows = [(dataset, *each) for dataset, left_out in skipped.items() for each in left_out]
    return pd.DataFrame(rows, columns=["dataset", "path", "reason"], dtype="str")


def notes(notes: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """List what was noticed about the images of each dataset.

    Args:
        notes: the notes of each dataset.

    Returns:
        Columns dataset, note.
    """
    rows = [(dataset, note) for dataset, noticed in notes.items() for note in noticed]
    return pd.DataFrame(rows, columns=["dataset", "note"], dtype="str")


def near_copies(pairs: Mapping[str, Sequence[tuple[str, str, int, str]]]) -> pd.DataFrame:
    """List the near copies among the images of each dataset.

    Args:
        pairs: path, other, distance and relation of each pair, by dataset; see `audit.Pair`.

    Returns:
        Columns dataset, path, other, distance, relation.
    """
    rows = [(dataset, *pair) for dataset, found in pairs.items() for pair in found]
    table = pd.DataFrame(rows, columns=["dataset", "path", "other", "distance", "relation"])
    texts = dict.fromkeys(["dataset", "path", "other", "relation"], "str")
    return table.astype({**texts, "distance": "int64"})


def best_heads(
    runs: pd.DataFrame, selections: pd.DataFrame, published: pd.DataFrame
) -> pd.DataFrame:
    """Describe each selected head and its accuracy (Table 3 of the 2018 paper).

    Args:
        runs: rows of all heads.
        selections: rows of `selection.select_heads` with dataset, backbone and fraction.
        published: the table that `read_published_transfer` returns.

    Returns:
        One row per dataset, backbone, fraction and protocol. `validation_accuracy` is the mean over
        replicates with its 95 % interval: on all validation images under protocol "same-images", on
        the test set under "held-out". `published_*` are the 2018 paper's values, if any.
    """
    rows = []
    for _, chosen in selections.iterrows():
        where = ["dataset", "backbone", "fraction"]
        same = runs[(runs[where] == chosen[where].to_numpy()).all(axis=1)]
        accuracy = selection.runs_of(same, chosen)[selection.PROTOCOLS[chosen["protocol"]][1]]
        mean, low, high = accuracy_interval(accuracy)
        rows.append(
            {
                **chosen[[*where, "protocol", *selection.CONFIGURATION]],
                "validation_accuracy": mean,
                "ci_low": low,
                "ci_high": high,
                "replicates": len(accuracy),
                "configurations": chosen["configurations"],
            }
        )
    theirs = published.assign(protocol=SAME_IMAGES)
    return beside(pd.DataFrame(rows), theirs, ["dataset", "backbone", "fraction", "protocol"])


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
