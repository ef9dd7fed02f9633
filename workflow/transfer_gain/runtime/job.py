"""What every job does around its work: its log, its cost, one line instead of a traceback."""

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
    """Send everything that the block prints to a log file, native libraries' output included.

    A launcher runs the whole script, where there is one, so scripts import within the block what
    they use. An error that the package raises on purpose ends the process with its message as the
    log's last line; any other keeps its traceback.

    Args:
        log: file of the log.
        benchmark: file for what the block cost, written when it ends without an error, in the
            columns of Snakemake's benchmark files: s and cpu_time (seconds), max_rss (MB).
            Snakemake's own would not see what a launcher runs, and rules that have one cannot be
            cached.
    """
    signal.signal(signal.SIGINT, _interrupted)
    launcher.hand_over()
    started = time.monotonic()
    Path(benchmark).unlink(missing_ok=True)  # of a run before, which this one may not equal
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
    """End without a traceback, which would tell the user nothing: it was Ctrl-C."""
    sys.exit(128 + signal.SIGINT)


def _say(line: str, console: int) -> None:
    """Write a line to the log; where it has no room left, to what was standard error before."""
    try:
        sys.stderr.flush()
        os.write(2, line.encode())
    except OSError:
        os.write(console, line.encode())


def _write_cost(path: Path | str, seconds: float) -> None:
    """Write what this process and those that it waited for cost."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(each.ru_utime + each.ru_stime for each in used)
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    rss = max(each.ru_maxrss for each in used) * unit / 2**20
    Path(path).write_text(f"s\tcpu_time\tmax_rss\n{seconds:.3f}\t{cpu:.3f}\t{rss:.1f}\n")
