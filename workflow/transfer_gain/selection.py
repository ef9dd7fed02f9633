"""Which head is the best one, by a rule."""

from pathlib import Path
from typing import Any

import pandas as pd

# Which accuracy selects and which is reported: the report used the same images for both, the
# held-out protocol never does.
PROTOCOLS = {
    "report": ("validation_accuracy", "validation_accuracy"),
    "held-out": ("selection_accuracy", "reporting_accuracy"),
}
TIE_BREAKERS = {"report": "validation_loss", "held-out": "selection_loss"}
CONFIGURATION = ["layers", "activation", "learning_rate"]


def select_heads(runs: pd.DataFrame) -> pd.DataFrame:
    """Select the best of the configurations of one dataset, backbone and size.

    The best has the highest mean accuracy over replicates; of equal ones the one with the lower
    mean loss on the same images, then the one that stands first in the config.

    Args:
        runs: rows of all configurations, in the config's order.

    Returns:
        A row a protocol: protocol, layers, activation, learning_rate, configurations (how many
        there were to choose from), selected_by (name of the accuracy), accuracy (its mean).
    """
    means = runs.groupby(CONFIGURATION, sort=False).mean(numeric_only=True).reset_index()
    rows = []
    for protocol, (selects, _) in PROTOCOLS.items():
        # Rounded, since equal numbers of correct images can differ in the last bit of their mean.
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
    return runs[(runs[CONFIGURATION] == chosen[CONFIGURATION].to_numpy()).all(axis=1)]


def read(path: Path | str) -> pd.DataFrame:
    """Return the rows of a file of `select_heads`."""
    return pd.read_csv(path, dtype={"layers": str})


def read_settings(path: Path | str, protocol: str) -> dict[str, Any]:
    """Return the layers, activation and learning rate that a protocol selected, as `heads.train`'s.

    Args:
        path: file of `select_heads`.
        protocol: a key of `PROTOCOLS`.
    """
    chosen = read(path).set_index("protocol").loc[protocol]
    return {
        "layers": [int(units) for units in chosen["layers"].split("-")],
        "activation": chosen["activation"],
        "learning_rate": float(chosen["learning_rate"]),
    }
