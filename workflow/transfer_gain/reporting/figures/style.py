"""How all figures look, and how they are saved."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

from transfer_gain.data.whole_files import written_whole

BAND = "line: mean over replicates; band: 95 % interval (Student's t)"
BAND_AND_BARS = "line: mean over replicates; band and bars: 95 % interval (Student's t)"
NO_BARS = "no interval for one replicate or equal results"


def save(figure: Figure, *paths: Path | str) -> None:
    """Write a figure to files, in the format of each file's suffix.

    The bytes are the same on every call. SVG keeps text as text, so that it can be read aloud and
    searched.
    """
    with matplotlib.rc_context({"svg.hashsalt": "transfer-gain", "svg.fonttype": "none"}):
        for path in paths:
            ending = Path(path).suffix.removeprefix(".")
            metadata = {"Date": None} if ending == "svg" else {}
            with written_whole(path) as temporary:
                figure.savefig(
                    temporary, format=ending, dpi=200, bbox_inches="tight", metadata=metadata
                )
    plt.close(figure)


@contextmanager
def paper_style() -> Iterator[None]:
    """Use seaborn's paper context and a white grid."""
    with (
        sns.axes_style("whitegrid"),
        sns.plotting_context("paper"),
        matplotlib.rc_context({"axes.titlesize": "medium"}),
    ):
        yield


def colors(count: int) -> list:
    """Return a color-blind safe palette; more than ten colors differ in shade only."""
    return sns.color_palette("colorblind" if count <= 10 else "cividis", count)


def footnote(figure: Figure, text: str) -> None:
    """Write an explanation below a figure."""
    figure.text(0.0, -0.015, text, fontsize="small", color="0.35", va="top")


def spread(count: int, step: float) -> np.ndarray:
    """Return `count` evenly spaced offsets centered on zero."""
    return (np.arange(count) - (count - 1) / 2) * step


def percent(fraction: float) -> str:
    """Return a fraction as a percentage: 0.001 as "0.1 %"."""
    return f"{fraction * 100:g} %"
