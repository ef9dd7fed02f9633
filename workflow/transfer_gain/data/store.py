"""Read and write arrays of images or features, and rows of results, as Parquet files."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from transfer_gain.data.sealed_parquet import opened, seal
from transfer_gain.data.whole_files import StoreError, written_whole

# Rows that are written and held in memory together: 4 MB of VGG16's features, 0.8 MB compressed.
ROWS_IN_GROUP = 512
# Higher levels save at most 5 % and take ten times as long: see benchmarks/README.md.
ZSTD_LEVEL = 1
# With these, spreadsheets begin a formula, which can run programs (OWASP, "CSV injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# `group` is null where images stand for themselves.
INDEX = {"image_id": pa.string(), "split": pa.string(), "label": pa.int32(), "group": pa.string()}
TRAINING, VALIDATION, TEST = "training", "validation", "test"


def write_arrays(
    path: Path | str,
    column: str,
    shape: Sequence[int],
    dtype: str,
    batches: Iterable[tuple[pd.DataFrame, np.ndarray]],
    metadata: Mapping[str, Any],
) -> None:
    """Write one array per row with image_id, split, label and group, one row group at a time.

    Each array is a separate Zstandard frame with a checksum. A few rows can be read without
    decompressing the others, at the cost of up to 7 % more bytes than compressed row groups.

    Args:
        path: file to write; it appears only once it is complete.
        column: name of the array column ("pixels", "features").
        shape: shape of one row's array.
        dtype: numpy dtype of the arrays, little-endian.
        batches: pairs of an index (columns image_id, split, label and, if there are groups, group)
            and an array (rows, *shape).
        metadata: further metadata, serializable as JSON.

    Raises:
        StoreError: see `written_whole`.
        ValueError: a batch's arrays do not match the shape or the number of rows of its index.
    """
    about = {"column": column, "shape": list(shape), "dtype": dtype, **metadata}
    schema = _schema(about)
    compressor = zstandard.ZstdCompressor(ZSTD_LEVEL, write_checksum=True)

    def tables() -> Iterator[pa.Table]:
        for index, array in batches:
            columns = [
                pa.array(index[name], kind) if name in index else pa.nulls(len(index), kind)
                for name, kind in INDEX.items()
            ]
            values = np.ascontiguousarray(array, dtype=dtype).reshape(len(index), *shape)
            frames = pa.array([compressor.compress(row) for row in values], type=pa.binary())
            yield pa.table([*columns, frames], schema=schema)

    _write_tables(path, schema, tables())


def _schema(about: Mapping[str, Any]) -> pa.Schema:
    """Return the schema of a file of arrays, including its metadata."""
    arrays = pa.field(about["column"], pa.binary(), nullable=False)
    return pa.schema([*INDEX.items(), arrays], metadata={"transfer_gain": json.dumps(about)})


def _write_tables(path: Path | str, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    """Write tables in order, holding at most one row group and one table in memory."""
    with (
        written_whole(path) as temporary,
        pq.ParquetWriter(
            temporary,
            schema,
            compression={name: "zstd" if name in INDEX else "none" for name in schema.names},
            use_dictionary=list(INDEX),
            write_statistics=False,  # of bytes, and no reader filters
            write_page_checksum=True,
        ) as writer,
    ):
        waiting: list[pa.Table] = []
        for table in tables:
            waiting.append(table)
            # Each call of write_table begins a row group.
            if sum(map(len, waiting)) >= ROWS_IN_GROUP:
                _write_groups(writer, waiting)
                waiting = []
        if waiting:
            _write_groups(writer, waiting)
        writer.close()
        seal(temporary)


def _write_groups(writer: pq.ParquetWriter, tables: Sequence[pa.Table]) -> None:
    """Write tables as row groups. Their bytes do not depend on the boundaries of the tables."""
    writer.write_table(pa.concat_tables(tables).combine_chunks(), ROWS_IN_GROUP)


def gather_arrays(parts: Sequence[Path | str], path: Path | str) -> None:
    """Join several files of `write_arrays`, holding at most two row groups in memory.

    The result has the same bytes as if all rows had been written at once, provided that every part
    except the last non-empty one consists of whole row groups.

    Args:
        parts: the files, in order, with equal metadata; a part may be empty.
        path: file to write.

    Raises:
        StoreError: a part is corrupt, or its metadata differ from the first part's.
    """
    about = read_metadata(parts[0])

    def groups() -> Iterator[pa.Table]:
        for part in parts:
            with opened(part) as file:
                found = _about(part, file)
                if found != about:
                    raise StoreError(f"{part}: found {found}, expected {about} as in {parts[0]}")
                yield from map(file.read_row_group, range(file.num_row_groups))

    _write_tables(path, _schema(about), groups())


def read_metadata(path: Path | str) -> dict[str, Any]:
    """Return the metadata of a file of `write_arrays`, with `column`, `shape` and `dtype`.

    Raises:
        StoreError: the file is not a complete Parquet file of this workflow.
    """
    with opened(path) as file:
        return _about(path, file)


def read_index(path: Path | str) -> pd.DataFrame:
    """Return the columns image_id, split, label and group of every row, in file order.

    Raises:
        StoreError: the file is corrupt or not this workflow's.
    """
    with opened(path) as file:
        _about(path, file)
        return file.read(columns=list(INDEX)).to_pandas()


def read_arrays(path: Path | str, rows: np.ndarray | None = None) -> np.ndarray:
    """Return the arrays of the given rows without decompressing others.

    Args:
        path: a file of `write_arrays`.
        rows: row numbers, int64, in any order, repeats allowed; all rows if None.

    Returns:
        Array (len(rows), *shape) of the file's dtype, in the order of `rows`.

    Raises:
        StoreError: the file is corrupt or not this workflow's.
        IndexError: a row number is outside the file.
    """
    with opened(path, page_checksums=False) as file:  # each array has its own
        about = _about(path, file)
        if rows is None:
            rows = np.arange(file.metadata.num_rows)
        if len(rows) and not 0 <= rows.min() <= rows.max() < file.metadata.num_rows:
            raise IndexError(f"{path}: rows {rows.min()} to {rows.max()} asked for")
        result = np.empty((len(rows), int(np.prod(about["shape"]))), about["dtype"])
        sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        group_of_row = np.searchsorted(starts, rows, side="right") - 1
        decompressor = zstandard.ZstdDecompressor()
        for group in np.unique(group_of_row):
            # Threads do not help: there is only one column.
            frames = file.read_row_group(group, [about["column"]], use_threads=False)[0]
            if len(frames) != sizes[group]:
                raise StoreError(
                    f"{path}: found {len(frames)} rows in group {group}, expected {sizes[group]}"
                )
            wanted = np.flatnonzero(group_of_row == group)
            some = frames.take(rows[wanted] - starts[group]).to_pylist()
            for number, frame in zip(wanted, some, strict=True):
                array = _decompressed(frame, result[number].nbytes, decompressor)
                result[number] = np.frombuffer(array, result.dtype)
        return result.reshape(-1, *about["shape"])


def _decompressed(frame: bytes, size: int, decompressor: zstandard.ZstdDecompressor) -> bytes:
    """Return the `size` bytes of a frame.

    Raises:
        ZstdError: the frame is damaged or has another size.
    """
    # Check the size first: a damaged frame could claim any size and allocate that much memory.
    found = zstandard.frame_content_size(frame)
    if found != size:
        raise zstandard.ZstdError(f"an array of {found} bytes, where {size} are expected")
    return decompressor.decompress(frame, allow_extra_data=False)


def with_names(rows: pd.DataFrame, names: Mapping[str, Any]) -> pd.DataFrame:
    """Return rows with constant columns added in front."""
    return pd.concat([pd.DataFrame(names, index=rows.index), rows], axis=1)


def write_rows(rows: pd.DataFrame, path: Path | str) -> None:
    """Write a table of results as Parquet, without pandas' index."""
    with written_whole(path) as temporary:
        table = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata()
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)
        seal(temporary)


