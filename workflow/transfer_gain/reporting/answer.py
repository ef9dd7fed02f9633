"""The answer of a study, three sentences a dataset, every number read from the tables.

Tables are given by name, as `verdict` and `tables` make them. What is told is by protocol held-out:
configurations are selected on other images than they are scored on.
"""

from collections.abc import Mapping

import pandas as pd

from transfer_gain.evaluation.statistics import RELEVANT, SIGNIFICANT
from transfer_gain.methods import records
from transfer_gain.methods.records import TRANSFER
from transfer_gain.names import BASELINE, HELD_OUT
from transfer_gain.reporting import words

PROTOCOL = HELD_OUT

Tables = Mapping[str, pd.DataFrame]


def answer(tables: Tables) -> dict[str, list[str]]:
    """Return the sentences about each dataset: the best methods, the gain, the worth of a label.

    Args:
        tables: `accuracy`, `hypotheses` and `label_value`.
    """
    datasets = tables["accuracy"]["dataset"].unique()
    return {
        dataset: [
            best_methods(tables, dataset),
            gain(tables, dataset),
            label_value(tables, dataset),
        ]
        for dataset in datasets
    }


def write(tables: Tables, where: str) -> str:
    """Return the answer and its caveats as lines for a terminal, and where the report lies."""
    lines = [sentence for sentences in answer(tables).values() for sentence in sentences]
    lines += caveats(tables)
    return "\n".join([*lines, f"The report: {where}"]) + "\n"


def best_methods(tables: Tables, dataset: str) -> str:
    """Say which method is the most accurate at each fraction, and which are not told apart from it.

    A method is told apart from it if their difference, paired by replicate, is significant after
    Holm's correction for the methods of that fraction. There is no test of a difference that is the
    same in all replicates.
    """
    rows = _of(tables["accuracy"], dataset)
    rows = rows[~rows["method"].map(lambda name: records.method(name).is_reference)]
    found: list[str] = []
    for _, at_size in rows.groupby("fraction"):
        at_size = at_size.sort_values("mean", ascending=False, kind="stable")
        best, others = at_size.iloc[0], at_size.iloc[1:]
        score = words.accuracy(best["mean"])
        score += words.interval(best["ci_low"], best["ci_high"], words.accuracy)
        method = words.method(best["method"], best["backbone"])
        text = f"{_at(best['labels'], not found)} {method} ({score}"
        once = best["replicates"] == 1
        text += ", run once: nothing is told apart)" if once else ")"
        # Equal in all replicates: no test is needed to say that they are not told apart.
        p_value = others["behind_p_holm"].mask(others["behind_best"] == 0, 1)
        near, untested = others[p_value >= SIGNIFICANT], others[p_value.isna()]
        for relation, methods in (("not told apart from", near), ("not tested against", untested)):
            if len(methods) and not once:
                names = [words.method(*row) for row in methods[["method", "backbone"]].to_numpy()]
                text += f", {relation} {words.listed(names, 'or')}"
        found.append(text)
    return f"Most accurate on {dataset}: {'; '.join(found)}."


def gain(tables: Tables, dataset: str) -> str:
    """Say what transfer gains over training from scratch at each fraction, and how sure that is."""
    backbone = strongest_backbone(tables, dataset)
    labels = _labels(tables, dataset)
    rows = _of(tables["hypotheses"], dataset, backbone=backbone, hypothesis="H1")
    found: list[str] = []
    for _, row in rows.sort_values("fraction").iterrows():
        text = f"{words.points(row['estimate'])} points"
        text += words.interval(row["ci_low"], row["ci_high"], words.points)
        text += f" {_at(labels[row['fraction']], not found)} ({row['verdict']}"
        text += f"{_p_value(row)})"
        found.append(text)
    return f"Transfer from {backbone} gains over training from scratch {words.listed(found)}."


def label_value(tables: Tables, dataset: str) -> str:
    """Say how many labels training from scratch needs in place of one with transfer."""
    backbone = strongest_backbone(tables, dataset)
    rows = _of(tables["label_value"], dataset, backbone=backbone, method=TRANSFER)
    found: list[str] = []
    for _, row in rows.sort_values("labels").iterrows():
        relation = f"{row['relation']} " if row["relation"] else ""
        text = f"{relation}{words.times(row['multiplier'])}"
        text += words.interval(row["multiplier_low"], row["multiplier_high"], words.times)
        text += f" {_at(row['labels'], not found)}"
        needed = words.count(row["baseline_labels_for_same_accuracy"])
        found.append(f"{text} (from scratch needs {relation}{needed})")
    return f"In labels from scratch, one label with transfer is worth {words.listed(found)}."


def strongest_backbone(tables: Tables, dataset: str) -> str:
    """Return the trained backbone from which transfer is the most accurate on average.

    That is over the fractions that all of them have. Random weights are a control: `hypotheses` has
    no row of theirs.
    """
    trained = _of(tables["hypotheses"], dataset)["backbone"].unique()
    rows = _of(tables["accuracy"], dataset, method=TRANSFER)
    means = rows[rows["backbone"].isin(trained)].pivot(
        index="fraction", columns="backbone", values="mean"
    )
    return means[trained].dropna().mean().idxmax()


