"""What the selected runs predict for the images that score them."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from transfer_gain.data import store
from transfer_gain.data.rows import probability_columns
from transfer_gain.data.sampling import groups_of
from transfer_gain.evaluation.selection import CONFIGURATION
from transfer_gain.names import HELD_OUT

NAMES = ["backbone", "method", "fraction"]


def gather(
    selected: pd.DataFrame,
    roles: pd.DataFrame,
    index: pd.DataFrame,
    dataset: str,
    paths: Iterable[Path | str],
) -> pd.DataFrame:
    """Gather the predictions of the runs that protocol "held-out" selected in one dataset.

    Args:
        selected: see `comparison`.
        roles: the dataset's validation roles (split, image_id, role).
        index: the dataset's rows (image_id and, if there are groups, group).
        dataset: its name.
        paths: files of predictions of its training jobs.

    Returns:
        Columns backbone, method, fraction, replicate, image_id, group (the number of the image's
        group; only if several of the images have the same), label, predicted and the probability of
        each class; one row per run and image that scores it.
    """
    rows = (selected["dataset"] == dataset) & (selected["protocol"] == HELD_OUT)
    on = [*NAMES, "replicate", *CONFIGURATION]
    wanted = selected.loc[rows, on]
    scored = roles[roles["role"] == "test"]
    tests = {split: frozenset(own["image_id"]) for split, own in scored.groupby("split")}
    found = []
    for path in paths:
        made = store.read_rows(path)
        made = made[made["protocol"].isin(["both", HELD_OUT]) & (made["run"] != "long")]
        made = made.merge(wanted.astype(made[on].dtypes), on=on)
        for replicate, own in made.groupby("replicate", sort=False):
            images = tests[replicate if len(tests) > 1 else 0]
            found.append(own[own["image_id"].isin(images)])
    columns = [*NAMES, "replicate", "image_id", "label", "predicted"]
    gathered = pd.concat(found, ignore_index=True)
    group_of = pd.Series(groups_of(index), index=index["image_id"])
    if group_of[gathered["image_id"].unique()].duplicated().any():
        gathered["group"] = group_of[gathered["image_id"]].to_numpy(np.int32)
        columns.insert(columns.index("label"), "group")
    return gathered[columns + probability_columns(gathered)]


def read(datasets: Iterable[str], paths: Iterable[Path | str]) -> dict[str, pd.DataFrame]:
    """Read the gathered predictions of datasets, by dataset.

    Args:
        datasets: their names.
        paths: a file of `gather` for each.

    Raises:
        StoreError: a file is corrupt.
    """
    return dict(zip(datasets, map(store.read_rows, paths), strict=True))
