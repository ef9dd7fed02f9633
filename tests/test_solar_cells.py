"""Promises of the solar cells: the package's labels, and honest draws."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from containers import noise, png, zip_bytes
from transfer_gain.data.sources import solar_cells
from transfer_gain.data.sources.fetch import fetch
from transfer_gain.data.sources.solar_cells import SolarCells

# Two in three cells are functional, as in the package; two more are in doubt.
PROBABILITIES = [0.0, 0.0, 1.0] * 30 + [1 / 3, 2 / 3]


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    names = [f"images/cell{number:04}.png" for number in range(len(PROBABILITIES))]
    tree = {
        f"elpv_dataset/data/{name}": png(noise(seed, (9, 9))) for seed, name in enumerate(names)
    }
    rows = zip(names, PROBABILITIES, strict=True)
    table = "".join(f"{name}  {value}   mono\n" for name, value in rows)
    file = tmp_path / "cells.whl"
    file.write_bytes(zip_bytes(tree | {"elpv_dataset/data/labels.csv": table.encode()}))
    return file


def test_the_cells_keep_their_shares_and_doubtful_ones_are_left_out(wheel: Path):
    cells = SolarCells(wheel, images=30, rest=False, seed=1)
    assert Counter(cells.classes[item.label] for item in cells.items) == {
        "functional": 20,
        "defective": 10,
    }
    for item in cells.items:
        number = int(item.image_id[-8:-4])
        assert PROBABILITIES[number] == item.label
        assert np.array_equal(cells.read(item), noise(number, (9, 9)))


def test_the_rest_is_the_world_and_the_draw_is_the_same_with_and_without(wheel: Path):
    alone = SolarCells(wheel, images=30, rest=False, seed=1).items
    with_rest = SolarCells(wheel, images=30, rest=True, seed=1).items
    assert [item for item in with_rest if item.split is None] == alone
    world = [item for item in with_rest if item.split == "test"]
    assert len(world) == 60
    assert not {item.image_id for item in world} & {item.image_id for item in alone}
    assert SolarCells(wheel, images=30, rest=False, seed=2).items != alone


@pytest.mark.network
def test_the_package_holds_what_its_page_says(tmp_path: Path):
    fetch(solar_cells.ARTEFACT, tmp_path)
    cells = SolarCells(tmp_path / solar_cells.WHEEL, images=300, rest=True, seed=2018)
    assert len(cells.items) == 2223
    assert Counter(item.label for item in cells.items[:300]) == {0: 204, 1: 96}
    assert cells.read(cells.items[0]).shape == (300, 300)
