"""List and read the files of a user's folder, zip or tar, one at a time.

Archives are untrusted. Their names are never used as paths on disk, so path traversal is
impossible, and the unpacked size is limited.
"""

import bz2
import gzip
import io
import lzma
import math
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path, PurePosixPath
from posixpath import dirname
from typing import IO, NamedTuple, Self

from transfer_gain.data.sources.base import SourceError
from transfer_gain.data.sources.clutter import is_clutter
from transfer_gain.data.sources.walk import walk
from transfer_gain.printable import printable

MAX_TOTAL = 16 * 2**30  # bytes of everything in an archive; FERG-DB's bare pixels would fit
MAX_FILE = 256 * 2**20  # bytes of one file; a larger one would be read into memory at once
MAX_DEPTH = 3  # archives inside each other: a zip can be made to contain itself
MAX_ENTRIES = 1_500_000  # files, folders and links; ImageNet has 1.3 million
MAX_NAMES = 2**28  # characters of all their paths
MAX_NAME = 4096  # characters of one path, as Linux has it
MAX_LEVELS = 32  # folders inside each other, the file included
MAX_HEADERS = 2**20  # bytes that a tar may spend on one member beside its content
XZ_MEMORY = 2**28  # bytes; `xz -9` needs a quarter of it

_ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
_ZIP = b"PK"
_CHUNK = 2**20  # bytes read at a time
_NO_ARCHIVE = "truncated or damaged, or no archive at all, expected a folder, a zip or a tar"
_LINK = "a link; put the file itself here"


class UnreadableError(SourceError):
    """One file cannot be used.

    Attributes:
        reason: the message without the file's name.
    """

    def __init__(self, name: str, reason: str):
        self.reason = printable(reason)
        super().__init__(f"{printable(name)}: {self.reason}")


