"""Promises of the store: what goes in comes out, whole and unchanged, or is refused by name."""

import itertools
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stored import (
    METADATA,
    RUNS,
    batches_of,
    make_arrays,
    make_index,
    names,
    with_a_flipped_bit,
    write,
    write_sparse,
)
from transfer_gain.data import store
from transfer_gain.data.whole_files import StoreError


@settings(deadline=None, max_examples=60)
@given(
    data=st.data(),
    rows=st.integers(0, 40),
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple),
    dtype=st.sampled_from(["|u1", "<f4"]),
    written_by=st.integers(1, 50),
)
def test_any_arrays_come_back_bit_for_bit(data, rows, shape, dtype, written_by):
    index, arrays = make_index(rows), make_arrays(rows, shape, dtype)
    chosen = data.draw(st.lists(st.integers(0, rows - 1), max_size=60) if rows else st.just([]))
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder, "file.parquet"), rows, shape, dtype, written_by)
        everything = store.read_arrays(path)
        some = store.read_arrays(path, np.array(chosen, np.int64))
        read_index = store.read_index(path)
        metadata = store.read_metadata(path)
    assert metadata == {"column": "pixels", "shape": list(shape), "dtype": dtype, **METADATA}
    assert everything.dtype == np.dtype(dtype)
    assert (everything.shape, everything.tobytes()) == (arrays.shape, arrays.tobytes())
    assert (some.shape, some.tobytes()) == (arrays[chosen].shape, arrays[chosen].tobytes())
    assert read_index.drop(columns="group").to_dict("list") == index.to_dict("list")
    assert read_index["group"].isna().all()
    assert read_index["label"].dtype == np.int32


def test_a_batch_larger_than_a_row_group_is_read_across_groups(tmp_path: Path):
    rows = 2 * store.ROWS_IN_GROUP + 5
    path = write(tmp_path / "file.parquet", rows, (3,), "<f4", size=rows)
    assert pq.ParquetFile(path).num_row_groups == 3
    chosen = np.array([rows - 1, 0, store.ROWS_IN_GROUP, store.ROWS_IN_GROUP - 1, 0])
    expected = make_arrays(rows, (3,), "<f4")[chosen]
    assert store.read_arrays(path, chosen).tobytes() == expected.tobytes()


@pytest.mark.parametrize("rows", [[-1], [0, 40], [10**9]])
def test_a_row_outside_the_file_is_refused(tmp_path: Path, rows: list[int]):
    path = write(tmp_path / "file.parquet")
    with pytest.raises(IndexError, match=r"file\.parquet"):
        store.read_arrays(path, np.array(rows))


def test_two_writes_give_the_same_bytes(tmp_path: Path):
    arrays = [write(tmp_path / name).read_bytes() for name in ("a.parquet", "b.parquet")]
    rows = []
    for name in ("c.parquet", "d.parquet"):
        store.write_rows(RUNS, tmp_path / name)
        rows.append((tmp_path / name).read_bytes())
    assert arrays[0] == arrays[1]
    assert rows[0] == rows[1]


def in_parts(folder: Path, groups: list[int], width: int = 3, rest: int = 5) -> list[Path]:
    """Write parts of so many row groups each, the last row group with `rest` rows."""
    rows = (sum(groups) - 1) * store.ROWS_IN_GROUP + rest
    index, arrays = make_index(rows), make_arrays(rows, (width,), "<f4")
    ends = [min(end * store.ROWS_IN_GROUP, rows) for end in np.cumsum([0, *groups])]
    folder.mkdir()
    for number, (begin, end) in enumerate(itertools.pairwise(ends)):
        pairs = batches_of(index.iloc[begin:end], arrays[begin:end], 32)
        store.write_arrays(folder / str(number), "pixels", (width,), "<f4", pairs, METADATA)
    return [folder / str(number) for number in range(len(groups))]


