"""Promises of all figures: they draw any study and are the same each time."""

from pathlib import Path
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from drawings import (
    FIGURES,
    STUDIES,
    learning_rates,
    text_of,
)
from transfer_gain.reporting.figures.samples import plot_samples
from transfer_gain.reporting.figures.style import LONGEST_LABEL, class_label, save

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


NAMES = {
    "dollars": "$\\foo$ and $5",
    "long": "a name of a class that is as long as a sentence, and longer",
    "other scripts": "猫 кот قط बिल्ली",
    "control characters": "a\nb\x1b[2J\x07",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.filterwarnings("ignore:Glyph .* missing from font")
def test_any_name_of_a_class_is_drawn_as_it_is(name, tmp_path):
    index = pd.DataFrame({"image_id": ["a", "b"], "split": "training", "label": [0, 1]})
    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    save(plot_samples(index, pixels, [name, "dog"], "mine"), tmp_path / "a.svg", tmp_path / "a.png")
    texts = {
        "".join(text.itertext()).strip()
        for text in ElementTree.parse(tmp_path / "a.svg").iter("{http://www.w3.org/2000/svg}text")
    }
    assert class_label(name) in texts
    assert len(class_label(name)) <= LONGEST_LABEL
    width, height = Image.open(tmp_path / "a.png").size
    assert max(width, height) < 1500


def test_a_sheet_of_many_classes_is_cut():
    classes = [f"class {number}" for number in range(200)]
    index = pd.DataFrame({"image_id": classes, "split": "training", "label": range(200)})
    figure = plot_samples(index, np.zeros((200, 8, 8, 1), np.uint8), classes, "mine")
    assert figure.get_figheight() < 50
    assert "… and 150 more classes" in [text.get_text() for text in figure.texts]


def test_a_sheet_of_many_classes_leaves_room_for_the_rest_of_a_report(tmp_path: Path):
    """Noise in color is the worst case: it cannot be compressed."""
    classes = [f"class {number}" for number in range(200)]
    labels = np.repeat(range(200), 10)
    index = pd.DataFrame({"image_id": map(str, labels), "split": "training", "label": labels})
    noise = np.random.default_rng(0).integers(0, 256, (2000, 64, 64, 3), dtype=np.uint8)
    save(plot_samples(index, noise, classes, "mine"), tmp_path / "sheet.svg")
    assert (tmp_path / "sheet.svg").stat().st_size < 4_500_000
