"""Where the best method goes wrong, as a sentence of the answer."""

from collections.abc import Mapping

import pandas as pd

from transfer_gain.metrics import Metric
from transfer_gain.names import HELD_OUT
from transfer_gain.reporting import words

FEW = 4  # classes whose recall is told of each
MOST = 0.5  # share of the mistakes
TIED = 2  # pairs of classes that may be the most confused

Tables = Mapping[str, pd.DataFrame]


def mistakes(tables: Tables, metric: Metric, dataset: str) -> str:
    """Say what the best method at the largest fraction confuses most, and which classes it finds.

    Args:
        tables: the metric's table, `confusion` and `per_class`.
        metric: the metric that is compared.
        dataset: name of the dataset.
    """
    rows = tables["confusion"].query("dataset == @dataset")
    names = ["dataset", "backbone", "method", "fraction"]
    chosen = rows.iloc[0][names]
    scores = tables[metric.name]
    scores = scores[scores["protocol"] == HELD_OUT]
    labels = scores.loc[(scores[names] == chosen).all(axis=1), "labels"].iloc[0]
    method = words.named(chosen)
    text = f"At {words.count(labels)} images per class, {method}"
    wrong = rows[rows["rank"] > 0]
    if wrong.empty:
        scored = rows["images"].sum()
        return f"{text} makes no mistake on the {words.count(scored)} images that are scored."
    per_class = tables["per_class"]
    per_class = per_class[(per_class[names] == chosen).all(axis=1)]
    text += f" {_confused(wrong, per_class.set_index('class')['images'])}"
    return f"{text}; it finds {_recalls(per_class)}."


def most_frequent(tables: Tables, dataset: str) -> str:
    """Say how many images of which class are taken for which in most mistakes, or "".

    Args:
        tables: `confusion` and `classes`.
        dataset: its name.
    """
    rows = tables["confusion"]
    rows = rows[(rows["dataset"] == dataset) & (rows["rank"] == 1)]
    if len(rows) != 1 or rows["share_of_mistakes"].iloc[0] <= MOST:
        return ""
    row = rows.iloc[0]
    classes = tables["classes"].query("dataset == @dataset").set_index("class")
    scored = words.count(classes.loc[row["class"], "scored"])
    return (
        f"It takes {words.count(round(row['images']))} of {scored} {row['class']} for "
        f"{row['predicted']}: most of its mistakes."
    )


def _confused(wrong: pd.DataFrame, images: pd.Series) -> str:
    """Return the most confused pairs of classes.

    Args:
        wrong: rows of table `confusion` about mistakes.
        images: scored images of each class.
    """
    most = wrong[wrong["rank"] == 1]
    if len(most) > TIED:
        return "confuses no two classes more often than others"
    pairs = [
        f"{row['class']} for {row['predicted']} ({words.count(row['images'])} of "
        f"{words.count(images[row['class']])} scored, {_percent(row['share_of_mistakes'])} of its "
        "mistakes)"
        for _, row in most.iterrows()
    ]
    return f"most often takes {words.listed(pairs)}"


def _recalls(per_class: pd.DataFrame) -> str:
    """Return the recall of each class, or those of the classes found least and most of many."""
    ordered = per_class.sort_values("recall", kind="stable")
    if len(per_class) <= FEW:
        return words.listed([_recall(row) for _, row in per_class.iterrows()])
    least, most = ordered.iloc[0], ordered.iloc[-1]
    return f"{_recall(least)}, the least, and {_recall(most)}, the most"


def _recall(row: pd.Series) -> str:
    """Return "0.71 [0.60, 0.80] of cracked"."""
    ends = words.interval(row["recall_low"], row["recall_high"], _share)
    return f"{_share(row['recall'])}{ends} of {row['class']}"


def _share(value: float) -> str:
    return f"{value:.2f}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
