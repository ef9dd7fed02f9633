"""The folders and archives of a user's own images, as rules see them."""

import functools
import hashlib
from pathlib import Path

from transfer_gain.data.sources.archives import is_clutter


def folder(path: str | None) -> str | None:
    """Return a path that is a folder; None for an archive, or where there is no path."""
    return path if path and Path(path).is_dir() else None


@functools.cache  # a folder may be large, and more than one rule asks
def contents(path: str) -> list[tuple]:
    """Return the paths in a user's folder, each file's with its size and time."""
    found: list[tuple] = []
    for file in sorted(Path(path).rglob("*")):
        name = file.relative_to(path)
        if not is_clutter(name.parts):
            stat = file.stat() if file.is_file() else None
            found.append((str(name), *([stat.st_size, stat.st_mtime_ns] if stat else [])))
    return found


def listing(path: str | None) -> str:
    """Return a digest of what is in a user's folder; that of nothing where there is no folder."""
    found = contents(path) if folder(path) else []
    return hashlib.sha256("".join(map(repr, found)).encode()).hexdigest()
