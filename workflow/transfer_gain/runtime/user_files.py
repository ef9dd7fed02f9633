"""Folders and archives of a user's own images, for use in rules."""

import functools
import hashlib
from itertools import islice
from pathlib import Path

from transfer_gain.data.sources import limits
from transfer_gain.data.sources.clutter import matters
from transfer_gain.data.sources.walk import walk

# Up to so many bytes in all, files are compared by content, which takes a tenth of a second.
SMALL = 2**26

File = tuple[str, int, int]  # path, bytes and time of the last change in nanoseconds


def folder(path: str | None) -> str | None:
    """Return the path if it is a folder, otherwise None."""
    return path if path and Path(path).is_dir() else None


@functools.cache  # a folder may be large, and several rules use it
def contents(path: str, table: str | None = None) -> list[File]:
    """Return the files of a user's folder that its images depend on, with size and time.

    Links are followed. Notes, clutter, empty folders and what cannot be read are left out.

    Args:
        path: the folder.
        table: path of the table of labels below it, whose name may be that of a note.
    """
    # Links between folders may lead to them in any number of ways; reading refuses so many.
    found = islice(walk(path, on_error=lambda error: None), limits.MAX_ENTRIES)
    return sorted(
        (each.name, each.size, each.mtime_ns)
        for each in found
        if each.kind == "file" and (matters(each.name) or each.name == table)
    )


def megabytes(path: str | None) -> float:
    """Return the size of a user's folder or archive, as far as images depend on it."""
    if path and Path(path).is_file():
        return Path(path).stat().st_size / 1e6
    return sum(size for _, size, _ in contents(path)) / 1e6 if path and folder(path) else 0


@functools.cache
def state(path: str | None, table: str | None = None) -> str:
    """Return a digest of what a user's folder or archive contains, as far as images depend on it.

    Small ones are digested by content, so that a copy counts as the same. Larger ones are digested
    by the size and time of each file: a file replaced by an older one counts as changed.

    Args:
        path: the folder or archive; nothing there counts as an empty folder.
        table: see `contents`.
    """
    place = Path(path or "")
    if path and place.is_file():
        status = place.stat()
        files = [("", status.st_size, status.st_mtime_ns)]
    else:
        files = contents(path, table) if path and folder(path) else []
    by_content = sum(size for _, size, _ in files) <= SMALL
    digest = hashlib.sha256()
    for name, size, time in files:
        what = _digest(place / name) if by_content else None
        digest.update(repr((name, size, what or time)).encode())
    return digest.hexdigest()


def _digest(path: Path) -> str | None:
    """Return the digest of a file's content, or None if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
