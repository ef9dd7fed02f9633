"""What each method's score costs: the time of all of its jobs."""

import pandas as pd

from transfer_gain.methods import records
from transfer_gain.names import FROM_SCRATCH, TRANSFER_AUGMENTED


def training_cost(
    cost: pd.DataFrame, scores: pd.DataFrame, fractions: pd.DataFrame
) -> pd.DataFrame:
    """Return the cost of each method's score at each fraction.

    The cost is the time of all jobs of the method, over configurations and replicates. A refit
    includes the grid that selected its configuration. Methods on features include a share of the
    extraction: the images that the fraction needs, out of all that passed through the backbone. The
    same holds for augmented copies, if those of fraction 1 serve all fractions.

    Args:
        cost: table `cost`.
        scores: rows of the table that `comparison.scores` makes, under one protocol.
        fractions: table `fractions`.

    Returns:
        Columns dataset, backbone, method, fraction, seconds (summed over jobs), mean (the
        score). Seconds are NaN if a job was not measured.
    """
    cost = cost.assign(
        backbone=cost["backbone"].replace("", FROM_SCRATCH),
        fraction=pd.to_numeric(cost["fraction"]),
    )
    # Refits under the other protocol do not count.
    (protocol,) = scores["protocol"].unique()
    cost = cost[cost["protocol"].isin(["", protocol])]
    trained = cost[cost["fraction"].notna() & (cost["rule"] != "train_selected_head")]
    own = trained.groupby(["dataset", "backbone", "method", "fraction"])["seconds"]
    own = own.agg(lambda seconds: seconds.sum(skipna=False))
    extraction = cost[cost["rule"].isin(["extract_features", "extract_shard"])]
    extraction = extraction.groupby(["dataset", "backbone"])["seconds"]
    extraction = extraction.agg(lambda seconds: seconds.sum(skipna=False))
    copies = cost[cost["rule"] == "extract_copies"]
    copies = copies.set_index(["dataset", "backbone", "fraction"])["seconds"]
    images = fractions.set_index(["dataset", "fraction"])
    scored = images["validation_samples"]
    if "test_samples" in images:
        scored = scored + images["test_samples"].fillna(0)
    needed = images["training_samples"] * images["replicates"] + scored
    every = images["training_samples"] + scored
    passed = every.where(images.index.get_level_values("fraction") == 1, needed)
    largest = scores.groupby(["dataset", "backbone"])["fraction"].max()
    rows = []
    for row in scores.itertuples():
        seconds = own.get((row.dataset, row.backbone, row.method, row.fraction))
        if row.backbone != FROM_SCRATCH:
            share = (
                needed[row.dataset, row.fraction]
                / passed[row.dataset, largest[row.dataset, row.backbone]]
            )
            seconds += extraction[row.dataset, row.backbone] * min(share, 1)
        shared = (row.dataset, row.backbone, 1.0)
        if (
            row.method == TRANSFER_AUGMENTED
            and shared in copies
            and (row.dataset, row.backbone, row.fraction) not in copies
        ):
            samples = images.loc[(row.dataset, row.fraction), ["training_samples", "replicates"]]
            share = samples.prod() / images.loc[(row.dataset, 1.0), "training_samples"]
            seconds += copies[shared] * min(share, 1)
        if refit_of := records.method(row.method).refit_of:
            seconds += own[row.dataset, row.backbone, refit_of, row.fraction]
        names = {name: getattr(row, name) for name in ("dataset", "backbone", "method", "fraction")}
        rows.append({**names, "seconds": seconds, "mean": row.mean})
    return pd.DataFrame(rows)
