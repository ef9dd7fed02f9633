"""Write files so that an incomplete one is never left under its name."""

import errno
import glob
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

# Errors that only writing can raise.
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class StoreError(ValueError):
    """A file is invalid; the message names it, what was found and what was expected."""


@contextmanager
def written_whole(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path next to `path`, and rename it if the block ends without an error.

    Raises:
        StoreError: the disk is full or read-only.
    """
    path = Path(path)
    # A job can outlive a killed Snakemake while a new job writes the same file. Each process uses
    # its own temporary name, and deletes only the files of dead processes.
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
            f"{path}: found {os.strerror(error.errno).lower()}, expected a writable folder with "
            "enough space; run again once it is"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
