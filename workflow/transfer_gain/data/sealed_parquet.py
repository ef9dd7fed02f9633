"""Parquet files with a checksum of everything: damage anywhere is found on reading."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from transfer_gain.data.whole_files import StoreError


@contextmanager
def opened(path: Path | str, page_checksums: bool = True) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file. Any damage raises a StoreError that names the file."""
    _check_seal(path)
    try:
        # Each read requests everything it needs, so reading ahead would only cost time.
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


def seal(path: Path) -> None:
    """Write the SHA-256 of a Parquet file's footer in front of the footer, where readers ignore it.

    Parquet's checksums cover only the data: a damaged footer could rename a column unnoticed.
    """
    with path.open("r+b") as file:
        footer = _footer(file)
        file.seek(-len(footer), os.SEEK_END)
        file.write(hashlib.sha256(footer).digest() + footer)


def _check_seal(path: Path | str) -> None:
    """Raise a StoreError if a Parquet file's footer does not match the digest of `seal`."""
    with Path(path).open("rb") as file:
        try:
            footer = _footer(file)
            file.seek(-len(footer) - hashlib.sha256().digest_size, os.SEEK_END)
            sealed = file.read(hashlib.sha256().digest_size) == hashlib.sha256(footer).digest()
        except OSError:  # the file is shorter than its footer claims
            sealed = False
    if not sealed:
        raise StoreError(
            f"{path}: found a corrupt or half-written file or one of another program, expected "
            "a Parquet file of this workflow; delete it and run again"
        )


def _footer(file: BinaryIO) -> bytes:
    """Return the end of a Parquet file: metadata, their length (uint32) and the magic number."""
    file.seek(-8, os.SEEK_END)
    length = int.from_bytes(file.read(4), "little")
    file.seek(-8 - length, os.SEEK_END)
    return file.read()
