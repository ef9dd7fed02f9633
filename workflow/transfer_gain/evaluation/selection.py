"""Select the best configuration of each method under each protocol."""

import pandas as pd

from transfer_gain.methods import records
from transfer_gain.names import HELD_OUT, SAME_IMAGES

# By protocol: the accuracy that selects, and the one that is reported. The 2018 paper used the same
# images for both; the held-out protocol never does.
PROTOCOLS = {
    SAME_IMAGES: ("validation_accuracy", "validation_accuracy"),
    HELD_OUT: ("selection_accuracy", "test_accuracy"),
}
TIE_BREAKERS = {SAME_IMAGES: "validation_loss", HELD_OUT: "selection_loss"}
CONFIGURATION = ["layers", "activation", "learning_rate", "l2"]
GROUP = ["dataset", "backbone", "method", "fraction"]
SELECTED = [
    *[*GROUP, "labels", "protocol", "replicate", "configurations", *CONFIGURATION],
    *["accuracy", "train_loss", "levelled_off", "updates"],
]


def select_heads(runs: pd.DataFrame) -> pd.DataFrame:
    """Select the best configuration of one dataset, backbone and fraction.

    The best configuration has the highest mean accuracy over replicates. Ties are broken by the
    lower mean loss on the same images, then by the order in the config.

    Args:
        runs: rows of all configurations, in the config's order.

    Returns:
        One row per protocol: protocol, layers, activation, learning_rate, l2, configurations (how
        many there were to choose from), selected_by (name of the accuracy), accuracy (its mean).
    """
    # Settings that a method does not have, such as a learning rate, are empty.
    means = runs.groupby(CONFIGURATION, sort=False, dropna=False).mean(numeric_only=True)
    means = means.reset_index()
    rows = []
    for protocol, (selects, _) in PROTOCOLS.items():
        # Rounded, because the means of equal counts can differ in the last bit.
        ranked = means.assign(**{selects: means[selects].round(12)}).sort_values(
            [selects, TIE_BREAKERS[protocol]], ascending=[False, True], kind="stable"
        )
        best = ranked.iloc[0]
        rows.append(
            {
                "protocol": protocol,
                **best[CONFIGURATION],
                "configurations": len(means),
                "selected_by": selects,
                "accuracy": best[selects],
            }
        )
    return pd.DataFrame(rows)


def runs_of(runs: pd.DataFrame, chosen: pd.Series) -> pd.DataFrame:
    """Return the rows of `runs` that have a selected configuration."""
    return runs.merge(chosen[CONFIGURATION].to_frame().T.astype(runs[CONFIGURATION].dtypes))


def select_runs(runs: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that represent each method: those of the selected configurations.

    Args:
        runs: rows of all methods. Configurations are selected from the grid. Refits (run "refit")
            train a configuration that was selected before, from as many as the plain head. Long
            runs are left out.
        labels: columns dataset, fraction, training_per_class.

    Returns:
        Columns dataset, backbone, method, fraction, labels (training images per class), protocol,
        replicate, configurations, `CONFIGURATION`, accuracy (the one that the protocol reports),
        train_loss, levelled_off, updates.
    """
    rows = []
    grid, refits = (runs[runs["run"] == run] for run in ("grid", "refit"))
    for (dataset, backbone, method, fraction), own in grid.groupby(GROUP, sort=False):
        for _, chosen in select_heads(own).iterrows():
            names = {"protocol": chosen["protocol"], "configurations": chosen["configurations"]}
            rows.append(runs_of(own, chosen).assign(**names))
            others = [each.name for each in records.METHODS if each.refit_of == method]
            if not others:
                continue
            same = refits[["dataset", "backbone", "fraction", "protocol"]] == [
                dataset,
                backbone,
                fraction,
                chosen["protocol"],
            ]
            rows.append(refits[same.all(axis=1) & refits["method"].isin(others)].assign(**names))
    selected = pd.concat(rows, ignore_index=True).merge(labels, on=["dataset", "fraction"])
    selected["accuracy"] = selected["protocol"].map(
        {protocol: reports for protocol, (_, reports) in PROTOCOLS.items()}
    )
    selected["accuracy"] = [row[row["accuracy"]] for _, row in selected.iterrows()]
    return selected.rename(columns={"training_per_class": "labels"})[SELECTED]
