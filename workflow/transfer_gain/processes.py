"""Processes that end with the one that started them."""

import ctypes
import os
import signal
import sys

SET_PARENT_DEATH_SIGNAL = 1  # Linux' prctl(2)


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
