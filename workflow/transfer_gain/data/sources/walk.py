"""Walk a user's folder, through links."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from transfer_gain.data.sources.clutter import is_clutter

Identity = tuple[int, int]  # device and inode


class Found(NamedTuple):
    """Something in a user's folder.

    Attributes:
        name: its path relative to the folder, with `/`.
        kind: "file", "folder", "other" (a pipe or a device), or "link" if it cannot be followed.
        size: bytes of a file.
        mtime_ns: when it was last changed, in nanoseconds.
        outside: whether it is a link to something outside of the folder.
        reason: why a link cannot be followed.
    """

    name: str
    kind: str
    size: int = 0
    mtime_ns: int = 0
    outside: bool = False
    reason: str = ""


def fail(error: OSError) -> None:
    """Raise the error."""
    raise error


def walk(folder: Path | str, on_error: Callable[[OSError], None] = fail) -> Iterator[Found]:
    """Yield what a folder contains, except clutter, each folder before its content.

    Links to files and folders are followed, also out of the folder. A link to a folder that it lies
    in is not followed: the walk would never end.

    Args:
        folder: where to begin.
        on_error: called for a folder that cannot be read.
    """
    root = os.path.realpath(folder)
    waiting: list[tuple[str, tuple[Identity, ...]]] = [("", (_identity(Path(folder).stat()),))]
    while waiting:
        above, ancestors = waiting.pop()
        try:
            entries = sorted(os.scandir(Path(folder, above)), key=lambda each: each.name)
        except OSError as error:
            on_error(error)
            continue
        for entry in entries:
            if is_clutter((entry.name,)):
                continue
            name = f"{above}/{entry.name}" if above else entry.name
            found, identity = _look_at(entry, name, root, ancestors)
            yield found
            if found.kind == "folder":
                waiting.append((name, (*ancestors, identity)))


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino


def _look_at(
    entry: os.DirEntry[str], name: str, root: str, ancestors: tuple[Identity, ...]
) -> tuple[Found, Identity]:
    """Return what an entry of a folder is, and its identity."""
    is_link = entry.is_symlink()
    try:
        status = entry.stat()
    except OSError:
        if not is_link:
            raise
        target = os.readlink(entry.path)  # noqa: PTH115
        reason = f"a link that leads nowhere, to {target}; fetch its content"
        return Found(name, "link", reason=reason), (0, 0)
    kind = {stat.S_IFREG: "file", stat.S_IFDIR: "folder"}.get(stat.S_IFMT(status.st_mode), "other")
    reason = ""
    if kind == "folder" and _identity(status) in ancestors:
        reason = "a link to a folder that it lies in"
    elif is_link and kind == "other":
        reason = "a link to neither a file nor a folder"
    target = os.path.realpath(entry.path) if is_link else root
    outside = os.path.commonpath([root, target]) != root
    found = Found(
        name, "link" if reason else kind, status.st_size, status.st_mtime_ns, outside, reason
    )
    return found, _identity(status)
