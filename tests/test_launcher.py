"""The launcher: jobs are run by its forks as they would run by themselves, and nothing outlives."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from transfer_gain.runtime import launcher

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="there is a launcher on Linux only"),
]

WORKFLOW = Path(__file__).parents[1] / "workflow"
SNAKEMAKE = """
import os, sys
from transfer_gain.runtime import launcher
launcher.start("launcher.log")
print(os.environ[launcher.ADDRESS], flush=True)
sys.stdin.read()
"""
# Tells what it is before it ends or is told to.
JOB = """
import atexit, ctypes, os, sys, threading, time
from pathlib import Path
from transfer_gain.runtime import launcher
launcher.hand_over()
told = [sys.argv[0], os.getcwd(), os.environ["MINE"], "tensorflow" in sys.modules, os.getpid()]
with Path("told").open("a") as file:
    print(*told, sep="\\n", file=file)
print("said")
print("complained", file=sys.stderr, flush=True)
while Path("wait").exists():
    time.sleep(0.01)
threading.Timer(0.1, print, ["waited for"]).start()
atexit.register(print, "left")
ctypes.CDLL(None).puts(b"native")
if code := int(os.environ.get("CODE", 3)):
    sys.exit(code)
"""
# Takes one of two devices and holds it as long as it is told to.
TAKES_A_GPU = """
import os, time
from pathlib import Path
from transfer_gain.runtime import launcher
launcher.hand_over()
from transfer_gain import gpus
parent = Path.cwd().parent
gpus.Path = lambda path: parent if path == "/tmp" else Path(path)
taken = gpus.take(gpus.visible(os.environ), os.environ)
Path("told").write_text(f"{taken}\\n{os.getpid()}\\n")
while Path("wait").exists():
    time.sleep(0.01)
"""


class Run:
    """A stand-in for Snakemake, its launcher and the jobs that it starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **{key: value for key, value in os.environ.items() if key != launcher.ADDRESS},
            "PYTHONPATH": str(WORKFLOW),
        }
        self.snakemake = self._start([sys.executable, "-c", SNAKEMAKE], folder)
        self.jobs: list[subprocess.Popen] = []
        self.address = self.snakemake.stdout.readline().strip()

    def job(self, folder: Path, script: str = JOB, **environment: str) -> subprocess.Popen:
        """Start a job in a folder."""
        (folder / "job.py").write_text(script)
        environment = {launcher.ADDRESS: self.address, "MINE": folder.name, **environment}
        job = self._start([sys.executable, str(folder / "job.py")], folder, **environment)
        self.jobs.append(job)
        return job

    def _start(self, command: list[str], folder: Path, **environment: str) -> subprocess.Popen:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=self.environment | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    started = Run(tmp_path)
    yield started
    for process in (started.snakemake, *started.jobs):
        process.kill()
        process.wait()


def eventually(condition: Callable[[], bool]) -> bool:
    """Wait until something holds, for a minute at most."""
    for _ in range(6000):
        if condition():
            return True
        time.sleep(0.01)
    return False


def told(folder: Path) -> list[str]:
    """Wait for what a job tells: script, folder, setting, whether all is imported, process."""
    assert eventually(lambda: (folder / "told").exists() and (folder / "told").read_text())
    return (folder / "told").read_text().splitlines()


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def folders(parent: Path, *names: str) -> list[Path]:
    made = [parent / name for name in names]
    for folder in made:
        folder.mkdir()
        (folder / "wait").touch()
    return made


def test_a_fork_is_what_the_job_was_and_the_job_ends_as_it_does(run: Run, tmp_path: Path):
    first, second = folders(tmp_path, "first", "second")
    jobs = [run.job(first, CODE="0"), run.job(second)]  # side by side
    for folder, job in zip((first, second), jobs, strict=True):
        script, where, mine, imported, process = told(folder)
        assert (script, where, mine) == (str(folder / "job.py"), str(folder), folder.name)
        assert imported == "True"
        assert int(process) != job.pid
    for folder, job, code in ((second, jobs[1], 3), (first, jobs[0], 0)):
        (folder / "wait").unlink()
        said, complained = job.communicate(timeout=60)
        assert (job.returncode, complained) == (code, "complained\n")
        assert sorted(said.splitlines()) == ["left", "native", "said", "waited for"]