class Budget:
    """A limit on the total number of bytes, names or pixels."""

    def __init__(self, limit: int, refusal: str):
        """Start with `limit`; `refusal` is the error message once it is exceeded."""
        self._left = limit
        self._refusal = refusal

    def take(self, amount: int) -> None:
        """Use up part of the budget.

        Raises:
            SourceError: less than `amount` is left.
        """
        self._left -= amount
        if self._left < 0:
            raise SourceError(self._refusal)


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Turn any error in the block into an `UnreadableError` that names the file.

    This is for decoders, which raise many types of exceptions on damaged or hostile bytes.
    """
    try:
        yield
    except SourceError:
        raise
    except Exception as error:
        raise UnreadableError(name, str(error).strip() or type(error).__name__) from error


_Readable = IO[bytes] | io.BufferedIOBase | io.RawIOBase


class _Entry(NamedTuple):
    name: str
    kind: str  # "file", "folder", "link" or "other"
    size: int
    open: Callable[[], _Readable]
    reason: str = _LINK  # why a link is not followed


class Files:
    """The files of a folder or an archive, archives within an archive included.

    Hidden files, clutter of macOS and Windows (`__MACOSX`, `._x`, `.DS_Store`, `Thumbs.db`) and
    paths that contain `..` are skipped. Links are followed in a folder, but never in an archive.
    Archives inside a folder are not opened, because their unpacked files are usually next to them.

    Members of a zip or a plain tar are read in place. A compressed tar has no random access, so it
    is decompressed once into an unnamed temporary file, and so is an archive within an archive.
    All reads share one file position: give each process its own `Files`.

    Use it in a `with` statement or close it, because it keeps the archive and temporary files open.

    Attributes:
        path: the folder or archive.
        paths: its files, relative and with `/`, sorted; an inner archive's name is a folder.
        folders: its folders, empty ones included.
        links: why each link that is not followed is not; these are not among `paths`.
        outside: the links that lead out of the folder, which are followed.
    """

    def __init__(self, path: Path | str, max_total: int = MAX_TOTAL, max_file: int = MAX_FILE):
        """List a folder or an archive.

        Args:
            path: a folder, a zip or a tar, plain or compressed by gzip, bzip2 or xz.
            max_total: refuse an archive whose files have more bytes than this together, or that
                takes more bytes of temporary files.
            max_file: refuse to read a file of more bytes than this.

        Raises:
            SourceError: the path is missing, unreadable, truncated, protected by a password, or
                over a limit.
        """
        self.path = Path(path)
        self.folders: set[str] = set()
        self.links: dict[str, str] = {}
        self.outside: list[str] = []
        self._entries: dict[str, _Entry] = {}
        self._max_file = max_file
        self._shown = printable(path)
        too_large = f"{self._shown}: unpacks to more than the limit of {max_total:,} bytes"
        self._content, self._spooled = Budget(max_total, too_large), Budget(max_total, too_large)
        too_many = f"{self._shown}: more than the limit of"
        self._count = Budget(MAX_ENTRIES, f"{too_many} {MAX_ENTRIES:,} files and folders")
        self._names = Budget(MAX_NAMES, f"{too_many} {MAX_NAMES:,} characters of names")
        with naming(str(path)), ExitStack() as opened:
            self._opened = opened
            self._list()
            self._opened = opened.pop_all()  # only an error closes them here
        self.paths = tuple(sorted(self._entries))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the archive and the temporary files; nothing can be read afterwards."""
        self._opened.close()

    def read(self, path: str) -> bytes:
        """Return the content of one of `paths`.

        Raises:
            UnreadableError: it is damaged or over the limit.
        """
        entry, name = self._entries[path], f"{self.path}/{path}"
        if entry.size > self._max_file:
            limit = f"more than the limit of {self._max_file:,} for a file"
            raise UnreadableError(name, f"{entry.size:,} bytes, {limit}")
        with naming(name), entry.open() as file:
            return b"".join(_pieces(file, entry.size))

    def _list(self) -> None:
        if self.path.is_dir():
            for found in walk(self.path):
                content = partial(_open, self.path / found.name)
                entry = _Entry(found.name, found.kind, found.size, content, found.reason)
                self._add(found.name, entry, depth=0)
                if found.outside and found.kind != "link":
                    self.outside.append(found.name)
        elif self.path.is_file():
            self._add_archive(self._opened.enter_context(self.path.open("rb")), "", depth=1)
        elif self.path.exists():  # opening a pipe would wait for ever
            raise SourceError(f"{self._shown}: neither a file nor a folder")
        else:
            raise SourceError(f"{self._shown}: no such file or folder")

    def _add_archive(self, file: IO[bytes], above: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise SourceError(f"{self._shown}: more than {MAX_DEPTH} archives inside each other")
        start = file.read(6)
        file.seek(0)
        # Not zipfile.is_zipfile: a tar that ends in a zip would pass for one.
        if start.startswith(_ZIP):
            entries = _list_zip(file)
        elif unpack := next(
            (f for magic, f in _COMPRESSED.items() if start.startswith(magic)), None
        ):
            unpacked = self._spool(unpack(file))
            file.close()
            entries = _list_tar(unpacked)
        else:
            entries = _list_tar(file)
        for entry in entries:
            self._content.take(entry.size)
            # Some Windows tools write backslashes; an absolute path is taken as a relative one.
            self._add(above + entry.name.replace("\\", "/").lstrip("/"), entry, depth)

    def _add(self, path: str, entry: _Entry, depth: int) -> None:
        self._count.take(1)
        self._names.take(len(path))
        parts = PurePosixPath(path).parts if len(path) <= MAX_NAME else ()
        if len(path) > MAX_NAME or len(parts) > MAX_LEVELS:
            limit = f"{MAX_NAME:,} characters or {MAX_LEVELS} levels"
            raise SourceError(f"{self._shown}: a name over the limit of {limit}")
        path = "/".join(parts)  # without "./" and "//"
        if not parts or is_clutter(parts):
            return
        self._add_folders(path if entry.kind == "folder" else dirname(path))
        if entry.kind == "link":
            self.links[path] = entry.reason
        elif entry.kind == "file" and depth and path.lower().endswith(_ARCHIVES):
            with naming(f"{self.path}/{path}"):
                with entry.open() as file:
                    inner = self._spool(_pieces(file, entry.size))
                self._add_archive(inner, f"{path}/", depth + 1)
        elif entry.kind == "file":
            self._entries[path] = entry

    def _add_folders(self, path: str) -> None:
        """Add a folder and those above it that are not there yet."""
        while path and path not in self.folders:
            self._count.take(1)
            self._names.take(len(path))
            self.folders.add(path)
            path = dirname(path)

    def _spool(self, chunks: Iterable[bytes]) -> IO[bytes]:
        """Write chunks to an unnamed temporary file with random access."""
        file = self._opened.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        for chunk in chunks:
            self._spooled.take(len(chunk))
            file.write(chunk)
        file.seek(0)
        return file


def _open(path: Path) -> IO[bytes]:
    return path.open("rb")


def _pieces(file: _Readable, size: float = math.inf) -> Iterator[bytes]:
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
        yield from _pieces(unpacked)


def _unpack_xz(file: IO[bytes]) -> Iterator[bytes]:
    """Yield what an xz file holds; `lzma.open` would take the memory that the file asks for."""
    rest = file.read(_CHUNK)
    while rest:
        decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)
        while not decompressor.eof:
            yield decompressor.decompress(rest, _CHUNK)
            rest = file.read(_CHUNK) if decompressor.needs_input else b""
            if decompressor.needs_input and not rest:
                raise ValueError(_NO_ARCHIVE)
        rest = decompressor.unused_data.lstrip(b"\0")
        while not rest and (chunk := file.read(_CHUNK)):  # zeros may lie between two streams
            rest = chunk.lstrip(b"\0")


