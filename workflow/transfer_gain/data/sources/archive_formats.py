"""List the members of a zip, a tar or a folder, and open each where it lies.

Archives are untrusted: what they claim about themselves is checked or limited.
"""

import bz2
import gzip
import io
import lzma
import math
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

from transfer_gain.data.sources import limits
from transfer_gain.data.sources.walk import walk

ZIP = b"PK"
_CHUNK = 2**20  # bytes read at a time
_NO_ARCHIVE = "truncated or damaged, or no archive at all, expected a folder, a zip or a tar"
_LINK = "a link; put the file itself here"
Readable = IO[bytes] | io.BufferedIOBase | io.RawIOBase


class Entry(NamedTuple):
    """A member of an archive or a folder.

    Attributes:
        name: its path as the archive has it, which can be anything.
        kind: "file", "folder", "link" or "other".
        size: bytes that it claims to have.
        open: function that opens it for reading.
        reason: why a link is not followed.
        outside: whether it is a link out of a folder.
    """

    name: str
    kind: str
    size: int
    open: Callable[[], Readable]
    reason: str = _LINK
    outside: bool = False


def list_folder(folder: Path) -> Iterator[Entry]:
    """Yield all that is in a folder, at any depth, except clutter; links are followed."""
    for found in walk(folder):
        content = partial(_open, folder / found.name)
        yield Entry(found.name, found.kind, found.size, content, found.reason, found.outside)


def _open(path: Path) -> IO[bytes]:
    return path.open("rb")


def list_zip(file: IO[bytes]) -> Iterator[Entry]:
    """Yield the members of a zip.

    Raises:
        ValueError: it is protected by a password, compressed in another way, or over a limit.
    """
    headers = _Headers(file, limits.MAX_NAMES)
    archive = zipfile.ZipFile(headers)
    archive.NameToInfo.clear()  # members are opened by their place, not by their name
    headers.left = math.inf  # from here on content is read
    for info in archive.infolist():
        if info.flag_bits & 1:
            raise ValueError("protected by a password; unpack it and name the folder instead")
        # The others unpack any amount of bytes at once.
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(
                f"a file compressed by method {info.compress_type}, expected deflate or none; "
                "unpack it and name the folder instead"
            )
        mode = info.external_attr >> 16  # zero if not written on a Unix system
        kind = "folder" if info.is_dir() else "link" if stat.S_ISLNK(mode) else "file"
        size = info.file_size
        info.file_size += 1  # zipfile stops there, so that one byte too many is seen
        yield Entry(_zip_name(info), kind, size, partial(archive.open, info))


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Return a member's name, read as UTF-8 where it can be: some tools do not set the flag."""
    if not info.flag_bits & 0x800:  # the flag; without it Python reads code page 437, of DOS
        with suppress(UnicodeError):
            return info.filename.encode("cp437").decode()
    return info.filename


def list_tar(file: IO[bytes]) -> Iterator[Entry]:
    """Yield the members of a tar that is not compressed.

    Raises:
        ValueError: it is no tar, truncated, damaged, sparse or over a limit.
    """
    headers = _Headers(file, limits.MAX_HEADERS)
    try:
        # It closes nothing, and to read a tar takes only what `_Headers` has.
        archive = tarfile.open(fileobj=headers, mode="r:")  # type: ignore[call-overload]  # noqa: SIM115
    except tarfile.ReadError:
        raise ValueError(_NO_ARCHIVE) from None
    while member := archive.next():
        archive.members.clear()  # where tarfile would keep them all
        if member.size < 0:  # would make tarfile read the same header for ever
            raise ValueError("damaged: a member of negative size")
        if sum(map(len, archive.pax_headers.values())) > limits.MAX_HEADERS:
            raise ValueError("its headers are too long")
        if member.issparse():
            raise ValueError("a sparse file; pack it without --sparse")
        kind = "file" if member.isreg() else "folder" if member.isdir() else "other"
        if member.issym() or member.islnk():
            kind = "link"
        content = partial(_Part, file, member.offset_data, member.size)
        yield Entry(member.name, kind, member.size, content)
        headers.left = limits.MAX_HEADERS
    # tarfile takes a cut or damaged header for the end; a tar that is whole ends in zeros.
    file.seek(archive.offset)
    if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise ValueError(_NO_ARCHIVE)


class _Headers:
    """An archive's file for the module that lists it, which would hold any amount of headers."""

    def __init__(self, file: IO[bytes], left: float):
        self._file = file
        self.left = left  # bytes that may still be read
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if size > self.left:
            raise ValueError("its headers are too long")
        content = self._file.read(size)
        self.left -= len(content)
        central = zipfile.stringCentralDir  # type: ignore[attr-defined]  # typeshed lacks it
        if content.count(central) > limits.MAX_ENTRIES:
            raise ValueError(f"more than the limit of {limits.MAX_ENTRIES:,} files and folders")
        return content


class _Part(io.RawIOBase):
    """A stretch of a file, as a file of its own."""

    def __init__(self, file: IO[bytes], start: int, size: int):
        self._file, self._position, self._end = file, start, start + size

    def readable(self) -> bool:
        return True

    # `Buffer` is in collections.abc only from Python 3.12.
    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._file.seek(self._position)
        content = self._file.read(min(len(buffer), self._end - self._position))
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)


def pieces(file: Readable, size: float = math.inf) -> Iterator[bytes]:
    """Yield a file piece by piece.

    Args:
        file: read from where it is to its end.
        size: bytes that it claims to have, if it claims any.

    Raises:
        ValueError: it has more or fewer.
    """
    read = 0
    while piece := file.read(_CHUNK):
        read += len(piece)
        if read > size:
            break
        yield piece
    if read != size < math.inf:
        raise ValueError(f"damaged: not of the {size:,} bytes that it claims to have")


def _unpack(opener: Callable[..., io.BufferedIOBase], file: IO[bytes]) -> Iterator[bytes]:
    with opener(file) as unpacked:
        yield from pieces(unpacked)


def _unpack_xz(file: IO[bytes]) -> Iterator[bytes]:
    """Yield what an xz file holds; `lzma.open` would take the memory that the file asks for."""
    rest = file.read(_CHUNK)
    while rest:
        decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=limits.XZ_MEMORY)
        while not decompressor.eof:
            yield decompressor.decompress(rest, _CHUNK)
            rest = file.read(_CHUNK) if decompressor.needs_input else b""
            if decompressor.needs_input and not rest:
                raise ValueError(_NO_ARCHIVE)
        rest = decompressor.unused_data.lstrip(b"\0")
        while not rest and (chunk := file.read(_CHUNK)):  # zeros may lie between two streams
            rest = chunk.lstrip(b"\0")


COMPRESSED: dict[bytes, Callable[[IO[bytes]], Iterator[bytes]]] = {
    b"\x1f\x8b": partial(_unpack, gzip.open),
    b"BZh": partial(_unpack, bz2.open),
    b"\xfd7zXZ": _unpack_xz,
}
