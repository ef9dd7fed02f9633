"""A process that has imported everything that jobs need, and forks itself for each job.

Importing TensorFlow takes 4 to 10 seconds of CPU time; a fork takes milliseconds. A job requests a
fork with `hand_over`. It runs by itself if there is no launcher: on a cluster, in another
environment, or after the launcher was killed. Both ways run the same code with the same results.

No process outlives its purpose. The launcher kills the fork of a job that has ended. The system
kills the forks of a launcher that has ended. The launcher and all its jobs end when Snakemake does.
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
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from transfer_gain import processes

_CREDENTIALS = struct.Struct("3i")  # process, user and group of a socket's other end
# Environment variable with the launcher's environment and socket, "sys.prefix:path", or "off".
ADDRESS = "TRANSFER_GAIN_LAUNCHER"
# With fewer jobs, the launcher's own imports cost more than it saves.
WORTHWHILE_JOBS = 10
# Snakemake sets these variables for a job with one core. Libraries read them once, on import.
THREADS = ("OMP", "GOTO", "OPENBLAS", "MKL", "NUMEXPR")


def start(log: Path | str) -> None:
    """Start a launcher for the jobs of this process. It ends with this process.

    This does nothing if the launcher is switched off, or if the system is not Linux, where it could
    outlive this process. If it cannot be started, jobs run without it.

    Args:
        log: log file of the launcher.
    """
    if os.environ.get(ADDRESS) == "off" or not sys.platform.startswith("linux"):
        return
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    try:
        with Path(log).open("w") as messages:
            os.environ[ADDRESS] = f"{sys.prefix}:{_launch(messages)}"
    except (AttributeError, OSError) as error:  # no room, no /tmp, an old kernel or Python for it
        print(f"no launcher, so each job imports its own packages: {error}", file=sys.stderr)


def _launch(messages: TextIO) -> Path:
    """Start a launcher that writes to a log file, and return the path of its socket."""
    os.close(os.pidfd_open(os.getpid()))  # fails early if the system lacks it
    # Always in /tmp: the path of a socket is limited to 107 bytes.
    address = Path(tempfile.mkdtemp(prefix="transfer-gain-", dir="/tmp")) / "launcher"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(address))
        listener.listen(64)  # requests wait until the launcher has finished its imports
        subprocess.Popen(
            # -P: files in the working directory must not shadow packages.
            [sys.executable, "-P", "-m", __name__, str(listener.fileno())],
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,  # the launcher ends when this pipe closes
            stdout=messages,
            stderr=subprocess.STDOUT,
            env=os.environ | {f"{library}_NUM_THREADS": "1" for library in THREADS},
            start_new_session=True,  # only Snakemake handles Ctrl-C
        )
    return address


def hand_over() -> None:
    """Run this process's script in a fork of the launcher, and exit with the fork's status.

    Returns if there is no launcher, or if it belongs to another environment with other packages.
    """
    prefix, _, address = os.environ.get(ADDRESS, "").rpartition(":")
    if prefix != sys.prefix:
        return
    wanted = {"script": sys.argv[0], "folder": str(Path.cwd()), "environment": {**os.environ}}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as launcher:
        try:
            launcher.connect(address)
            if not _is_ours(launcher):
                return
            socket.send_fds(launcher, [json.dumps(wanted).encode()], [1, 2])
            code = launcher.recv(8)
        except OSError:
            return
    if code:  # otherwise the launcher has died, and its forks with it
        sys.exit(int(code))


def _is_ours(other: socket.socket) -> bool:
    """Return whether the same user runs the process at the other end, as the kernel knows it.

    The environment, which may hold secrets, is sent to no one else.
    """
    credentials = other.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(credentials)
    return user == os.getuid()


def main() -> None:
    """Serve until standard input closes; in a fork, run the job's script."""
    succeeded: list[str] = []
    atexit.register(_leave, succeeded)  # registered first, so called last
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
    """Exit a successful fork at once: Python's own cleanup takes a fifth of a second."""
    if succeeded:
        sys.stdout.flush()
        sys.stderr.flush()
        ctypes.CDLL(None).fflush(None)  # native libraries' output
        os._exit(0)


def _import_all() -> None:
    """Import every module of the package, and with them everything that jobs import."""
    package = Path(__file__).parents[1]
    for file in sorted(package.rglob("*.py")):
        name = ".".join(file.relative_to(package.parent).with_suffix("").parts)
        importlib.import_module(name.removesuffix(".__init__"))
    gc.freeze()  # keeps garbage collection in forks from copying shared memory


def _serve(listener: socket.socket) -> str | None:
    """Fork for every job that requests it.

    Returns:
        In a fork, the script to run. In the launcher, None once standard input has closed.
    """
    jobs: dict[socket.socket, int] = {}  # process number of each job's fork, 0 before the fork
    forks: dict[int, socket.socket] = {}  # job of each fork, by a descriptor that signals its end
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
            elif jobs.get(one):  # the job has ended, so end its fork
                os.kill(jobs[one], signal.SIGKILL)
            elif one in jobs:
                message, descriptors, _, _ = socket.recv_fds(one, 1 << 20, 2)
                if not message:  # the job ended before its request
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
    """Send a job the exit status of its fork, and close the connection."""
    with job, contextlib.suppress(OSError):  # the job may have ended
        job.send(str(code).encode())


def _become(folder: str, environment: Mapping[str, str], descriptors: Sequence[int]) -> None:
    """Give a fork the job's folder, environment, standard output and standard error."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update({name: value for name, value in environment.items() if name != ADDRESS})
    for descriptor, own in zip(descriptors, (1, 2), strict=True):
        os.dup2(descriptor, own)
        os.close(descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)


if __name__ == "__main__":
    main()
