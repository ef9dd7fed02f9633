"""The figure of near copies among a user's images, pair by pair."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from transfer_gain.printable import printable
from transfer_gain.reporting.figures.style import paper_style, show_image

SHOWN = 12  # pairs
_COLUMNS = 4
_LONGEST = 28  # characters of a name


def plot_near_copies(pairs: pd.DataFrame, pixels: np.ndarray, dataset: str) -> Figure:
    """Draw pairs of near copies side by side, with their names and relation.

    Args:
        pairs: rows of table `near_copies` (path, other, distance, relation).
        pixels: uint8 (pairs, 2, size, size, 1 or 3), in the order of `pairs`.
        dataset: name of the dataset.
    """
    columns = min(max(len(pairs), 2), _COLUMNS)
    lines = max(1, -(-len(pairs) // columns))
    with paper_style():
        figure, grid = plt.subplots(
            lines, columns, figsize=(2.4 * columns, 1.8 * lines), squeeze=False
        )
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, (_, pair), both in zip(grid.flat, pairs.iterrows(), pixels, strict=False):
            show_image(axes, np.concatenate(list(both), axis=1))
            names = "\n".join(_short(pair[name]) for name in ("path", "other"))
            axes.set_title(
                f"{pair['relation']}, {pair['distance']} of 256 bits\n{names}",
                fontsize=6,
            )
        title = "near copies, the most suspicious first" if len(pairs) else "no near copies found"
        figure.tight_layout()
        figure.suptitle(f"{dataset}: {title}", y=1.02, va="bottom")
    return figure


def _short(name: str) -> str:
    """Return the end of a long name, on one line."""
    name = printable(name)
    return name if len(name) <= _LONGEST else f"…{name[-_LONGEST:]}"
