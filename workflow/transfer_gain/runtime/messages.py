"""Messages about a run as a whole. No job depends on this module."""

import shutil
import signal
import textwrap
import threading
from collections.abc import Callable
from functools import partial
from typing import TextIO

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


def wrapped(text: str, stream: TextIO) -> str:
    """Wrap the lines of a text between words if it is for a terminal."""
    if not stream.isatty():
        return text
    columns = shutil.get_terminal_size().columns - 1
    # A path must stay in one piece, to be copied.
    wrapper = textwrap.TextWrapper(columns, break_long_words=False, break_on_hyphens=False)
    return "".join(f"{wrapper.fill(line)}\n" for line in text.splitlines())
