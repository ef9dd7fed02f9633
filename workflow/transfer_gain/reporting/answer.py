"""The answer of a study: some sentences per dataset, every number read from the tables.

Functions take the tables by name, as `evaluation` makes them. The answer follows the held-out
protocol: configurations are selected on one set of images and scored on another.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from transfer_gain.evaluation import evidence
from transfer_gain.evaluation.evidence import METHOD
from transfer_gain.evaluation.statistics import BETTER, RELEVANT, UNDECIDED, WORSE
from transfer_gain.methods import records
from transfer_gain.metrics import Metric
from transfer_gain.names import BASELINE, FROM_SCRATCH, HELD_OUT
from transfer_gain.reporting import (
    advice,
    forecast_sentences,
    looked_at,
    metric_display,
    mistakes,
    next_label_sentences,
    words,
)

PROTOCOL = HELD_OUT

Tables = Mapping[str, pd.DataFrame]


def details(tables: Tables, metric: Metric) -> dict[str, list[str]]:
    """Return the paragraphs that follow the opening (`advice.opening`), by dataset.

    Args:
        tables: the metric's table, `options`, `gains`, `hypotheses`, `label_value`, `forecast`,
            `classes`, `confusion` and `per_class`; also `planned_costs`, if they are known (see
            `runtime.planned_cost`).
        metric: the metric that is compared.
    """
    paragraphs = {
        dataset: [
            f"{best_methods(tables, metric, dataset)} {cheapest(tables, metric, dataset)}".strip(),
            gain(tables, metric, dataset),
            label_value(tables, metric, dataset),
            forecast_sentences.sentence(tables, metric, dataset),
            mistakes.mistakes(tables, metric, dataset),
            *next_label_sentences.sentences(tables, dataset),
        ]
        for dataset in tables[metric.name]["dataset"].unique()
    }
    return {dataset: [text for text in own if text] for dataset, own in paragraphs.items()}


def write(tables: Tables, metric: Metric, where: str, models: Iterable[str] = ()) -> str:
    """Return the answer, its caveats and where report and models lie, as lines for a terminal."""
    lines = []
    for dataset, sentences in details(tables, metric).items():
        opening = " ".join(advice.opening(tables, metric, dataset))
        lines += [opening, looked_at.looked_at(tables, dataset), *sentences]
    lines += [*caveats(tables, metric), *limits(tables)]
    lines += [f"The model: {model}/" for model in models]
    return "\n".join([*lines, f"The report: {where}"]) + "\n"


def best_methods(tables: Tables, metric: Metric, dataset: str) -> str:
    """Name the best method at each fraction, and the others that may be the best.

    These are the methods of which none is significantly better, Holm-adjusted over all pairs at
    that fraction, except those that the sentence about the gain calls worse. The best score found
    is too high by some points, because it was picked: that is why the others are named with it.
    """
    rows = records.ranked(of_dataset(tables[metric.name], dataset))
    found: list[str] = []
    for _, at_size in rows.groupby("fraction"):
        at_size = at_size.sort_values("mean", ascending=not metric.higher_is_better, kind="stable")
        best, others = at_size.iloc[0], at_size.iloc[1:]
        score = words.score(best["mean"], best["ci_low"], best["ci_high"])
        method = words.named(best)
        text = f"{_at(best['labels'], not found)}, {method} ({score}"
        once = best["replicates"] == 1
        text += ", one run only, so differences are not tested)" if once else ")"
        # Methods that tie in all replicates need no test.
        untested = others["behind_p_holm"].isna() & (others["behind_best"] != 0)
        near = others.index.isin(candidates(tables, metric, at_size).index) & ~untested
        relations = (("perhaps also", near), ("not tested against", untested))
        for relation, rows_of in relations:
            if rows_of.any() and not once:
                names = others.loc[rows_of, ["method", "backbone"]].to_numpy()
                text += (
                    f", {relation} {words.listed([words.method(*name) for name in names], 'or')}"
                )
        found.append(text)
    return f"{metric_display.words(metric).best} on {dataset}: {'; '.join(found)}."


def cheapest(tables: Tables, metric: Metric, dataset: str) -> str:
    """Name the cheapest of the methods that may be the best at the largest fraction.

    Methods that may be no better than a guess are left out. Nothing is said of a single method, of
    methods that are not tested against the best, or if it is not known what one of them costs.
    """
    rows = records.ranked(of_dataset(tables[metric.name], dataset))
    rows = rows[rows["fraction"] == rows["fraction"].max()]
    near = candidates(tables, metric, rows)
    near = near[near["behind_p_holm"].notna() | (near["behind_best"] == 0)]
    if "planned_costs" not in tables or (near["replicates"] == 1).any():
        return ""
    near = near[~_may_be_chance(near, _chances(tables, metric), metric)]
    near = near.merge(tables["planned_costs"], on=["dataset", "backbone", "method"])
    if len(near) < 2 or near["seconds"].isna().any():
        return ""
    first = near.sort_values("seconds", kind="stable").iloc[0]
    return (
        f"Of those that may be the best at {words.count(first['labels'])}, "
        f"{words.method(first['method'], first['backbone'])} is the cheapest."
    )


def candidates(tables: Tables, metric: Metric, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the methods of which none is told to be better, the best first.

    Args:
        tables: `gains`.
        metric: the metric that is compared.
        rows: the metric's table at one fraction of a dataset.
    """
    rows = rows.sort_values("mean", ascending=not metric.higher_is_better, kind="stable")
    return rows[rows["may_be_best"] & ~_told_worse(tables, rows, rows.iloc[0])]