def test_a_job_that_is_killed_takes_its_fork_along(run: Run, tmp_path: Path):
    (folder,) = folders(tmp_path, "killed")
    job = run.job(folder)
    fork = int(told(folder)[-1])
    job.kill()
    assert eventually(lambda: not is_running(fork))
    (another,) = folders(tmp_path, "another")
    (another / "wait").unlink()
    assert run.job(another).wait(60) == 3  # and the launcher serves on


def test_forks_take_a_gpu_each_until_they_end(run: Run, tmp_path: Path):
    def take(folder: Path) -> tuple[str, int, subprocess.Popen]:
        job = run.job(folder, TAKES_A_GPU, CUDA_VISIBLE_DEVICES="GPU-one,GPU-two")
        device, fork = told(folder)
        assert int(fork) != job.pid
        return device, int(fork), job

    first, second, third = folders(tmp_path, "first", "second", "third")
    device, fork, job = take(first)
    assert {device, take(second)[0]} == {"GPU-one", "GPU-two"}
    job.kill()
    assert eventually(lambda: not is_running(fork))
    assert take(third)[0] == device


def test_a_fork_that_is_killed_fails_its_job(run: Run, tmp_path: Path):
    (folder,) = folders(tmp_path, "killed")
    job = run.job(folder)
    os.kill(int(told(folder)[-1]), signal.SIGKILL)
    assert job.wait(60) == 128 + signal.SIGKILL


def test_after_the_launcher_was_killed_jobs_go_on_by_themselves(run: Run, tmp_path: Path):
    (folder,) = folders(tmp_path, "first")
    job = run.job(folder)
    fork = int(told(folder)[-1])
    (folder / "told").unlink()
    parent = int(Path(f"/proc/{fork}/stat").read_text().rsplit(")", 1)[1].split()[1])
    os.kill(parent, signal.SIGKILL)
    assert int(told(folder)[-1]) == job.pid
    assert eventually(lambda: not is_running(fork))
    (folder / "wait").unlink()
    assert job.wait(60) == 3
    (later,) = folders(tmp_path, "later")
    (later / "wait").unlink()
    job = run.job(later)
    assert int(told(later)[-1]) == job.pid
    assert job.wait(60) == 3


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_when_snakemake_has_ended_nothing_goes_on(run: Run, tmp_path: Path, how: signal.Signals):
    (folder,) = folders(tmp_path, "first")
    job = run.job(folder)
    fork = int(told(folder)[-1])
    run.snakemake.send_signal(how)
    assert job.wait(60) == 128 + signal.SIGTERM
    assert eventually(lambda: not is_running(fork))
    socket = Path(run.address.rpartition(":")[2])
    assert eventually(lambda: not socket.parent.exists())


@pytest.mark.parametrize("address", ["off", "/another/environment:{socket}", None])
def test_without_a_launcher_of_its_environment_a_job_runs_by_itself(
    run: Run, tmp_path: Path, address: str | None
):
    (folder,) = folders(tmp_path, "alone")
    (folder / "wait").unlink()
    socket = run.address.rpartition(":")[2]
    job = run.job(folder, **{launcher.ADDRESS: (address or "").format(socket=socket)})
    assert job.wait(60) == 3
    assert int(told(folder)[-1]) == job.pid


def test_switched_off_none_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(launcher.ADDRESS, "off")
    launcher.start(tmp_path / "log")
    assert not (tmp_path / "log").exists()


def test_where_none_can_be_started_jobs_do_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    def full(**_):
        raise OSError(28, "No space left on device")

    monkeypatch.delenv(launcher.ADDRESS, raising=False)
    monkeypatch.setattr(launcher.tempfile, "mkdtemp", full)
    launcher.start(tmp_path / "log")
    assert launcher.ADDRESS not in os.environ
    (line,) = capsys.readouterr().err.splitlines()
    assert "No space left on device" in line


STRANGER = """
import os, socket, sys
os.setuid(65534)
listener = socket.socket(fileno=int(sys.argv[1]))
listener.listen()
print("listening", flush=True)
print(len(listener.accept()[0].recv(1)), flush=True)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run another user's process")
def test_the_environment_is_sent_to_no_other_user(tmp_path: Path, monkeypatch):
    address = tmp_path / "launcher"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(address))
        stranger = subprocess.Popen(
            [sys.executable, "-c", STRANGER, str(listener.fileno())],
            pass_fds=[listener.fileno()],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert stranger.stdout.readline() == "listening\n"
        monkeypatch.setenv(launcher.ADDRESS, f"{sys.prefix}:{address}")
        launcher.hand_over()  # returns, so that the job runs by itself
        assert stranger.communicate(timeout=30)[0] == "0\n"
