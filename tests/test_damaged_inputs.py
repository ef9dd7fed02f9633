"""Damaged pictures and tables from outside, and tables of the report: one line, or nothing lost."""

import gzip
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from containers import encode, make_folder, noise, opened, png
from stored import with_a_flipped_bit
from transfer_gain.data import store
from transfer_gain.data.sources import label_table
from transfer_gain.data.sources.base import SourceError
from transfer_gain.data.sources.folder import Folder
from transfer_gain.data.sources.pictures import decode_picture
from transfer_gain.data.whole_files import StoreError
from transfer_gain.evaluation.tables import NOTICED, noticed

COLUMNS = {"file": "file", "label": "label", "split": "split"}
ROWS = "file,label\nx.png,Käse\ny.png,Öl\n"
IMAGES = {"x.png": png(noise(1)), "y.png": png(noise(2))}


def one_line(error: pytest.ExceptionInfo) -> str:
    (line,) = str(error.value).splitlines()
    assert len(line) < 5000
    return line


# --- HEIC, whose reader is a library of its own ---


def test_a_heic_with_any_flipped_bit_is_a_picture_or_one_line():
    picture = Image.fromarray(noise(1, (4, 4, 3))).resize((64, 48), Image.Resampling.BICUBIC)
    content = encode(picture, "HEIF")
    refused = 0
    for flipped in with_a_flipped_bit(content):
        try:
            pixels = decode_picture(flipped, "x.heic")
        except SourceError as error:
            assert len(str(error).splitlines()) == 1
            assert "x.heic" in str(error)
            refused += 1
        else:
            assert pixels.dtype in (np.uint8, np.uint16)
    assert refused > 50  # among them those of the file's structure


# --- Tables of labels ---


def labeled(folder: Path, table: bytes, name: str = "labels.csv", **options) -> Folder:
    path = make_folder(folder / "mine", IMAGES | {name: table})
    return opened(path, labels={"file": name, "columns": COLUMNS}, **options)


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252", "utf-32", "cp500", "utf-7"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_table_in_any_encoding_is_read_or_refused_in_one_line(encoding: str, tmp_path: Path):
    try:
        mine = labeled(tmp_path, ROWS.encode(encoding))
    except SourceError as error:
        assert encoding in ("utf-32", "cp500")
        assert "labels.csv" in str(error)
        assert len(str(error).splitlines()) == 1
    else:
        assert len(mine.items) == 2
        expected = ("K+AOQ-se", "+ANY-l") if encoding == "utf-7" else ("Käse", "Öl")
        assert mine.classes == tuple(sorted(expected))


@pytest.mark.parametrize(
    "content",
    [gzip.compress(ROWS.encode()), np.random.default_rng(0).bytes(5000), bytes(5000), b"\xff\xfe"],
    ids=["gzip", "noise", "zeros", "a mark alone"],
)
@pytest.mark.parametrize("name", ["labels.csv", "labels.parquet"])
def test_what_is_no_table_is_refused_in_one_line(name: str, content: bytes, tmp_path: Path):
    with pytest.raises(SourceError, match=name) as error:
        labeled(tmp_path, content, name, on_bad_image="skip")
    one_line(error)


@pytest.mark.parametrize("name", ["labels.csv", "labels.parquet"])
def test_a_table_with_any_flipped_bit_is_read_or_refused_in_one_line(name: str):
    frame, file = pd.read_csv(io.StringIO(ROWS)), io.BytesIO()
    frame.to_parquet(file)
    content = file.getvalue() if name.endswith(".parquet") else ROWS.encode()
    for flipped in with_a_flipped_bit(content):
        try:
            label_table.read(flipped, name, COLUMNS)
        except SourceError as error:
            assert len(str(error).splitlines()) == 1
            assert name in str(error)


MANY = 100_000


def test_many_rows_without_an_image_are_refused_by_the_first_few(tmp_path: Path):
    rows = ROWS + "".join(f"gone/{number}.png,a\n" for number in range(MANY))
    with pytest.raises(SourceError) as error:
        labeled(tmp_path, rows.encode())
    message = str(error.value)
    assert f"… and {MANY - 10} more" in message
    assert len(message.splitlines()) < 20
    mine = labeled(tmp_path / "again", rows.encode(), on_bad_image="skip")
    assert len(mine.items) == 2
    assert len(mine.skipped) == MANY


def test_many_rows_that_contradict_each_other_are_refused_by_the_first_few(tmp_path: Path):
    rows = ROWS + "x.png,Brot\nx.png,Öl\n" * (MANY // 2)
    with pytest.raises(SourceError) as error:
        labeled(tmp_path, rows.encode())
    message = str(error.value)
    assert "x.png is 'Öl' here, but 'Käse' in row 2" in message
    assert f"… and {MANY - 9} more" in message  # the first row, too
    assert len(message.splitlines()) < 20


# --- Tables of the report about the user's images ---

TABLES = {
    "classes": pd.DataFrame({"dataset": "mine", "class": ["a", "b"], "training": [3, 4]}),
    "notes": noticed("notes", {"mine": [("a note",)]}),
    "near_copies": noticed("near_copies", {"mine": [("a/x.png", "a/y.png", 3, "same class")]}),
    "skipped": noticed("skipped", {"mine": [("a/x.png", "an empty file")]}),
}


@pytest.mark.parametrize("name", TABLES)
def test_no_flipped_bit_of_a_table_goes_unnoticed(name: str, tmp_path: Path):
    assert set(NOTICED) <= set(TABLES)
    whole, damaged = tmp_path / f"{name}.parquet", tmp_path / "damaged.parquet"
    store.write_table(TABLES[name], tmp_path / f"{name}.csv", whole)
    expected = store.read_rows(whole)
    content, refused = whole.read_bytes(), 0
    for flipped in [*with_a_flipped_bit(content), content[:-1], content[:100], b""]:
        damaged.write_bytes(flipped)
        try:
            found = store.read_rows(damaged)
        except StoreError as error:
            assert str(error).startswith(f"{damaged}: found ")
            refused += 1
        else:
            pd.testing.assert_frame_equal(found, expected)
    assert refused > len(content) / 2
