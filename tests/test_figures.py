"""Promises of all figures: they draw any study and are the same each time."""

from pathlib import Path
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import pytest

from drawings import (
    FIGURES,
    STUDIES,
    learning_rates,
    text_of,
)
from transfer_gain.reporting.figures.style import save

pytestmark = pytest.mark.usefixtures("closed_figures")


@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.filterwarnings("error::UserWarning", "error::RuntimeWarning")  # of an empty axis, …
def test_every_figure_draws_any_study(name: str, study: str, tmp_path: Path):
    figure = FIGURES[name](STUDIES[study])
    assert "clothes" in text_of(figure)
    save(figure, tmp_path / "figure.svg")
    root = ElementTree.parse(tmp_path / "figure.svg").getroot()
    assert float(root.attrib["width"].removesuffix("pt")) > 100
    assert not plt.get_fignums()


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_saved_as_the_same_bytes_each_time(name: str, tmp_path: Path):
    saved = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        paths = [folder / "figure.svg", folder / "figure.png"]
        save(FIGURES[name](STUDIES["one replicate"]), *paths)
        saved.append([path.read_bytes() for path in paths])
        assert sorted(path.name for path in folder.iterdir()) == ["figure.png", "figure.svg"]
    assert saved[0] == saved[1]
    assert saved[0][1].startswith(b"\x89PNG")


def svg_text(path: Path) -> str:
    return " ".join(ElementTree.parse(path).getroot().itertext())


def test_text_stays_text_in_svg(tmp_path: Path):
    save(learning_rates(STUDIES["one fraction"]), tmp_path / "figure.svg")
    assert "validation accuracy" in svg_text(tmp_path / "figure.svg")