def _told_worse(tables: Tables, methods: pd.DataFrame, best: pd.Series) -> pd.Series:
    """Return which methods table `gains` tells to be worse than the best at its fraction.

    Its intervals hold for all fractions of one pair together, those behind `may_be_best` for all
    pairs at one fraction: a pair can be told apart by the first alone.
    """
    rows = of_dataset(tables["gains"], best["dataset"])
    rows = rows[rows["fraction"] == best["fraction"]]
    own = (rows[METHOD] == [best["backbone"], best["method"]]).all(axis=1)
    references = rows.loc[own & (rows["outcome"] == BETTER), "reference"]
    worse = {(FROM_SCRATCH, name) for name in references}
    if best["backbone"] == FROM_SCRATCH:
        beaten = rows[(rows["reference"] == best["method"]) & (rows["outcome"] == WORSE)]
        worse |= {*beaten[METHOD].itertuples(index=False, name=None)}
    names = methods[METHOD].itertuples(index=False, name=None)
    return pd.Series([name in worse for name in names], index=methods.index, dtype=bool)


def gain(tables: Tables, metric: Metric, dataset: str) -> str:
    """Say what transfer gains over training from scratch at each fraction, and how certainly.

    Transfer is the best of its family, see `best_transfer`. The intervals hold together, so that
    what is said of all fractions is right in 95 % of studies. "" if there is no transfer.
    """
    transfer = best_transfer(tables, metric, dataset)
    if transfer is None:
        return ""
    method, backbone = transfer
    labels = _labels(tables, metric, dataset)
    rows = of_dataset(
        tables["gains"], dataset, backbone=backbone, method=method, reference=BASELINE
    )
    found: list[str] = []
    for _, row in rows.sort_values("fraction").iterrows():
        text = f"{words.points(row['absolute_gain'])} points"
        text += words.interval(row["simultaneous_low"], row["simultaneous_high"], words.points)
        found.append(f"{text} {_at(labels[row['fraction']], not found)} ({_outcome(row)})")
    named = words.sentence(words.method(method, backbone)).removesuffix(".")
    return f"{named}, compared with training from scratch: {words.listed(found)}."


def _outcome(gain: pd.Series) -> str:
    """Return what a row of table `gains` shows, in words."""
    if gain["outcome"] != UNDECIDED:
        return gain["outcome"]
    if pd.isna(gain["simultaneous_low"]):
        replicates = gain["replicates"]
        return f"{UNDECIDED} with {replicates} replicate{'s' if replicates > 1 else ''}"
    if pd.isna(gain["more_images"]):
        return UNDECIDED
    return f"{UNDECIDED}: would need about {words.count(gain['more_images'])} more scored images"


def label_value(tables: Tables, metric: Metric, dataset: str) -> str:
    """Say how many labels of training from scratch one label with transfer replaces.

    Transfer is the best of its family, see `best_transfer`; "" if there is none.
    """
    transfer = best_transfer(tables, metric, dataset)
    if transfer is None:
        return ""
    method, backbone = transfer
    rows = of_dataset(tables["label_value"], dataset, backbone=backbone, method=method)
    found: list[str] = []
    for _, row in rows.sort_values("labels").iterrows():
        if np.isclose(
            row[metric.name], metric.best
        ):  # fewer labels may reach it as well, with either method
            found.append(f"not known {_at(row['labels'], not found)} (no score can be higher)")
            continue
        relation = f"{row['relation']} " if row["relation"] else ""
        text = f"{relation}{words.times(row['multiplier'])}"
        text += words.interval(row["multiplier_low"], row["multiplier_high"], words.times)
        text += f" {_at(row['labels'], not found)}"
        needed = words.count(row[f"baseline_labels_for_same_{metric.name}"])
        found.append(f"{text} (from scratch needs {relation}{needed})")
    return (
        f"One label with {words.method(method, backbone)} is worth this many labels from scratch: "
        f"{words.listed(found)}."
    )


