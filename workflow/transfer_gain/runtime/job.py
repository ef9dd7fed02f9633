"""The frame of every job: its log, its cost, and one-line errors instead of tracebacks."""

import logging
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from transfer_gain import terminal
from transfer_gain.printable import printable_lines
from transfer_gain.runtime import launcher


@contextmanager
def monitored(log: Path | str, benchmark: Path | str) -> Iterator[logging.Logger]:
    """Send all output of the block to a log file, including that of native libraries.

    If there is a launcher, it runs the whole script. Scripts therefore import what they use within
    the block. An error that the package raises on purpose ends the process; its message is the last
    line of the log. Other errors keep their traceback.

    Args:
        log: the log file.
        benchmark: file for the cost of the block, written if it ends without an error. It has the
            columns of Snakemake's benchmark files: s and cpu_time (seconds), max_rss (MB).
            Snakemake's own benchmark would not measure a launcher's fork, and rules that use it
            cannot be cached.
    """
    signal.signal(signal.SIGINT, _interrupted)
    launcher.hand_over()
    started = time.monotonic()
    Path(benchmark).unlink(missing_ok=True)  # left by an earlier run, which may have differed
    terminal.keep()
    sys.stdout.flush()
    sys.stderr.flush()
    console = os.dup(2)
    with Path(log).open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", force=True
    )
    try:
        yield logging.getLogger("transfer_gain")
    except ValueError as error:
        if not type(error).__module__.startswith("transfer_gain"):
            raise
        _say(f"error: {printable_lines(str(error))}\n", console)
        sys.exit(1)
    _write_cost(benchmark, time.monotonic() - started)


def _interrupted(*_: object) -> None:
    """Exit on Ctrl-C without a traceback, which would not help the user."""
    sys.exit(128 + signal.SIGINT)


def _say(line: str, console: int) -> None:
    """Write a line to the log or, if the disk is full, to the original standard error."""
    try:
        sys.stderr.flush()
        os.write(2, line.encode())
    except OSError:
        os.write(console, line.encode())


def _write_cost(path: Path | str, seconds: float) -> None:
    """Write the cost of this process and of the child processes that it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(each.ru_utime + each.ru_stime for each in used)
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    rss = max(each.ru_maxrss for each in used) * unit / 2**20
    Path(path).write_text(f"s\tcpu_time\tmax_rss\n{seconds:.3f}\t{cpu:.3f}\t{rss:.1f}\n")
