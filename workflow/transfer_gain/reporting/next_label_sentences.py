"""Which unlabelled images to label next, in a sentence of the answer."""

from collections.abc import Mapping

import pandas as pd

from transfer_gain.labelling import replay
from transfer_gain.labelling.strategies import BY_NAME, RANDOM
from transfer_gain.labelling.unlabelled_reasons import COPY, LABELLED
from transfer_gain.reporting import words


def sentences(tables: Mapping[str, pd.DataFrame], dataset: str) -> list[str]:
    """Say how to choose the next images to label, and how much that helps; [] if none are given.

    Args:
        tables: `next_labels`, `next_labels_test` and `unlabelled_skipped`, if there are any.
        dataset: its name.
    """
    if "next_labels" not in tables:
        return []
    names = ("next_labels", "next_labels_test", "unlabelled_skipped")
    listed, test, skipped = (tables[name][tables[name]["dataset"] == dataset] for name in names)
    if listed.empty and skipped.empty:
        return []
    left_out = _left_out(skipped["reason"])
    if listed.empty:
        return [f"There is nothing to label next for {dataset}: {left_out} are left out."]
    count, unlabelled = len(listed), listed["unlabelled"].iloc[0]
    shown = f"table next_labels lists the first {count} of {words.count(unlabelled)} images"
    if count == unlabelled:
        shown = f"table next_labels lists all {words.count(unlabelled)} images"
    shown += f" ({left_out} are left out)" if left_out else ""
    return [f"To label more images of {dataset}, {_advice(test)}; {shown}."]


def _advice(test: pd.DataFrame) -> str:
    """Say what to choose by, with the numbers behind it."""
    judged = test[(test["batch"] == replay.ALL) & (test["strategy"] != RANDOM.name)]
    if judged.empty:
        return "choose at random: there are too few labeled images to try anything else"
    first = judged.iloc[0]
    tried = f"tried on the {words.count(first['images'])} labeled ones in {first['splits']} splits"
    chosen = replay.recommended(test)
    if chosen == RANDOM.name:
        return (
            f"choose at random: {tried}, no strategy is shown to be better with as many labels "
            f"({'; '.join(_gain(row) for _, row in judged.iterrows())})"
        )
    row = judged.set_index("strategy", drop=False).loc[chosen]
    return (
        f"choose by {BY_NAME[chosen].label}: {tried}, it gains {_points(row)} over "
        "random choice with as many labels"
    )


def _gain(row: pd.Series) -> str:
    return f"{BY_NAME[row['strategy']].label} {_points(row)}"


def _points(row: pd.Series) -> str:
    """Return "+1.2 points [+0.3, +2.1]"."""
    ends = words.interval(row["low"], row["high"], words.points)
    return f"{words.points(row['difference'])} points{ends}"


def _left_out(reasons: pd.Series) -> str:
    """Return how many files are left out, by reason: "2 labeled already and 1 unreadable"."""
    labelled = int((reasons == LABELLED).sum())
    copies = int(reasons.str.startswith(COPY).sum())
    kinds = {
        "labeled already": labelled,
        "identical to others": copies,
        "that cannot be used": len(reasons) - labelled - copies,
    }
    return words.listed([f"{words.count(n)} {kind}" for kind, n in kinds.items() if n] or [""])