@pytest.mark.parametrize("groups", [[4], [2, 2], [1, 2, 1], [0, 1, 0, 1, 0, 1, 1]], ids=len)
@pytest.mark.parametrize("width", [1, 2048])
def test_gathered_parts_are_the_bytes_of_one_file(tmp_path: Path, groups: list[int], width: int):
    (whole,) = in_parts(tmp_path / "whole", [4], width)
    store.gather_arrays(in_parts(tmp_path / "parts", groups, width), tmp_path / "gathered")
    assert (tmp_path / "gathered").read_bytes() == whole.read_bytes()


def test_parts_without_any_rows_are_gathered(tmp_path: Path):
    parts = [write(tmp_path / name, rows=0) for name in "ab"]
    store.gather_arrays(parts, tmp_path / "gathered")
    assert (tmp_path / "gathered").read_bytes() == parts[0].read_bytes()


def test_gathering_more_parts_takes_no_more_memory(tmp_path: Path):
    before = pa.default_memory_pool()
    peaks = []
    for count in (3, 12):
        parts = in_parts(tmp_path / str(count), [1] * count, width=512)
        pool = pa.proxy_memory_pool(before)
        pa.set_memory_pool(pool)
        try:
            store.gather_arrays(parts, tmp_path / "gathered")
        finally:
            pa.set_memory_pool(before)
        while pool.bytes_allocated():  # Arrow's threads let go of buffers a moment later
            time.sleep(0.01)
        peaks.append(pool.max_memory())
    assert 0 < peaks[1] < 1.2 * peaks[0]


def test_parts_of_different_making_or_damaged_are_refused_by_name(tmp_path: Path):
    first, second = write(tmp_path / "first"), tmp_path / "second"
    about = METADATA | {"precision": "bfloat16"}
    pairs = batches_of(make_index(4), make_arrays(4, (2, 3), "|u1"), 4)
    store.write_arrays(second, "pixels", (2, 3), "|u1", pairs, about)
    with pytest.raises(StoreError, match=r"second: found .*bfloat16.* as in .*first"):
        store.gather_arrays([first, second], tmp_path / "gathered")
    second.write_bytes(first.read_bytes()[:-9])
    with pytest.raises(StoreError, match="second: found a corrupt"):
        store.gather_arrays([first, second], tmp_path / "gathered")
    assert names(tmp_path) == ["first", "second"]


@pytest.mark.slow
def test_a_part_with_a_flipped_bit_is_refused_by_name_or_gives_the_same_bytes(tmp_path: Path):
    first, second = tmp_path / "first", write_sparse(tmp_path / "second")
    store.gather_arrays([second, second], tmp_path / "expected")
    expected, content = (tmp_path / "expected").read_bytes(), second.read_bytes()
    refused = 0
    for position, flipped in enumerate(with_a_flipped_bit(content)):
        first.write_bytes(flipped)
        try:
            store.gather_arrays([second, first], tmp_path / "gathered")
        except StoreError as error:
            assert str(error).startswith(f"{first}: found ")
            refused += 1
        else:
            assert (tmp_path / "gathered").read_bytes() == expected, position
    assert refused > len(content) / 2


@pytest.mark.parametrize("shape", [(6,), (5, 2, 3), (4, 3, 3)])
def test_arrays_of_another_shape_or_number_are_never_written(tmp_path: Path, shape: tuple):
    pairs = [(make_index(4), np.zeros(shape, np.uint8))]
    with pytest.raises(ValueError, match="reshape"):
        store.write_arrays(tmp_path / "file", "pixels", (2, 3), "|u1", pairs, METADATA)
    assert names(tmp_path) == []


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("older", [True, False])
def test_an_interrupted_write_leaves_nothing_but_the_older_file(
    tmp_path: Path, interruption: type[BaseException], older: bool
):
    path = tmp_path / "file.parquet"
    before = write(path, rows=5).read_bytes() if older else None

    def interrupted():
        pairs = batches_of(make_index(40), make_arrays(40, (2, 3), "|u1"), 16)
        yield next(pairs)
        assert names(tmp_path) != (["file.parquet"] if older else [])  # it had begun
        raise interruption

    with pytest.raises(interruption):
        store.write_arrays(path, "pixels", (2, 3), "|u1", interrupted(), METADATA)
    assert names(tmp_path) == (["file.parquet"] if older else [])
    if older:
        assert path.read_bytes() == before


