"""A process that has imported all that jobs import, and forks itself for each of them.

TensorFlow takes 4 to 10 seconds of CPU to import, a fork some milliseconds. A job asks for a fork
by `hand_over`, and goes on by itself where there is nobody to ask: on a cluster, in another
environment, after the launcher was killed. What runs and what it computes are the same either
way.

Nothing outlives what it works for: the launcher kills the fork of a job that has ended, the system
kills the forks of a launcher that has ended, and the launcher ends, with all jobs that it runs,
once Snakemake has.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from transfer_gain import processes

# Whose launcher listens where, for the processes that Snakemake starts: sys.prefix:path; "off" for
# none.
ADDRESS = "TRANSFER_GAIN_LAUNCHER"
# With fewer jobs than this the launcher's own imports cost more than it saves.
WORTHWHILE_JOBS = 10
# What Snakemake tells a job that has one core: a library reads it once, when it is imported.
THREADS = ("OMP", "GOTO", "OPENBLAS", "MKL", "NUMEXPR")


def start(log: Path | str) -> None:
    """Start a launcher for the jobs that this process starts, as long as it lives.

    It does nothing where the launcher is switched off, or could not be sure to end with this
    process (which takes Linux). Jobs do without one where it cannot be started.

    Args:
        log: file for what the launcher says.
    """
    if os.environ.get(ADDRESS) == "off" or not sys.platform.startswith("linux"):
        return
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    try:
        with Path(log).open("w") as messages:
            os.environ[ADDRESS] = f"{sys.prefix}:{_launch(messages)}"
    except (AttributeError, OSError) as error:  # no room, no /tmp, an old kernel or Python for it
        print(f"jobs import for themselves, for there is no launcher: {error}", file=sys.stderr)


def _launch(messages: TextIO) -> Path:
    """Start a launcher that writes to a file and return where it listens."""
    os.close(os.pidfd_open(os.getpid()))  # it could not do without
    # Not where results or temporary files are wanted: the path of a socket may have 107 bytes only.
    address = Path(tempfile.mkdtemp(prefix="transfer-gain-", dir="/tmp")) / "launcher"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(address))
        listener.listen(64)  # who asks from now on waits until the launcher has imported all
        subprocess.Popen(
            # -P: a user's file in the working directory is not to be taken for a package.
            [sys.executable, "-P", "-m", __name__, str(listener.fileno())],
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,  # it ends when this process does, however that does
            stdout=messages,
            stderr=subprocess.STDOUT,
            env=os.environ | {f"{library}_NUM_THREADS": "1" for library in THREADS},
            start_new_session=True,  # Ctrl-C is for Snakemake to act on
        )
    return address


def hand_over() -> None:
    """Have this process's script run by a fork of the launcher, and exit as that does.

    Returns if there is no launcher, or it is of another environment, whose packages may differ.
    """
    prefix, _, address = os.environ.get(ADDRESS, "").rpartition(":")
    if prefix != sys.prefix:
        return
    wanted = {"script": sys.argv[0], "folder": str(Path.cwd()), "environment": {**os.environ}}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as launcher:
        try:
            launcher.connect(address)
            socket.send_fds(launcher, [json.dumps(wanted).encode()], [1, 2])
            code = launcher.recv(8)
        except OSError:
            return
    if code:  # else the launcher has died, and its forks with it
        sys.exit(int(code))


def main() -> None:
    """Serve until standard input ends; in a fork, run its script."""
    succeeded: list[str] = []
    atexit.register(_leave, succeeded)  # the first to be registered, so the last to be called
    with socket.socket(fileno=int(sys.argv[1])) as listener:
        address = Path(listener.getsockname())
        _import_all()
        script = _serve(listener)
    if script:
        sys.argv = [script]
        runpy.run_path(script, run_name="__main__")
        succeeded.append(script)
    else:
        shutil.rmtree(address.parent)


def _leave(succeeded: Sequence[str]) -> None:
    """End a fork that has succeeded: Python would take a fifth of a second to take all apart."""
    if succeeded:
        sys.stdout.flush()
        sys.stderr.flush()
        ctypes.CDLL(None).fflush(None)  # native libraries' output
        os._exit(0)


def _import_all() -> None:
    """Import every module of the package, and with them all that jobs import."""
    package = Path(__file__).parents[1]
    for file in sorted(package.rglob("*.py")):
        name = ".".join(file.relative_to(package.parent).with_suffix("").parts)
        importlib.import_module(name.removesuffix(".__init__"))
    gc.freeze()  # so that no fork copies what all share, only to look for garbage


def _serve(listener: socket.socket) -> str | None:
    """Fork for every job that asks.

    Returns:
        In a fork the script that it is to run; in the launcher None, once standard input has ended.
    """
    jobs: dict[socket.socket, int] = {}  # the number of each one's fork, 0 before it has one
    forks: dict[int, socket.socket] = {}  # the job of each, by a descriptor that tells of its end
    while True:
        awaited: list[Any] = [sys.stdin, listener, *jobs, *forks]
        ready, _, _ = select.select(awaited, [], [])
        if sys.stdin in ready:
            for job in jobs:
                _answer(job, 128 + signal.SIGTERM)
            return None
        for one in ready:
            if one is listener:
                jobs[listener.accept()[0]] = 0
            elif one in forks:
                job = forks.pop(one)
                os.close(one)
                code = os.waitstatus_to_exitcode(os.waitpid(jobs.pop(job), 0)[1])
                _answer(job, code if code >= 0 else 128 - code)
            elif jobs.get(one):  # the job has ended, so its fork is to
                os.kill(jobs[one], signal.SIGKILL)
            elif one in jobs:
                message, descriptors, _, _ = socket.recv_fds(one, 1 << 20, 2)
                if not message:  # it ended before it asked
                    del jobs[one]
                    continue
                wanted = json.loads(message)
                launcher = os.getpid()
                jobs[one] = os.fork()
                if jobs[one] == 0:
                    processes.end_with(launcher)
                    _become(wanted["folder"], wanted["environment"], descriptors)
                    return wanted["script"]
                forks[os.pidfd_open(jobs[one])] = one
                for descriptor in descriptors:
                    os.close(descriptor)


def _answer(job: socket.socket, code: int) -> None:
    """Tell a job how its fork ended, and part."""
    with job, contextlib.suppress(OSError):  # it may have ended
        job.send(str(code).encode())


def _become(folder: str, environment: Mapping[str, str], descriptors: Sequence[int]) -> None:
    """Give a fork what the job has: folder, environment, standard output and error."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update({name: value for name, value in environment.items() if name != ADDRESS})
    for descriptor, own in zip(descriptors, (1, 2), strict=True):
        os.dup2(descriptor, own)
        os.close(descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)


if __name__ == "__main__":
    main()
