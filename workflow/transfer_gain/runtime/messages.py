"""Messages about a run as a whole. No job depends on this module."""

import os
import shutil
import signal
import textwrap
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TextIO

from transfer_gain.config.errors import ConfigError, MissingKeyError
from transfer_gain.printable import printable

_interrupted = False


def note_interruption() -> None:
    """Record Ctrl-C and SIGTERM from now on, for `interrupted`. Both keep their usual effect.

    Only the main thread can install signal handlers; in other threads this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)
        if callable(before):  # otherwise the signal is ignored or ends the process
            signal.signal(number, partial(_noted, before))


def _noted(before: Callable, *arguments: object) -> None:
    global _interrupted
    _interrupted = True
    before(*arguments)


def interrupted() -> bool:
    """Return whether Ctrl-C or SIGTERM arrived since `note_interruption`."""
    return _interrupted


def refused(error: ConfigError, files: Sequence[Path | str]) -> str:
    """Say that a config is refused and why, in one line.

    Args:
        error: what is wrong.
        files: the files that `--configfile` named. If there is one and a key is missing, it may be
            meant to change config.yaml, and the line says how.
    """
    line = f"the config is refused: {error}"
    if isinstance(error, MissingKeyError) and len(files) == 1 and Path("config.yaml").exists():
        file = printable(os.path.relpath(files[0]))
        line += f"; or name the config that it changes first: --configfile config.yaml {file}"
    return line


def wrapped(text: str, stream: TextIO) -> str:
    """Wrap the lines of a text between words if it is for a terminal."""
    if not stream.isatty():
        return text
    columns = shutil.get_terminal_size().columns - 1
    # A path must stay in one piece, to be copied.
    wrapper = textwrap.TextWrapper(columns, break_long_words=False, break_on_hyphens=False)
    return "".join(f"{wrapper.fill(line)}\n" for line in text.splitlines())