def test_rows_come_back_in_order_with_their_types(tmp_path: Path):
    more = RUNS.assign(replicate=np.array([2, 3], np.int32), validation_accuracy=[np.nan, 0.5])
    paths = [tmp_path / "b.parquet", tmp_path / "a.parquet"]
    for rows, path in zip((RUNS, more), paths, strict=True):
        store.write_rows(rows.set_index(np.array([5, 5])), path)
    pd.testing.assert_frame_equal(store.read_rows(paths[0]), RUNS)
    pd.testing.assert_frame_equal(store.read_rows(str(paths[0])), RUNS)
    pd.testing.assert_frame_equal(
        store.read_rows(iter(paths)), pd.concat([RUNS, more], ignore_index=True)
    )


@pytest.mark.parametrize(
    "other",
    [
        RUNS.drop(columns="layers"),
        RUNS.assign(extra=1),
        RUNS[RUNS.columns[::-1]],
        RUNS.astype({"replicate": float}),
    ],
    ids=["fewer", "more", "other order", "other type"],
)
def test_rows_of_differing_columns_are_refused_by_name(tmp_path: Path, other: pd.DataFrame):
    store.write_rows(RUNS, tmp_path / "first.parquet")
    store.write_rows(other, tmp_path / "second.parquet")
    with pytest.raises(StoreError, match=r"second\.parquet: found columns .*first\.parquet"):
        store.read_rows([tmp_path / "first.parquet", tmp_path / "second.parquet"])


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(allow_nan=True), min_size=1, max_size=20))
def test_a_table_keeps_its_full_precision_in_both_formats(values: list[float]):
    table = pd.DataFrame({"size": np.arange(len(values)) / 7, "mean": values})
    with tempfile.TemporaryDirectory() as folder:
        csv, parquet = Path(folder, "table.csv"), Path(folder, "table.parquet")
        store.write_table(table, csv, parquet)
        read = pd.read_csv(csv)
        pd.testing.assert_frame_equal(read, table, check_exact=True)
        pd.testing.assert_frame_equal(store.read_rows(parquet), table, check_exact=True)
        assert names(Path(folder)) == ["table.csv", "table.parquet"]


def test_a_table_is_one_header_row_and_no_index_and_empty_where_nothing_is_known(tmp_path: Path):
    table = pd.DataFrame(
        {"dataset": ["clothes", "faces"], "ci_low": [np.nan, 0.25], "published": [None, "yes"]},
        index=[4, 4],
    )
    store.write_table(table, tmp_path / "table.csv", tmp_path / "table.parquet")
    assert (tmp_path / "table.csv").read_text() == (
        "dataset,ci_low,published\nclothes,,\nfaces,0.25,yes\n"
    )
    store.write_table(table.iloc[:0], tmp_path / "table.csv", tmp_path / "table.parquet")
    assert (tmp_path / "table.csv").read_text() == "dataset,ci_low,published\n"
    assert list(store.read_rows(tmp_path / "table.parquet")) == list(table)


def test_names_become_the_first_columns_of_every_row():
    rows = store.with_names(RUNS.set_index(np.array([7, 7])), {"dataset": "clothes", "size": 0.1})
    assert list(rows) == ["dataset", "size", *RUNS]
    assert rows["dataset"].tolist() == ["clothes", "clothes"]
    assert rows["layers"].tolist() == RUNS["layers"].tolist()
    assert list(store.with_names(RUNS.iloc[:0], {"dataset": "clothes"})) == ["dataset", *RUNS]


FORMULAS = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", "a=1"]


def test_a_csv_holds_no_formula_and_parquet_is_unchanged(tmp_path: Path):
    table = pd.DataFrame({"path": FORMULAS, "value": [-1.5, 2, 3, 4, 5, 6]})
    store.write_table(table, tmp_path / "a.csv", tmp_path / "a.parquet")
    written = pd.read_csv(tmp_path / "a.csv")
    assert written["path"].tolist() == [*(f"'{text}" for text in FORMULAS[:5]), "a=1"]
    assert written["value"].tolist() == table["value"].tolist()
    assert store.read_rows(tmp_path / "a.parquet")["path"].tolist() == FORMULAS
