"""How all figures look, and how they are saved."""

import functools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from transfer_gain.data.whole_files import written_whole
from transfer_gain.printable import printable

_POINT = "point: "  # how the id of a point begins whose text the pointer shows

BAND = "line: mean over replicates; band: 95 % interval (Student's t)"
BAND_AND_BARS = "line: mean over replicates; band and bars: 95 % interval"
UNREDUCED = 128  # pixels a side
LONGEST_LABEL = 24  # characters of a class's name in a figure
# DejaVu Sans has Latin, Greek, Cyrillic, Arabic and Hebrew, but no Indic or East Asian scripts.
_OTHER_SCRIPTS = (
    *("Noto Sans CJK JP", "Noto Sans CJK SC", "Hiragino Sans", "WenQuanYi Zen Hei", "IPAGothic"),
    *("Noto Sans Devanagari", "Noto Sans Thai", "Noto Sans", "Unifont", "Arial Unicode MS"),
)
NO_BARS = "no interval for one replicate or equal results"


def save(figure: Figure, *paths: Path | str) -> None:
    """Write a figure to files, in the format of each file's suffix.

    The bytes are the same on every call. SVG keeps text as text, so that it can be read aloud and
    searched, and points of `hover` have their texts as titles, which browsers show.
    """
    with matplotlib.rc_context({"svg.hashsalt": "transfer-gain", "svg.fonttype": "none"}):
        for path in paths:
            ending = Path(path).suffix.removeprefix(".")
            metadata = {"Date": None} if ending == "svg" else {}
            with written_whole(path) as temporary:
                figure.savefig(
                    temporary, format=ending, dpi=200, bbox_inches="tight", metadata=metadata
                )
                if ending == "svg":
                    _title_points(Path(temporary))
    plt.close(figure)


@contextmanager
def paper_style() -> Iterator[None]:
    """Use seaborn's paper context and a white grid."""
    with (
        sns.axes_style("whitegrid"),
        sns.plotting_context("paper"),
        matplotlib.rc_context(
            {
                "axes.titlesize": "medium",
                "text.parse_math": False,  # names may contain dollar signs
                "font.family": _families(),
            }
        ),
    ):
        yield


@functools.cache
def _families() -> list[str]:
    """Return the font, and those installed for scripts that it lacks."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return ["DejaVu Sans", *filter(installed.__contains__, _OTHER_SCRIPTS), "sans-serif"]


def class_label(name: str) -> str:
    """Return a class's name as figures show it: on one line, shortened."""
    name = printable(name)
    return name if len(name) <= LONGEST_LABEL else f"{name[: LONGEST_LABEL - 1].rstrip()}…"


def colors(count: int) -> list:
    """Return a color-blind safe palette; more than ten colors differ in shade only."""
    return sns.color_palette("colorblind" if count <= 10 else "cividis", count)


def footnote(figure: Figure, text: str) -> None:
    """Write an explanation below a figure."""
    figure.text(0.0, -0.015, text, fontsize="small", color="0.35", va="top")


def hover(axes: Axes, x: float, y: float, text: str) -> None:
    """Lay an invisible point over a drawn one, which shows a text to the pointer in SVG."""
    axes.plot([x], [y], "o", markersize=14, alpha=0, gid=f"{_POINT}{text}")


def _title_points(path: Path) -> None:
    """Give the points of an SVG file titles instead of ids."""
    found = re.compile(f'<g id="{_POINT}([^"]*)">')
    path.write_text(found.sub(r'<g class="point"><title>\1</title>', path.read_text()))


def spread(count: int, step: float) -> np.ndarray:
    """Return `count` evenly spaced offsets centered on zero."""
    return (np.arange(count) - (count - 1) / 2) * step


def percent(fraction: float) -> str:
    """Return a fraction as a percentage: 0.001 as "0.1 %"."""
    return f"{fraction * 100:g} %"


def show_image(axes: Axes, image: np.ndarray) -> None:
    """Draw an image, uint8 (height, width, 1 or 3), without scaling its brightness.

    A vector file holds a small one pixel by pixel; a large one is reduced to what can be seen.
    """
    interpolation = "none" if max(image.shape) <= UNREDUCED else None
    shown = image[:, :, 0] if image.shape[2] == 1 else image
    axes.imshow(shown, cmap="gray", vmin=0, vmax=255, interpolation=interpolation)
