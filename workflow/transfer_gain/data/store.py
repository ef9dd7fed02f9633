"""Parquet in and out, with its checks: nothing half-written is ever left or read."""

import errno
import glob
import hashlib
import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

# Rows that are written, and held in memory, together: of VGG16's features 4 MB, compressed 0.8.
ROWS_IN_GROUP = 512
# Higher ones save 5 % at most, for ten times the time: see benchmarks/README.md.
ZSTD_LEVEL = 1

# Errors that only writing has, whatever is written.
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)

INDEX = {"image_id": pa.string(), "split": pa.string(), "label": pa.int32()}
TRAINING, VALIDATION = "training", "validation"


class StoreError(ValueError):
    """A file is not what it should be; the message names it, what was found and expected."""


@contextmanager
def written_whole(path: Path | str) -> Iterator[Path]:
    """Give a temporary path beside `path` and rename it when the block ends without an error.

    Raises:
        StoreError: the disk is full, or may not be written.
    """
    path = Path(path)
    # A job may outlive its killed Snakemake, and meet the one that makes the same file again: each
    # has a name of its own, and sweeps away only what the dead have left.
    ours = f".{path.name}.{platform.node()}"
    temporary = path.with_name(f"{ours}.{os.getpid()}.partial")
    try:
        for left in path.parent.glob(f"{glob.escape(ours)}.*.partial"):
            process = left.name[len(ours) + 1 : -len(".partial")]
            if process.isdigit() and not psutil.pid_exists(int(process)):
                left.unlink(missing_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise StoreError(
            f"{path}: found {os.strerror(error.errno).lower()}, expected a folder with room to "
            "write in; run again when it is"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_arrays(
    path: Path | str,
    column: str,
    shape: Sequence[int],
    dtype: str,
    batches: Iterable[tuple[pd.DataFrame, np.ndarray]],
    metadata: Mapping[str, Any],
) -> None:
    """Write one array a row, beside image_id, split and label, a row group at a time.

    Each array is a Zstandard frame of its own, which holds a checksum, too: so a few rows are read
    without decompressing the others, for up to 7 % more bytes than row groups that are compressed.

    Args:
        path: file to write; it appears only when it is whole.
        column: name of the array column ("pixels", "features").
        shape: shape of one row's array.
        dtype: its numpy dtype, little-endian.
        batches: pairs of an index (columns image_id, split, label) and an array (rows, *shape).
        metadata: what else a reader should know; JSON.

    Raises:
        StoreError: see `written_whole`.
        ValueError: a batch's arrays are not of that shape, or not one a row of its index.
    """
    about = {"column": column, "shape": list(shape), "dtype": dtype, **metadata}
    schema = _schema(about)
    compressor = zstandard.ZstdCompressor(ZSTD_LEVEL, write_checksum=True)

    def tables() -> Iterator[pa.Table]:
        for index, array in batches:
            columns = [pa.array(index[name], type=kind) for name, kind in INDEX.items()]
            values = np.ascontiguousarray(array, dtype=dtype).reshape(len(index), *shape)
            frames = pa.array([compressor.compress(row) for row in values], type=pa.binary())
            yield pa.table([*columns, frames], schema=schema)

    _write_tables(path, schema, tables())


def _schema(about: Mapping[str, Any]) -> pa.Schema:
    """Return the columns of a file of arrays, with its description."""
    arrays = pa.field(about["column"], pa.binary(), nullable=False)
    return pa.schema([*INDEX.items(), arrays], metadata={"transfer_gain": json.dumps(about)})


def _write_tables(path: Path | str, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    """Write tables one after the other, never holding more than a row group and one of them."""
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
        _seal(temporary)


def _write_groups(writer: pq.ParquetWriter, tables: Sequence[pa.Table]) -> None:
    """Write tables as row groups, whose bytes do not depend on where one table ends."""
    writer.write_table(pa.concat_tables(tables).combine_chunks(), ROWS_IN_GROUP)


def gather_arrays(parts: Sequence[Path | str], path: Path | str) -> None:
    """Write the rows of several files of `write_arrays` as one, never holding over two row groups.

    The file is the same, byte for byte, as if its rows had been written at once, where each part
    but the last that has rows holds whole row groups.

    Args:
        parts: the files, in order, of equal metadata; a part may have no rows.
        path: file to write.

    Raises:
        StoreError: a part is corrupt, or described in another way than the first.
    """
    about = read_metadata(parts[0])

    def groups() -> Iterator[pa.Table]:
        for part in parts:
            with _opened(part) as file:
                found = _about(part, file)
                if found != about:
                    raise StoreError(f"{part}: found {found}, expected {about} as in {parts[0]}")
                yield from map(file.read_row_group, range(file.num_row_groups))

    _write_tables(path, _schema(about), groups())


def read_metadata(path: Path | str) -> dict[str, Any]:
    """Return what `write_arrays` was told of a file, with `column`, `shape` and `dtype`.

    Raises:
        StoreError: the file is no whole Parquet file of this workflow.
    """
    with _opened(path) as file:
        return _about(path, file)


def read_index(path: Path | str) -> pd.DataFrame:
    """Return the columns image_id, split and label of every row, in file order.

    Raises:
        StoreError: the file is corrupt or not this workflow's.
    """
    with _opened(path) as file:
        _about(path, file)
        return file.read(columns=list(INDEX)).to_pandas()


def read_arrays(path: Path | str, rows: np.ndarray | None = None) -> np.ndarray:
    """Return the arrays of some rows, decompressing no others.

    Args:
        path: a file of `write_arrays`.
        rows: row numbers, int64, in any order, repeats allowed; all rows if None.

    Returns:
        Array (len(rows), *shape) of the file's dtype, in the order of `rows`.

    Raises:
        StoreError: the file is corrupt or not this workflow's.
        IndexError: a row number is outside the file.
    """
    with _opened(path, page_checksums=False) as file:  # each array has its own
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
            # Of one column, which other threads would only take over.
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
    """Return the `size` bytes that a frame holds.

    Raises:
        ZstdError: it is damaged, or holds more or less.
    """
    # Asked first: a damaged frame could say any size, and be given the memory for it.
    found = zstandard.frame_content_size(frame)
    if found != size:
        raise zstandard.ZstdError(f"an array of {found} bytes, where {size} are expected")
    return decompressor.decompress(frame, allow_extra_data=False)


def with_names(rows: pd.DataFrame, names: Mapping[str, Any]) -> pd.DataFrame:
    """Return rows with constant columns put in front of theirs."""
    return pd.concat([pd.DataFrame(names, index=rows.index), rows], axis=1)


def write_rows(rows: pd.DataFrame, path: Path | str) -> None:
    """Write a table of results as Parquet, without pandas' index."""
    with written_whole(path) as temporary:
        table = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata()
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)
        _seal(temporary)


def read_rows(paths: Path | str | Iterable[Path | str]) -> pd.DataFrame:
    """Return the rows of one or more files of `write_rows`, one after the other.

    Raises:
        StoreError: a file is corrupt, or its columns are not those of the first.
    """
    paths = [paths] if isinstance(paths, Path | str) else list(paths)
    tables: list[pa.Table] = []
    for path in paths:
        with _opened(path) as file:
            table = file.read()
        if tables and not table.schema.equals(tables[0].schema):
            raise StoreError(
                f"{path}: found columns {_columns(table.schema)}, expected "
                f"{_columns(tables[0].schema)} as in {paths[0]}"
            )
        tables.append(table)
    return pa.concat_tables(tables).to_pandas()


def write_table(table: pd.DataFrame, csv: Path | str, parquet: Path | str) -> None:
    """Write a table of the report as CSV in full precision and as Parquet."""
    with written_whole(csv) as temporary:
        table.to_csv(temporary, index=False)
    write_rows(table, parquet)


def _seal(path: Path) -> None:
    """Write the SHA-256 of a Parquet file's footer in front of it, where readers look for nothing.

    Parquet's checksums are of the data alone: a damaged footer may rename a column unnoticed.
    """
    with path.open("r+b") as file:
        footer = _footer(file)
        file.seek(-len(footer), os.SEEK_END)
        file.write(hashlib.sha256(footer).digest() + footer)


def _check_seal(path: Path | str) -> None:
    """Raise a StoreError for a Parquet file whose footer is not the one that `_seal` saw."""
    with Path(path).open("rb") as file:
        try:
            footer = _footer(file)
            file.seek(-len(footer) - hashlib.sha256().digest_size, os.SEEK_END)
            sealed = file.read(hashlib.sha256().digest_size) == hashlib.sha256(footer).digest()
        except OSError:  # shorter than it says
            sealed = False
    if not sealed:
        raise StoreError(
            f"{path}: found a corrupt or half-written file or one of another program, expected "
            "Parquet of this workflow; delete it and run again"
        )


def _footer(file: BinaryIO) -> bytes:
    """Return a Parquet file's end: description, its length (uint32) and the magic word."""
    file.seek(-8, os.SEEK_END)
    length = int.from_bytes(file.read(4), "little")
    file.seek(-8 - length, os.SEEK_END)
    return file.read()


@contextmanager
def _opened(path: Path | str, page_checksums: bool = True) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file; whatever is wrong with its bytes becomes a StoreError that names it."""
    _check_seal(path)
    try:
        # Each read is of all that is wanted: reading ahead of it only takes time.
        with pq.ParquetFile(
            path, page_checksum_verification=page_checksums, pre_buffer=False
        ) as file:
            yield file
    except (FileNotFoundError, PermissionError, MemoryError):  # says nothing about the bytes
        raise
    except (pa.ArrowException, zstandard.ZstdError, OSError, UnicodeDecodeError) as error:
        raise StoreError(
            f"{path}: found a corrupt or half-written file ({_first_line(error)}), expected "
            "Parquet; "
            "delete it and run again"
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _about(path: Path | str, file: pq.ParquetFile) -> dict[str, Any]:
    """Return a file's own description, having checked that its columns agree with it."""
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
