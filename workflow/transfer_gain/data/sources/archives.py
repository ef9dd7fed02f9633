"""List and read the files of a user's folder, zip or tar, one at a time.

Archives are untrusted. Their names are never used as paths on disk, so path traversal is
impossible, and the unpacked size is limited.
"""

import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from posixpath import dirname
from typing import IO, Self

from transfer_gain.data.sources import limits
from transfer_gain.data.sources.archive_formats import (
    COMPRESSED,
    ZIP,
    Entry,
    list_folder,
    list_tar,
    list_zip,
    pieces,
)
from transfer_gain.data.sources.base import SourceError
from transfer_gain.data.sources.clutter import is_clutter
from transfer_gain.data.sources.limits import Budget, UnreadableError, naming
from transfer_gain.printable import printable

_ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")


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

    def __init__(
        self, path: Path | str, max_total: int = limits.MAX_TOTAL, max_file: int = limits.MAX_FILE
    ):
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
        self._entries: dict[str, Entry] = {}
        self._max_file = max_file
        self._shown = printable(path)
        too_large = f"{self._shown}: unpacks to more than the limit of {max_total:,} bytes"
        self._content, self._spooled = Budget(max_total, too_large), Budget(max_total, too_large)
        too_many = f"{self._shown}: more than the limit of"
        self._count = Budget(
            limits.MAX_ENTRIES, f"{too_many} {limits.MAX_ENTRIES:,} files and folders"
        )
        self._names = Budget(
            limits.MAX_NAMES, f"{too_many} {limits.MAX_NAMES:,} characters of names"
        )
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
            return b"".join(pieces(file, entry.size))

    def _list(self) -> None:
        if self.path.is_dir():
            for entry in list_folder(self.path):
                self._add(entry.name, entry, depth=0)
        elif self.path.is_file():
            self._add_archive(self._opened.enter_context(self.path.open("rb")), "", depth=1)
        elif self.path.exists():  # opening a pipe would block forever
            raise SourceError(f"{self._shown}: neither a file nor a folder")
        else:
            raise SourceError(f"{self._shown}: no such file or folder")

    def _add_archive(self, file: IO[bytes], above: str, depth: int) -> None:
        if depth > limits.MAX_DEPTH:
            raise SourceError(
                f"{self._shown}: more than {limits.MAX_DEPTH} archives inside each other"
            )
        start = file.read(6)
        file.seek(0)
        # Not zipfile.is_zipfile: a tar that ends in a zip would pass for one.
        if start.startswith(ZIP):
            entries = list_zip(file)
        elif unpack := next(
            (f for magic, f in COMPRESSED.items() if start.startswith(magic)), None
        ):
            unpacked = self._spool(unpack(file))
            file.close()
            entries = list_tar(unpacked)
        else:
            entries = list_tar(file)
        for entry in entries:
            self._content.take(entry.size)
            # Some Windows tools write backslashes; an absolute path is taken as a relative one.
            self._add(above + entry.name.replace("\\", "/").lstrip("/"), entry, depth)

    def _add(self, path: str, entry: Entry, depth: int) -> None:
        self._count.take(1)
        self._names.take(len(path))
        parts = PurePosixPath(path).parts if len(path) <= limits.MAX_NAME else ()
        if len(path) > limits.MAX_NAME or len(parts) > limits.MAX_LEVELS:
            limit = f"{limits.MAX_NAME:,} characters or {limits.MAX_LEVELS} levels"
            raise SourceError(f"{self._shown}: a name over the limit of {limit}")
        path = "/".join(parts)  # without "./" and "//"
        if not parts or is_clutter(parts):
            return
        self._add_folders(path if entry.kind == "folder" else dirname(path))
        if entry.outside and entry.kind != "link":
            self.outside.append(path)
        if entry.kind == "link":
            self.links[path] = entry.reason
        elif entry.kind == "file" and depth and path.lower().endswith(_ARCHIVES):
            with naming(f"{self.path}/{path}"):
                with entry.open() as file:
                    inner = self._spool(pieces(file, entry.size))
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