def caveats(tables: Tables) -> list[str]:
    """Say where training from scratch is at chance, and where it or transfer was still learning.

    Args:
        tables: `accuracy`, `hypotheses` and `fractions`.
    """
    rows = tables["accuracy"]
    strongest = {name: strongest_backbone(tables, name) for name in rows["dataset"].unique()}
    transfer = (rows["method"] == TRANSFER) & (rows["backbone"] == rows["dataset"].map(strongest))
    both_sides = rows[(rows["method"] == BASELINE) | transfer]
    return [*at_chance(tables), *still_learning({"accuracy": both_sides})]


def at_chance(tables: Tables) -> list[str]:
    """Say where training from scratch, which gains are measured against, is not told from chance.

    Args:
        tables: `accuracy` and `fractions`.
    """
    chance = tables["fractions"].drop_duplicates("dataset").set_index("dataset")["chance"]
    rows = tables["accuracy"]
    rows = rows[(rows["method"] == BASELINE) & (rows["protocol"] == PROTOCOL)]
    least = rows["ci_low"].fillna(rows["mean"])
    rows = rows[least <= rows["dataset"].map(chance)]
    return [
        f"On {dataset}, training from scratch is not told from a constant guess "
        f"({words.accuracy(chance[dataset])}) at {_sizes(own)} images per class: gains over it "
        "may be over a network that learned next to nothing."
        for dataset, own in rows.groupby("dataset", sort=False)
    ]


def still_learning(tables: Tables) -> list[str]:
    """Say of which methods most runs' training loss was still falling when training ended.

    That is not underfitting: the loss on other images may have been rising for long.
    """
    rows = tables["accuracy"]
    rows = rows[(rows["protocol"] == PROTOCOL) & (rows["levelled_off"] < 0.5)]
    sentences = []
    for dataset, of_dataset in rows.groupby("dataset", sort=False):
        named: list[str] = []
        for method, own in of_dataset.groupby(["method", "backbone"], sort=False):
            unit = "" if named else " images per class"
            named.append(f"{words.method(*method)} (at {_sizes(own)}{unit})")
        most = "most runs of " if of_dataset["replicates"].max() > 1 else ""
        sentences.append(
            f"On {dataset}, the training loss was still falling at the end of {most}"
            f"{words.listed(named)}: longer training may change the accuracy there, either way."
        )
    return sentences


def beside_the_report(tables: Tables) -> list[str]:
    """Say where our training from scratch is ahead of the report's, on which its gains rest."""
    rows = tables["accuracy"]
    rows = rows[(rows["method"] == BASELINE) & (rows["mean"] > rows["published"] + RELEVANT)]
    return [
        f"On {row['dataset']} at {words.count(row['labels'])} images per class the 2018 report "
        f"prints {words.accuracy(row['published'])} for training from scratch, ours reaches "
        f"{words.accuracy(row['mean'])}: the gain that it prints rests on a weaker baseline."
        for _, row in rows.iterrows()
    ]


def scored_on(tables: Tables) -> str:
    """Say how many validation images each dataset has that methods are compared on."""
    rows = tables["fractions"].drop_duplicates("dataset")
    rows = rows[rows["dataset"].isin(tables["accuracy"]["dataset"])]
    said = [
        f"{words.count(row['validation_samples'])} of {row['dataset']}"
        for _, row in rows.iterrows()
    ]
    return words.listed(said)


def hypotheses(tables: Tables) -> list[str]:
    """Return a sentence for each test of the report's two hypotheses."""
    sentences = []
    rows = tables["hypotheses"]
    for _, row in rows[rows["protocol"] == PROTOCOL].iterrows():
        where = f"on {row['dataset']} from {row['backbone']}"
        value = words.points(row["estimate"])
        value += words.interval(row["ci_low"], row["ci_high"], words.points)
        if row["hypothesis"] == "H1":
            labels = _labels(tables, row["dataset"])[row["fraction"]]
            where += f" at {words.count(labels)} images per class"
        text = f"{row['hypothesis']} {where}: {row['verdict']} ({row['statistic']}: {value} points"
        sentences.append(f"{text}{_p_value(row)}).")
    return sentences


def _of(table: pd.DataFrame, dataset: str, **values: str) -> pd.DataFrame:
    """Return a dataset's rows under `PROTOCOL` that have these values."""
    wanted = {"dataset": dataset, "protocol": PROTOCOL, **values}
    return table[(table[list(wanted)] == list(wanted.values())).all(axis=1)]


def _labels(tables: Tables, dataset: str) -> Mapping[float, int]:
    """Return the training images per class of each fraction."""
    rows = _of(tables["accuracy"], dataset)
    return dict(zip(rows["fraction"], rows["labels"], strict=True))


def _sizes(rows: pd.DataFrame) -> str:
    """Return the images per class of some rows in words."""
    return words.listed([words.count(labels) for labels in sorted(rows["labels"])])


def _p_value(row: pd.Series) -> str:
    """Return ", p = ..." of the test that the verdict goes by; nothing where there was none."""
    value = row["p_reversed_holm" if row["verdict"] == "reversed" else "p_holm"]
    return f", {words.p_value(value)}" if pd.notna(value) else ""


def _at(labels: int, first: bool) -> str:
    return f"at {words.count(labels)}{' images per class' if first else ''}"
