"""Processes that end with the one that started them, and whether the user stopped them."""

import ctypes
import os
import signal
import sys

SET_PARENT_DEATH_SIGNAL = 1  # Linux' prctl(2)

_interrupted = False


def note_interruption() -> None:
    """Note from now on whether Ctrl-C was pressed, for `interrupted`; it still does what it did."""
    before = signal.getsignal(signal.SIGINT)

    def noted(*arguments: object) -> None:
        global _interrupted
        _interrupted = True
        before(*arguments)

    if callable(before):  # else it is ignored
        signal.signal(signal.SIGINT, noted)


def interrupted() -> bool:
    """Tell whether Ctrl-C was pressed since `note_interruption`."""
    return _interrupted


def end_with(parent: int) -> None:
    """Have the system kill this process as soon as its parent has ended, on Linux.

    Args:
        parent: number of the process that forked this one.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before it could be told of
        os.kill(os.getpid(), signal.SIGKILL)
