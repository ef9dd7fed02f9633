"""The tables of the report, aggregated from the rows of jobs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import yaml

from transfer_gain.data import sampling, store
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
    index: pd.DataFrame, samples: pd.DataFrame | None, dataset: str, fraction: float
) -> pd.DataFrame:
    """Count one fraction's images in the files (Tables 1 and 2 of the 2018 paper).

    Args:
        index: rows of the dataset's images (image_id, split, label).
        samples: rows of the fraction's samples (replicate, image_id, label); None counts all
            training images.
        dataset: name of the dataset.
        fraction: the fraction.

    Returns:
        One row. If classes differ in size, counts per class are rounded means. Test images that the
        dataset came with are not among its validation images.
    """
    if samples is None:
        samples = index[index["split"] == store.TRAINING].assign(replicate=0)
    sampled = samples.groupby("replicate").size()
    validation = index[index["split"] == store.VALIDATION]
    selection, test = sampling.count_roles(index)
    classes = index["label"].nunique()
    return pd.DataFrame(
        {
            "dataset": [dataset],
            "fraction": [fraction],
            "training_samples": [sampled.min()],
            "training_per_class": [round(sampled.min() / classes)],
            "validation_samples": [len(validation)],
            "validation_per_class": [round(len(validation) / classes)],
            "selection_samples": [selection],
            "test_samples": [test],
            "replicates": [len(sampled)],
            "chance": [chance_of(index)],
        }
    )


def chance_of(index: pd.DataFrame) -> float:
    """Return the accuracy of a constant guess: the largest class's share of validation images.

    Of test images, if the dataset came with any.

    Args:
        index: a dataset's rows (split, label).
    """
    part = store.TEST if sampling.has_test_images(index) else store.VALIDATION
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