_COMPRESSED: dict[bytes, Callable[[IO[bytes]], Iterator[bytes]]] = {
    b"\x1f\x8b": partial(_unpack, gzip.open),
    b"BZh": partial(_unpack, bz2.open),
    b"\xfd7zXZ": _unpack_xz,
}


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
        if content.count(central) > MAX_ENTRIES:
            raise ValueError(f"more than the limit of {MAX_ENTRIES:,} files and folders")
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


def _list_zip(file: IO[bytes]) -> Iterator[_Entry]:
    headers = _Headers(file, MAX_NAMES)
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
        yield _Entry(_zip_name(info), kind, size, partial(archive.open, info))


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Return a member's name, read as UTF-8 where it can be: some tools do not set the flag."""
    if not info.flag_bits & 0x800:  # the flag; without it Python reads code page 437, of DOS
        with suppress(UnicodeError):
            return info.filename.encode("cp437").decode()
    return info.filename


def _list_tar(file: IO[bytes]) -> Iterator[_Entry]:
    headers = _Headers(file, MAX_HEADERS)
    try:
        # It closes nothing, and to read a tar takes only what `_Headers` has.
        archive = tarfile.open(fileobj=headers, mode="r:")  # type: ignore[call-overload]  # noqa: SIM115
    except tarfile.ReadError:
        raise ValueError(_NO_ARCHIVE) from None
    while member := archive.next():
        archive.members.clear()  # where tarfile would keep them all
        if member.size < 0:  # would make tarfile read the same header for ever
            raise ValueError("damaged: a member of negative size")
        if sum(map(len, archive.pax_headers.values())) > MAX_HEADERS:
            raise ValueError("its headers are too long")
        if member.issparse():
            raise ValueError("a sparse file; pack it without --sparse")
        kind = "file" if member.isreg() else "folder" if member.isdir() else "other"
        if member.issym() or member.islnk():
            kind = "link"
        content = partial(_Part, file, member.offset_data, member.size)
        yield _Entry(member.name, kind, member.size, content)
        headers.left = MAX_HEADERS
    # tarfile takes a cut or damaged header for the end; a tar that is whole ends in zeros.
    file.seek(archive.offset)
    if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise ValueError(_NO_ARCHIVE)
