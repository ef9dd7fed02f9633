"""Compare contestants, each in its own process, in alternating rounds; report their ratios."""

import multiprocessing
import os
import platform
import statistics
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import psutil

CHECKOUT = Path(__file__).parents[1]
# Files of the benchmarks, kept for the next time.
WORK = Path("results/benchmarks")
LIBRARIES = ("OMP", "OPENBLAS", "MKL", "NUMEXPR")


class Contestant(NamedTuple):
    """A contestant.

    Attributes:
        name: name in the table.
        prepare: a module's function, called once in the contestant's own process with `arguments`.
            It returns the function that runs a round. That function takes the number of the round,
            from 0 (a warm-up has the number of a round, too), and returns its result, or `Timed`.
        arguments: arguments of `prepare`.
    """

    name: str
    prepare: Callable[..., Callable[[int], Any]]
    arguments: tuple = ()


class Timed(NamedTuple):
    """The result of a round that measured its own time, and its seconds."""

    made: Any
    seconds: float


class Race(NamedTuple):
    """The results of all rounds.

    Attributes:
        seconds: seconds of every round in order, by contestant.
        made: result of each contestant's first round.
        failed: contestants that could not take part, with the reason.
    """

    seconds: dict[str, list[float]]
    made: dict[str, Any]
    failed: dict[str, str]


def race(
    contestants: Sequence[Contestant],
    rounds: int,
    threads: int,
    warmups: int = 1,
    check: Callable[[Mapping[str, Any]], None] = lambda made: None,
) -> Race:
    """Run the contestants in turns: all run round 0, then all run round 1, ...

    One runs at a time while the others wait. Each has its own process, so that libraries do not
    share threads, memory or settings.

    Args:
        contestants: the contestants, in order.
        rounds: number of timed rounds.
        threads: number of threads, set in the libraries' environment variables, and on Linux also
            the number of cores of a contestant. Contestants do the rest themselves.
        warmups: number of rounds before, which are not timed.
        check: function of each contestant's first result, called before any round is timed; it
            raises an error if a result is wrong.
    """
    os.environ.update({f"{library}_NUM_THREADS": str(threads) for library in LIBRARIES})
    seconds, made, failed = {}, {}, {}
    with _started(contestants, threads) as workers:
        for turn in range(-warmups, rounds):
            if turn == 0 and warmups:
                check(made)
            for name, worker in list(workers.items()):
                worker.send(turn % rounds)
                try:
                    result, took, error = worker.recv()
                except EOFError:
                    result, took, error = None, 0.0, "its process died"
                if error:
                    failed[name] = error
                    seconds.pop(name, None)
                    print(f"{name}: {error}", flush=True)
                    workers.pop(name).close()
                    continue
                if turn >= 0:
                    seconds.setdefault(name, []).append(took)
                    print(f"round {turn + 1} of {rounds}, {name}: {took:.3f} s", flush=True)
                made.setdefault(name, result)
    return Race(seconds, made, failed)


@contextmanager
def _started(contestants: Sequence[Contestant], cores: int) -> Iterator[dict[str, Connection]]:
    """Start a process for each contestant; yield the connections by name."""
    context = multiprocessing.get_context("spawn")
    workers, processes = {}, []
    with _confined_to(cores):
        for contestant in contestants:
            workers[contestant.name], theirs = context.Pipe()
            processes.append(context.Process(target=_serve, args=(contestant, theirs)))
            processes[-1].start()
            theirs.close()
    try:
        yield workers
    finally:
        for connection in workers.values():
            connection.close()
        for process in processes:
            process.join()


@contextmanager
def _confined_to(cores: int) -> Iterator[None]:
    """Limit processes started in the block to some cores; on Linux only."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(every)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, every)


def _serve(contestant: Contestant, connection: Connection) -> None:
    """Prepare, then run rounds on request until the other end is closed."""
    run = None
    while True:
        try:
            number = connection.recv()
        except EOFError:
            return
        try:
            run = run or contestant.prepare(*contestant.arguments)
            begun = time.perf_counter()
            made = run(number)
            took = time.perf_counter() - begun
            if isinstance(made, Timed):
                made, took = made
            connection.send((made, took, None))
        except Exception as error:  # a peer may fail in any way; the others continue
            traceback.print_exc()
            connection.send((None, 0.0, f"{type(error).__name__}: {error}".splitlines()[0]))
            return


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Return median and range: "1.52 (1.48–1.60)"."""
    low, high = min(values), max(values)
    return f"{statistics.median(values):,.{digits}f} ({low:,.{digits}f}–{high:,.{digits}f})"


def ratio(peer: Sequence[float], ours: Sequence[float]) -> str:
    """Return the ratio of a peer's time to ours: median and range over the rounds."""
    return spread([theirs / own for theirs, own in zip(peer, ours, strict=True)]) + " ×"


def times(race: Race, ours: str, what: str = "seconds", digits: int = 2) -> str:
    """Return a Markdown table of each contestant's time and its ratio to ours, and who did not run.

    Args:
        race: the results.
        ours: name of the contestant that the others are compared with.
        what: what the times are, in the header.
        digits: digits of the times.
    """
    rows = [
        [name, spread(took, digits), ratio(took, race.seconds[ours])]
        for name, took in race.seconds.items()
    ]
    return table(["", what, "time / ours"], rows) + not_run(race.failed)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def not_run(failed: Mapping[str, str]) -> str:
    """Return a line about contestants that could not take part, or nothing."""
    reasons = "; ".join(f"{name} ({reason})" for name, reason in failed.items())
    return f"\n\nNot run: {reasons}." if failed else ""


def hardware() -> str:
    """Describe the machine in one line: processor, its features, cores, memory and load."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    about = dict(map(str.strip, line.split(":", 1)) for line in lines if ":" in line)
    name = about.get("model name") or platform.processor() or platform.machine()
    able = [each for each in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if each in
            about.get("flags", "").split()]  # fmt: skip
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{name} ({', '.join(able) or 'no flags known'}), {os.cpu_count()} cores, {memory:.0f} GiB,"
        f" {platform.system()}; load before: {os.getloadavg()[0]:.1f}"
    )


def versions(*packages: str) -> str:
    """Return the versions of Python and of packages."""
    found = [f"{package} {version(package)}" for package in packages]
    return ", ".join([f"Python {platform.python_version()}", *found])
