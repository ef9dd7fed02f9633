"""Threads that keep the order of their work, and child processes that end with their parent."""

import ctypes
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

SET_PARENT_DEATH_SIGNAL = 1  # Linux' prctl(2)


def end_with(parent: int) -> None:
    """On Linux, have the system kill this process when its parent ends.

    Args:
        parent: process number of the parent.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # the parent ended before the call above
        os.kill(os.getpid(), signal.SIGKILL)


def map_in_order(function: Callable, items: Iterable, threads: int) -> Iterator:
    """Map a function over items in threads, in order, with few items in flight.

    Args:
        function: what is computed of an item.
        items: taken one by one, at most 2 * `threads` + 1 ahead of the results.
        threads: number of threads.

    Yields:
        The results, in the order of the items.
    """
    with ThreadPoolExecutor(threads) as pool:
        pending: deque[Future] = deque()
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > 2 * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