def best_transfer(tables: Tables, metric: Metric, dataset: str) -> tuple[str, str] | None:
    """Return the method and the backbone that stand for transfer: the best at the most labels.

    It is the recommended method or its rival, as the opening names them. If neither is transfer,
    because no backbone is trained on with all labels, it is the best at the most that one is.
    Backbones with random weights are controls and have no row in `hypotheses`; None if there are
    no others.
    """
    found = advice.standing(tables, metric, dataset)
    for row in (found.best, found.rival):
        if row is not None and row["backbone"] != FROM_SCRATCH:
            return row["method"], row["backbone"]
    rows = records.ranked(of_dataset(tables[metric.name], dataset))
    rows = rows[rows["backbone"].isin(tables["hypotheses"]["backbone"])]
    if rows.empty:
        return None
    rows = rows[rows["fraction"] == rows["fraction"].max()]
    row = rows.loc[(metric.sign * rows["mean"]).idxmax()]
    return row["method"], row["backbone"]


def caveats(tables: Tables, metric: Metric) -> list[str]:
    """Say what was noticed about the images, what is at chance, and where training ended too early.

    Args:
        tables: the metric's table, `hypotheses`, `classes` and, of your own images, `notes`.
        metric: the metric that is compared.
    """
    rows = tables[metric.name]
    best = {name: best_transfer(tables, metric, name) for name in rows["dataset"].unique()}
    names = zip(rows["dataset"], rows["method"], rows["backbone"], strict=True)
    is_best = np.array([best[dataset] == tuple(own) for dataset, *own in names])
    both_sides = rows[(rows["method"] == BASELINE) | is_best]
    return [
        *noticed(tables),
        *looked_at.few_scored(tables),
        *at_chance(tables, metric),
        *still_learning({metric.name: both_sides}, metric),
    ]


def limits(tables: Tables) -> list[str]:
    """Say what would make the answer wrong that no table can show.

    Args:
        tables: `classes` and `fractions`.
    """
    datasets = list(tables["classes"]["dataset"].unique())
    counted = tables["fractions"]
    groups = "training_groups"
    known = counted.loc[counted[groups].notna(), "dataset"] if groups in counted else ()
    alone = [name for name in datasets if name not in set(known)]
    sentences = [
        "The answer is about new images like these: with another camera, other objects or another "
        "share of each class, it may not hold. What cannot be seen at the size that a network "
        "gets, it cannot learn."
    ]
    if alone:
        sentences.append(
            f"No image of {words.listed(alone)} is known to belong to another. If several show one "
            "object or one person, say so (`groups`): without it, scores may be too high."
        )
    return sentences


def noticed(tables: Tables) -> list[str]:
    """Return what was noticed about the user's images, as sentences."""
    if "notes" not in tables:
        return []
    return [f"On {row['dataset']}: {row['note']}." for _, row in tables["notes"].iterrows()]


def at_chance(tables: Tables, metric: Metric) -> list[str]:
    """Say which methods may be no better than always giving the same answer, and what follows.

    Controls, such as backbones of random weights, are left out: nothing is expected of them.

    Args:
        tables: the metric's table, `hypotheses` and `classes`.
        metric: the metric that is compared.
    """
    chance = _chances(tables, metric)
    rows = records.ranked(tables[metric.name])
    trained = rows["backbone"].isin([FROM_SCRATCH, *tables["hypotheses"]["backbone"]])
    rows = rows[trained & (rows["protocol"] == PROTOCOL)]
    rows = rows[_may_be_chance(rows, chance, metric)]
    sentences = []
    for dataset, own in rows.groupby("dataset", sort=False):
        named = _methods_and_sizes(own)
        text = f"On {dataset}, {words.listed(named)} {'is' if len(named) == 1 else 'are'} not "
        text += "significantly better than always giving the same answer "
        text += f"({words.accuracy(chance[dataset])})"
        if BASELINE in set(own["method"]):
            text += (
                "; training from scratch may have learned almost nothing, which inflates the gain"
            )
        sentences.append(f"{text}.")
    return sentences


def _chances(tables: Tables, metric: Metric) -> dict[str, float]:
    """Return the score of the best guess that does not look at the images, by dataset."""
    scored = tables["classes"].groupby("dataset", sort=False)["scored"]
    return {dataset: metric.chance(counts.to_numpy()) for dataset, counts in scored}


