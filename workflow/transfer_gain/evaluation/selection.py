"""Select the best configuration of each method under each protocol."""

import pandas as pd

from transfer_gain.methods import records
from transfer_gain.metrics import Metric
from transfer_gain.names import HELD_OUT, SAME_IMAGES

# By protocol: the images whose score selects, and those whose score is reported. The 2018 paper
# used the same images for both; the held-out protocol never does.
PROTOCOLS = {SAME_IMAGES: ("validation", "validation"), HELD_OUT: ("selection", "test")}
CONFIGURATION = ["layers", "activation", "learning_rate", "l2"]
GROUP = ["dataset", "backbone", "method", "fraction"]


def select_heads(runs: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Select the best configuration of one dataset, backbone and fraction.

    As in the 2018 paper, protocol "same-images" selects the best mean score over replicates.
    Protocol "held-out" selects for each replicate by itself: a user has one set of labels, not
    several. Ties are broken by the lower loss on the same images, then by the order in the config.

    Args:
        runs: rows of all configurations, in the config's order.
        metric: the metric that selects.

    Returns:
        One row per protocol and replicate: protocol, replicate, layers, activation, learning_rate,
        l2, configurations (how many there were to choose from), selected_by (column of `runs`), and
        its value (under "same-images" its mean) in a column with the metric's name.
    """
    # Settings that a method does not have, such as a learning rate, are empty.
    means = runs.groupby(CONFIGURATION, sort=False, dropna=False).mean(numeric_only=True)
    means = means.reset_index()
    rows = []
    for protocol, (role, _) in PROTOCOLS.items():
        selects = f"{role}_{metric.name}"
        for replicate, own in runs.groupby("replicate"):
            best = _best(means if protocol == SAME_IMAGES else own, role, metric)
            rows.append(
                {
                    "protocol": protocol,
                    "replicate": replicate,
                    **best[CONFIGURATION],
                    "configurations": len(means),
                    "selected_by": selects,
                    metric.name: best[selects],
                }
            )
    return pd.DataFrame(rows)


def _best(configurations: pd.DataFrame, role: str, metric: Metric) -> pd.Series:
    """Return the row with the best score of images in a role."""
    selects, loss = f"{role}_{metric.name}", f"{role}_loss"
    # Rounded, because the means of equal counts can differ in the last bit.
    ranked = configurations.assign(**{selects: configurations[selects].round(12)})
    better = [not metric.higher_is_better, True][: 1 + (selects != loss)]
    by = [selects, loss][: len(better)]
    return ranked.sort_values(by, ascending=better, kind="stable").iloc[0]


def runs_of(runs: pd.DataFrame, selected: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `runs` that have the configuration selected for their replicate."""
    on = ["replicate", *CONFIGURATION]
    found = runs.merge(selected[on].astype(runs[on].dtypes))
    return found.sort_values("replicate", kind="stable", ignore_index=True)


def select_runs(runs: pd.DataFrame, labels: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Return the runs that represent each method: those of the selected configurations.

    Args:
        runs: rows of all methods. Configurations are selected from the grid. Refits (run "refit")
            train a configuration that was selected before, from as many as the plain head. If they
            also select a learning rate, each of those not selected ("search") is one configuration
            more. Long runs are left out.
        labels: columns dataset, fraction, training_per_class.
        metric: the metric that selects and is reported.

    Returns:
        Columns dataset, backbone, method, fraction, labels (training images per class), protocol,
        replicate, configurations, `CONFIGURATION`, the score that the protocol reports (named
        after the metric), train_loss, levelled_off, updates.
    """
    rows = []
    grid, refits, search = (runs[runs["run"] == run] for run in ("grid", "refit", "search"))
    of_run = [*GROUP, "protocol", "replicate"]
    refits = refits.merge(search.value_counts(of_run).reset_index(name="searched"), "left", of_run)
    further = refits.pop("searched").fillna(0).astype("int64")
    for (dataset, backbone, method, fraction), own in grid.groupby(GROUP, sort=False):
        for protocol, chosen in select_heads(own, metric).groupby("protocol", sort=False):
            names = {"protocol": protocol, "configurations": chosen["configurations"].iloc[0]}
            rows.append(runs_of(own, chosen).assign(**names))
            others = [each.name for each in records.METHODS if each.refit_of == method]
            if not others:
                continue
            same = refits[["dataset", "backbone", "fraction", "protocol"]] == [
                dataset,
                backbone,
                fraction,
                protocol,
            ]
            own_refits = refits[same.all(axis=1) & refits["method"].isin(others)]
            counts = further[own_refits.index] + names["configurations"]
            rows.append(own_refits.assign(configurations=counts))
    selected = pd.concat(rows, ignore_index=True).merge(labels, on=["dataset", "fraction"])
    selected[metric.name] = [
        row[f"{PROTOCOLS[row['protocol']][1]}_{metric.name}"] for _, row in selected.iterrows()
    ]
    columns = [*GROUP, "labels", "protocol", "replicate", "configurations", *CONFIGURATION]
    columns += [metric.name, "train_loss", "levelled_off", "updates"]
    return selected.rename(columns={"training_per_class": "labels"})[columns]
