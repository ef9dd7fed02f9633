"""Folders and archives of a user's own images, for use in rules."""

import functools
import hashlib
from pathlib import Path

from transfer_gain.data.sources.archives import is_clutter


def folder(path: str | None) -> str | None:
    """Return the path if it is a folder, otherwise None."""
    return path if path and Path(path).is_dir() else None


@functools.cache  # a folder may be large, and several rules use it
def contents(path: str) -> list[tuple]:
    """Return the paths in a user's folder, with the size and time of each file."""
    found: list[tuple] = []
    for file in sorted(Path(path).rglob("*")):
        name = file.relative_to(path)
        if not is_clutter(name.parts):
            stat = file.stat() if file.is_file() else None
            found.append((str(name), *([stat.st_size, stat.st_mtime_ns] if stat else [])))
    return found


def listing(path: str | None) -> str:
    """Return a digest of the contents of a user's folder; no folder counts as an empty one."""
    found = contents(path) if folder(path) else []
    return hashlib.sha256("".join(map(repr, found)).encode()).hexdigest()
