"""Access to the user's terminal while a job's output goes to its log."""

import os
import sys
from typing import TextIO

_kept: TextIO | None = None


def keep() -> None:
    """Keep a handle on the terminal before standard error is redirected."""
    global _kept
    if sys.stderr.isatty():
        _kept = os.fdopen(os.dup(2), "w")


def say(line: str) -> None:
    """Write a line to the terminal, if there is one, overwriting a progress bar."""
    if screen := terminal():
        screen.write(f"\r\x1b[K{line}\n")
        screen.flush()


def terminal() -> TextIO | None:
    """Return the terminal, or None if there is none."""
    return _kept or (sys.stderr if sys.stderr.isatty() else None)