def _may_be_chance(rows: pd.DataFrame, chance: Mapping[str, float], metric: Metric) -> pd.Series:
    """Return which rows are not significantly better than a guess."""
    low, high = rows["ci_low"], rows["ci_high"]
    return ~evidence.beats(rows["dataset"].map(chance), rows["mean"], low, high, metric)


def _methods_and_sizes(rows: pd.DataFrame) -> list[str]:
    """Return each method with its images per class: "transfer from vgg16 (at 6 and 60)"."""
    named: list[str] = []
    for method, own in rows.groupby(["method", "backbone"], sort=False):
        unit = "" if named else " images per class"
        named.append(f"{words.method(*method)} (at {_sizes(own)}{unit})")
    return named


def still_learning(tables: Tables, metric: Metric) -> list[str]:
    """Name the methods whose training loss was still falling at the end of most runs.

    This does not imply underfitting: the validation loss may have been rising for a long time.
    """
    rows = tables[metric.name]
    rows = rows[(rows["protocol"] == PROTOCOL) & (rows["levelled_off"] < 0.5)]
    sentences = []
    for dataset, own in rows.groupby("dataset", sort=False):
        named = _methods_and_sizes(own)
        most = "most runs of " if own["replicates"].max() > 1 else ""
        sentences.append(
            f"On {dataset}, the training loss was still falling at the end of {most}"
            f"{words.listed(named)}: longer training may raise or lower these "
            f"{metric_display.words(metric).plural}."
        )
    return sentences


def beside_the_report(tables: Tables, metric: Metric) -> list[str]:
    """Say where our training from scratch beats the 2018 paper's, its reference for gains."""
    rows = tables[metric.name]
    rows = rows[(rows["method"] == BASELINE) & (rows["mean"] > rows["published"] + RELEVANT)]
    return [
        f"On {row['dataset']} at {words.count(row['labels'])} images per class, the 2018 paper "
        f"reports {words.accuracy(row['published'])} for training from scratch; ours reaches "
        f"{words.accuracy(row['mean'])}: the paper's gain is measured against a weaker baseline."
        for _, row in rows.iterrows()
    ]


def scored_on(tables: Tables) -> str:
    """Say how many images of each dataset select configurations, and how many score them."""
    counts = tables["classes"].groupby("dataset", sort=False)[["selection", "test"]].sum()
    said = [
        f"{words.count(row['selection'])} and {words.count(row['test'])} images of {dataset}"
        for dataset, row in counts.iterrows()
    ]
    return "; ".join(said)


def hypotheses(tables: Tables, metric: Metric) -> list[str]:
    """Return one sentence per test of the 2018 paper's two hypotheses."""
    sentences = []
    rows = tables["hypotheses"]
    for _, row in rows[rows["protocol"] == PROTOCOL].iterrows():
        where = f"on {row['dataset']} from {row['backbone']}"
        value = words.points(row["estimate"])
        value += words.interval(row["ci_low"], row["ci_high"], words.points)
        if row["hypothesis"] == "H1":
            labels = _labels(tables, metric, row["dataset"])[row["fraction"]]
            where += f" at {words.count(labels)} images per class"
        text = f"{row['hypothesis']} {where}: {row['verdict']} ({row['statistic']}: {value} points"
        sentences.append(f"{text}{_p_value(row)}).")
    return sentences


def of_dataset(table: pd.DataFrame, dataset: str, **values: str) -> pd.DataFrame:
    """Return the rows of a table about a dataset under `PROTOCOL` that match the given values."""
    wanted = {"dataset": dataset, "protocol": PROTOCOL, **values}
    return table[(table[list(wanted)] == list(wanted.values())).all(axis=1)]


def _labels(tables: Tables, metric: Metric, dataset: str) -> Mapping[float, int]:
    """Return the training images per class of each fraction."""
    rows = of_dataset(tables[metric.name], dataset)
    return dict(zip(rows["fraction"], rows["labels"], strict=True))


def _sizes(rows: pd.DataFrame) -> str:
    """Return the images per class of the given rows in words."""
    return words.listed([words.count(labels) for labels in sorted(rows["labels"])])


def _p_value(row: pd.Series) -> str:
    """Return ", p = ..." of the test behind the verdict, or "" if there was none."""
    value = row["p_reversed_holm" if row["verdict"] == "reversed" else "p_holm"]
    return f", {words.p_value(value)}" if pd.notna(value) else ""


def _at(labels: int, first: bool) -> str:
    return f"at {words.count(labels)}{' images per class' if first else ''}"
