"""The files of a folder, a zip or a tar that the user names, listed and read one at a time.

Archives are untrusted. None of their names ever reaches the disk, so there is no path to traverse,
and what they may unpack to is limited.
"""

import bz2
import gzip
import lzma
import os
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from transfer_gain.data.sources.base import SourceError

MAX_TOTAL = 16 * 2**30  # bytes of everything in an archive; FERG-DB's bare pixels would fit
MAX_FILE = 256 * 2**20  # bytes of one file; a larger one would be read into memory at once
MAX_DEPTH = 3  # archives inside each other: a zip can be made to contain itself

_ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
_ZIP = b"PK"
_COMPRESSED = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_NO_ARCHIVE = "truncated or damaged, or no archive at all, expected a folder, a zip or a tar"
_CLUTTER = {"__macosx", "thumbs.db", "desktop.ini"}


class UnreadableError(SourceError):
    """One file cannot be used.

    Attributes:
        reason: the message without the file's name.
    """

    def __init__(self, name: str, reason: str):
        super().__init__(f"{name}: {reason}")
        self.reason = reason


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Raise whatever goes wrong within as an `UnreadableError` that names the file.

    Made for decoders: on damaged or hostile bytes they raise exceptions of a dozen types.
    """
    try:
        yield
    except SourceError:
        raise
    except Exception as error:
        raise UnreadableError(name, str(error) or type(error).__name__) from error


class _Entry(NamedTuple):
    name: str
    kind: str  # "file", "folder", "link" or "other"
    size: int
    open: Callable[[], IO[bytes]]


class Files:
    """The files of a folder or an archive, archives within an archive included.

    Hidden files and what macOS and Windows leave behind (`__MACOSX`, `._x`, `.DS_Store`,
    `Thumbs.db`) are passed over, and so is any path with `..` in it. Links are not followed.
    Archives lying in a folder are not opened: most often their unpacked files lie beside them.

    Zip members and those of a plain tar are read in place. A compressed tar cannot be entered in
    the middle, so it is decompressed once into a nameless temporary file, and so is an archive
    within an archive. Files share one position: give each process its own `Files`.

    Attributes:
        path: the folder or archive.
        paths: its files, relative and with `/`, sorted; an inner archive's name is a folder.
        folders: its folders, empty ones included.
        links: symbolic and hard links, which are not among `paths`.
    """

    def __init__(self, path: Path | str, max_total: int = MAX_TOTAL, max_file: int = MAX_FILE):
        """List a folder or an archive.

        Args:
            path: a folder, a zip or a tar, plain or compressed by gzip, bzip2 or xz.
            max_total: refuse an archive whose files have more bytes than this together.
            max_file: refuse to read a file of more bytes than this.

        Raises:
            SourceError: the path is missing, unreadable, truncated, protected by a password, or
                over a limit.
        """
        self.path = Path(path)
        self.folders: set[str] = set()
        self.links: list[str] = []
        self._entries: dict[str, _Entry] = {}
        self._max_total = self._room = max_total
        self._max_file = max_file
        if not self.path.exists():
            raise SourceError(f"{path}: no such file or folder")
        with naming(str(path)):
            if self.path.is_dir():
                for entry in _list_folder(self.path):
                    self._add(entry.name, entry, depth=0)
            else:
                self._add_archive(self.path.open("rb"), "", depth=1)
        self.paths = tuple(sorted(self._entries))

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
            return file.read()

    def _add_archive(self, file: IO[bytes], above: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise SourceError(f"{self.path}: more than {MAX_DEPTH} archives inside each other")
        start = file.read(6)
        file.seek(0)
        # Not zipfile.is_zipfile: a tar that ends in a zip would pass for one.
        if start.startswith(_ZIP):
            entries = _list_zip(file)
        else:
            unpack = next((f for magic, f in _COMPRESSED.items() if start.startswith(magic)), None)
            entries = _list_tar(self._spool(unpack(file)) if unpack else file)
        for entry in entries:
            if entry.size > self._room:
                self._refuse()
            # Some Windows tools write backslashes; an absolute path is taken as a relative one.
            self._add(above + entry.name.replace("\\", "/").lstrip("/"), entry, depth)
            self._room -= entry.size

    def _add(self, path: str, entry: _Entry, depth: int) -> None:
        parts = PurePosixPath(path).parts
        path = "/".join(parts)  # without "./" and "//"
        if not parts or is_clutter(parts):
            return
        self.folders.update("/".join(parts[:end]) for end in range(1, len(parts)))
        if entry.kind == "folder":
            self.folders.add(path)
        elif entry.kind == "link":
            self.links.append(path)
        elif entry.kind == "file" and depth and path.lower().endswith(_ARCHIVES):
            with naming(f"{self.path}/{path}"):
                self._add_archive(self._spool(entry.open()), f"{path}/", depth + 1)
        elif entry.kind == "file":
            self._entries[path] = entry

    def _spool(self, stream: IO[bytes]) -> IO[bytes]:
        """Copy a stream to a nameless temporary file, in which any place is reached at once."""
        file = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the entries that read it)
        while chunk := stream.read(2**20):
            file.write(chunk)
            if file.tell() > self._room:
                self._refuse()
        file.seek(0)
        return file

    def _refuse(self) -> None:
        limit = f"more than the limit of {self._max_total:,} bytes"
        raise SourceError(f"{self.path}: unpacks to {limit}")


def is_clutter(parts: Iterable[str]) -> bool:
    """Tell whether a path is passed over, by its parts: hidden, or left behind by a system."""
    # A leading dot is a hidden file, a resource fork, or `..`.
    return any(part[0] == "." or part.lower() in _CLUTTER for part in parts)


def _list_folder(folder: Path) -> Iterator[_Entry]:
    def fail(error: OSError) -> None:
        raise error

    for above, folders, files in os.walk(folder, onerror=fail):
        for path in (Path(above, name) for name in folders + files):
            status = path.lstat()
            name = path.relative_to(folder).as_posix()
            yield _Entry(name, _kind(status.st_mode), status.st_size, partial(path.open, "rb"))


def _list_zip(file: IO[bytes]) -> Iterator[_Entry]:
    archive = zipfile.ZipFile(file)
    for info in archive.infolist():
        if info.flag_bits & 1:
            raise ValueError("protected by a password; unpack it and name the folder instead")
        mode = info.external_attr >> 16  # zero if not written on a Unix system
        kind = "folder" if info.is_dir() else "link" if stat.S_ISLNK(mode) else "file"
        yield _Entry(_zip_name(info), kind, info.file_size, partial(archive.open, info))


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Return a member's name, read as UTF-8 where it can be: some tools do not set the flag."""
    if not info.flag_bits & 0x800:  # the flag; without it Python reads code page 437, of DOS
        with suppress(UnicodeError):
            return info.filename.encode("cp437").decode()
    return info.filename


def _list_tar(file: IO[bytes]) -> Iterator[_Entry]:
    try:
        archive = tarfile.open(fileobj=file, mode="r:")  # noqa: SIM115 (as long as its entries)
    except tarfile.ReadError:
        raise ValueError(_NO_ARCHIVE) from None
    for member in archive:
        if member.size < 0:  # would make tarfile read the same header for ever
            raise ValueError("damaged: a member of negative size")
        kind = "file" if member.isreg() else "folder" if member.isdir() else "other"
        if member.issym() or member.islnk():
            kind = "link"
        yield _Entry(member.name, kind, member.size, partial(archive.extractfile, member))
    # tarfile takes a cut or damaged header for the end; a tar that is whole ends in zeros.
    file.seek(archive.offset)
    if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise ValueError(_NO_ARCHIVE)


def _kind(mode: int) -> str:
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}
    return kinds.get(stat.S_IFMT(mode), "other")
