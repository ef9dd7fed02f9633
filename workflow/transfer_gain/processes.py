"""Processes that end with the one that started them, and whether the user stopped them."""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial

SET_PARENT_DEATH_SIGNAL = 1  # Linux' prctl(2)

_interrupted = False


def note_interruption() -> None:
    """Note from now on, for `interrupted`, that Ctrl-C or SIGTERM came; both do what they did.

    Only a program's first thread may; from another this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)
        if callable(before):  # else it is ignored, or ends the process
            signal.signal(number, partial(_noted, before))


def _noted(before: Callable, *arguments: object) -> None:
    global _interrupted
    _interrupted = True
    before(*arguments)


def interrupted() -> bool:
    """Tell whether Ctrl-C or SIGTERM came since `note_interruption`."""
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