def read_rows(paths: Path | str | Iterable[Path | str]) -> pd.DataFrame:
    """Return the concatenated rows of one or more files of `write_rows`.

    Raises:
        StoreError: a file is corrupt, or its columns differ from the first file's.
    """
    paths = [paths] if isinstance(paths, Path | str) else list(paths)
    tables: list[pa.Table] = []
    for path in paths:
        with opened(path) as file:
            table = file.read()
        if tables and not table.schema.equals(tables[0].schema):
            raise StoreError(
                f"{path}: found columns {_columns(table.schema)}, expected "
                f"{_columns(tables[0].schema)} as in {paths[0]}"
            )
        tables.append(table)
    return pa.concat_tables(tables).to_pandas()


def write_table(table: pd.DataFrame, csv: Path | str, parquet: Path | str) -> None:
    """Write a table of the report as CSV in full precision and as Parquet.

    In the CSV, text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    with written_whole(csv) as temporary:
        without_formulas(table).to_csv(temporary, index=False)
    write_rows(table, parquet)


def without_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table in which text that a spreadsheet would run begins with an apostrophe."""
    texts = table.select_dtypes(["object", "string"]).columns
    return table.assign(**{name: table[name].map(_no_formula) for name in texts})


def _no_formula(value: Any) -> Any:
    """Return a text that no spreadsheet takes for a formula; other values as they are."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _about(path: Path | str, file: pq.ParquetFile) -> dict[str, Any]:
    """Return a file's metadata, after checking that its columns match them."""
    try:
        about = json.loads(file.schema_arrow.metadata[b"transfer_gain"])
        expected = _schema(about)
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(
            f"{path}: found no description of its arrays, expected a file of this workflow"
        ) from error
    if not file.schema_arrow.equals(expected):
        raise StoreError(
            f"{path}: found columns {_columns(file.schema_arrow)}, expected {_columns(expected)}"
        )
    return about


def _columns(schema: pa.Schema) -> str:
    """Return a schema's columns with their types, in one line."""
    return ", ".join(f"{field.name} ({field.type})" for field in schema)
