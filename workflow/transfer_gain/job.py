"""What every job does around its work: its log, and one line instead of a traceback."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

_terminal: TextIO | None = None


def terminal() -> TextIO | None:
    """Return the terminal that the user sees, for progress; None if there is none."""
    return _terminal or (sys.stderr if sys.stderr.isatty() else None)


@contextmanager
def logged(path: Path | str) -> Iterator[logging.Logger]:
    """Send everything that the block prints to a log file, native libraries' output included.

    An error that the package raises on purpose ends the process with its message as the log's last
    line; any other keeps its traceback.
    """
    global _terminal
    if sys.stderr.isatty():
        _terminal = os.fdopen(os.dup(2), "w")
    sys.stdout.flush()
    sys.stderr.flush()
    with Path(path).open("w") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", force=True
    )
    try:
        yield logging.getLogger("transfer_gain")
    except ValueError as error:
        if not type(error).__module__.startswith("transfer_gain"):
            raise
        sys.exit(f"error: {error}")
