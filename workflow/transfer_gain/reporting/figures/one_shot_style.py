"""What the figures of one-shot accuracy share."""

from typing import Any

import pandas as pd

APPROACHES = {
    "first": "trained on some of its classes",
    "second": "trained on related images",
}
CHANCE: dict[str, Any] = {"color": "0.4", "linestyle": (0, (1, 3)), "linewidth": 1}


def title(rows: pd.DataFrame, shown: str) -> str:
    """Return a title: the dataset, what the approach trains on, and what is shown."""
    first = rows.iloc[0]
    how = APPROACHES[first["approach"]]
    source = "" if first["trained_on"] == first["tested_on"] else f" ({first['trained_on']})"
    return f"{first['tested_on']}, {how}{source}: {shown}"


def shown_group(rows: pd.DataFrame, group: str) -> str:
    """Describe a group of classes; the second approach has unseen images instead of classes."""
    related = (rows["trained_on"] != rows["tested_on"]).any()
    return f"{'images' if related else 'classes'} {group} in training"
