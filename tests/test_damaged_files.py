"""Promises of reading: a damaged file is refused by name."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from stored import (
    READERS,
    RUNS,
    make_arrays,
    read_everything,
    with_a_flipped_bit,
    write,
    write_sparse,
)
from transfer_gain.data import store
from transfer_gain.data.sealed_parquet import seal
from transfer_gain.data.whole_files import StoreError


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "content",
    [b"", b"PAR1", b"image_id,label\n1,2\n", bytes(5000)],
    ids=["empty", "magic only", "text", "zeros"],
)
def test_what_is_no_parquet_is_refused_by_name(tmp_path: Path, reader: str, content: bytes):
    path = tmp_path / "clothes.parquet"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"clothes\.parquet: found .*expected"):
        READERS[reader](path)
    with pytest.raises(StoreError, match=r"clothes\.parquet: found .*expected"):
        store.read_rows(path)


def test_a_file_cut_off_anywhere_is_refused_by_name(tmp_path: Path):
    whole = write(tmp_path / "file.parquet", rows=4).read_bytes()
    path = tmp_path / "cut.parquet"
    for length in {*range(0, len(whole), 13), *range(len(whole) - 12, len(whole))}:
        path.write_bytes(whole[:length])
        for reader in (*READERS.values(), store.read_rows):
            with pytest.raises(StoreError, match=r"cut\.parquet"):
                reader(path)


def test_a_damaged_array_is_in_the_way_of_none_but_its_own_readers(tmp_path: Path):
    rows = np.arange(40)
    arrays = make_arrays(40, (2, 3), "<f4")
    path = write(tmp_path / "file.parquet", dtype="<f4")
    content = path.read_bytes()
    # Random bits are not made smaller: they lie in the file as they are.
    assert content.count(arrays[7].tobytes()) == 1
    position = content.index(arrays[7].tobytes()) + 11
    path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
    with pytest.raises(StoreError, match=r"file\.parquet"):
        store.read_arrays(path, rows[7:8])
    others = np.delete(rows, 7)
    assert store.read_arrays(path, others).tobytes() == arrays[others].tobytes()


@pytest.mark.parametrize("reader", READERS)
def test_a_parquet_of_another_schema_is_refused_by_name(tmp_path: Path, reader: str):
    foreign = {
        "rows.parquet": lambda path: store.write_rows(RUNS, path),
        "pandas.parquet": lambda path: RUNS.to_parquet(path),
    }
    for name, make in foreign.items():
        make(tmp_path / name)
        with pytest.raises(StoreError, match=rf"{name}: found .*expected"):
            READERS[reader](tmp_path / name)


@pytest.mark.parametrize("reader", READERS)
def test_columns_that_disagree_with_the_description_are_refused(tmp_path: Path, reader: str):
    whole = pq.read_table(write(tmp_path / "file.parquet"))
    path = tmp_path / "altered.parquet"
    for columns in (["image_id", "split", "pixels"], ["split", "image_id", "label", "pixels"]):
        pq.write_table(whole.select(columns), path)
        seal(path)
        with pytest.raises(StoreError, match=r"altered\.parquet: found columns .*image_id"):
            READERS[reader](path)


def test_a_missing_file_is_not_called_corrupt(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.parquet"):
        store.read_index(tmp_path / "nowhere.parquet")


def test_damaged_rows_are_refused_by_name(tmp_path: Path):
    path = tmp_path / "runs.parquet"
    store.write_rows(RUNS, path)
    column = pq.ParquetFile(path).metadata.row_group(0).column(3)
    damaged = bytearray(path.read_bytes())
    damaged[column.dictionary_page_offset + column.total_compressed_size - 1] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(StoreError, match=r"runs\.parquet"):
        store.read_rows(path)


def read_all_rows(path: Path) -> tuple:
    return (store.read_rows(path).to_csv(),)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["rows", "arrays", "sparse arrays"])
def test_no_flipped_bit_goes_unnoticed(tmp_path: Path, kind: str):
    """Flip a bit of each byte in turn: the file is refused by name, or gives the very same."""
    path = tmp_path / "whole.parquet"
    if kind == "rows":
        store.write_rows(RUNS, path)
    elif kind == "arrays":
        write(path, rows=5)
    else:
        write_sparse(path)
    read = read_all_rows if kind == "rows" else read_everything
    content, expected = path.read_bytes(), repr(read(path))
    damaged, refused = tmp_path / "damaged.parquet", 0
    for position, flipped in enumerate(with_a_flipped_bit(content)):
        damaged.write_bytes(flipped)
        try:
            found = repr(read(damaged))
        except StoreError as error:
            assert str(error).startswith(f"{damaged}: found ")
            assert len(str(error).splitlines()) == 1
            refused += 1
        else:
            assert found == expected, position
    assert refused > len(content) / 2


def test_a_file_that_another_program_wrote_again_is_refused(tmp_path: Path):
    store.write_rows(RUNS, tmp_path / "runs.parquet")
    pd.read_parquet(tmp_path / "runs.parquet").to_parquet(tmp_path / "runs.parquet")
    with pytest.raises(StoreError, match=r"runs\.parquet: found .*another program, expected"):
        store.read_rows(tmp_path / "runs.parquet")
