"""The terminal that the user sees, also while a job's output goes into its log."""

import os
import sys
from typing import TextIO

_kept: TextIO | None = None


def keep() -> None:
    """Keep the terminal, before standard error is sent elsewhere."""
    global _kept
    if sys.stderr.isatty():
        _kept = os.fdopen(os.dup(2), "w")


def say(line: str) -> None:
    """Write a line to the terminal, if there is one, in the place of a bar that may stand there."""
    if screen := terminal():
        screen.write(f"\r\x1b[K{line}\n")
        screen.flush()


def terminal() -> TextIO | None:
    """Return the terminal, for progress; None if there is none."""
    return _kept or (sys.stderr if sys.stderr.isatty() else None)
