"""A Slurm cluster of two nodes on one machine, one with a device that stands for a GPU."""

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

HERE = Path(__file__).parent / "slurm"
CONFIGURATION = Path("/etc/slurm")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel")


def reason_not_to_start() -> str | None:
    """Return why no cluster can be started on this machine, or None if one can."""
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if missing:
        return f"needs Debian's slurmctld, slurmd, slurm-client and munge: no {missing[0]}"
    if os.geteuid():
        return "needs root, to start Slurm's services"
    if (CONFIGURATION / "slurm.conf").exists():
        return f"{CONFIGURATION}/slurm.conf: a real cluster's, or left by a test that was killed"
    return None


@contextmanager
def cluster(folder: Path) -> Iterator[None]:
    """Run a cluster for the duration of the block.

    Args:
        folder: an empty folder for its state and logs.

    Raises:
        RuntimeError: if it is not ready after half a minute.
    """
    key, socket = folder / "munge.key", folder / "munge.sock"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    (folder / "ctld").mkdir()
    template = (HERE / "slurm.conf.in").read_text()
    (folder / "slurm.conf").write_text(template.replace("@ROOT@", str(folder)))
    shutil.copy(HERE / "gres.conf", folder)
    munged = ["munged", "--foreground", "--force", f"--key-file={key}", f"--socket={socket}"]
    munged += [f"--{file}-file={folder}/munged.{file}" for file in ("pid", "log", "seed")]
    with ExitStack() as started:
        # Jobs are not told of another place and would not find it.
        for name in ("slurm.conf", "gres.conf"):
            link = CONFIGURATION / name
            link.symlink_to(folder / name)
            started.callback(link.unlink)
        for command in (
            munged,
            ["slurmctld", "-D"],
            ["slurmd", "-D", "-N", "n1"],
            ["slurmd", "-D", "-N", "n2"],
        ):
            started.enter_context(_service(command, folder))
            time.sleep(0.5)
        _wait_for_nodes(folder)
        yield


@contextmanager
def _service(command: list[str], folder: Path) -> Iterator[None]:
    """Run a service for the duration of the block, at most as long as this process."""
    command = ["setpriv", "--pdeathsig", "TERM", *command]
    with (folder / "services.log").open("a") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_for_nodes(folder: Path) -> None:
    """Wait until both nodes take jobs."""
    for _ in range(60):
        said = subprocess.run(["sinfo", "-hNo", "%T"], capture_output=True, text=True)
        if said.stdout.split() == ["idle", "idle"]:
            return
        time.sleep(0.5)
    logs = "\n".join(log.read_text()[-2000:] for log in sorted(folder.glob("*.log")))
    raise RuntimeError(f"no cluster: {said.stdout}{said.stderr}\n{logs}")
