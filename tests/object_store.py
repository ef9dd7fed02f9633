"""A store in place of a shared disk, on this machine: an S3 server, and jobs in empty folders."""

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import yaml

from checkout import ROOT, copy_checkout

PYTHON = ROOT / ".venv-store" / "bin" / "python"
SCRIPTS = Path(__file__).parent / "store"
PREFIX = "s3://bucket/of/mine"


def reason_not_to_start() -> str | None:
    """Return why there can be no store, or None."""
    if PYTHON.exists():
        return None
    return "needs the packages of envs/requirements-store.txt (make test-storage)"


class Run(NamedTuple):
    """What a run of Snakemake said, and the rules whose jobs it submitted and kept local."""

    said: str
    submitted: list[str]
    kept: list[str]


class Store(NamedTuple):
    """A running server."""

    address: str
    jobs: Path

    def environment(self) -> dict[str, str]:
        """Return the environment of Snakemake: who may enter the store, and where jobs run."""
        return {
            "PATH": f"{PYTHON.parent}:/usr/bin:/bin",
            "HOME": os.environ["HOME"],
            "AWS_ACCESS_KEY_ID": "mine",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "STORE_JOBS": str(self.jobs),
        }

    def run(self, checkout: Path, *arguments: str) -> Run:
        """Run Snakemake in a checkout, with the study that is there."""
        before = {*self.jobs.iterdir()}
        done = subprocess.run(
            [
                *[str(PYTHON), "-m", "snakemake", *arguments, "--configfile", "study.yaml"],
                *["--workflow-profile", "kubernetes", "--executor", "cluster-generic"],
                *["--jobs", "2", "--cores", "2", "--resources", "mem_mb=8000"],
                *["--cluster-generic-submit-cmd", f"{PYTHON} {SCRIPTS / 'submit.py'}"],
                *["--cluster-generic-status-cmd", f"{PYTHON} {SCRIPTS / 'status.py'}"],
                *["--shared-fs-usage", "none", "--job-deploy-sources"],
                *["--default-storage-provider", "s3", "--default-storage-prefix", PREFIX],
                *["--storage-s3-endpoint-url", self.address],
                *["--seconds-between-status-checks", "1"],
            ],
            cwd=checkout,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=7200,
        )
        new = sorted({*self.jobs.iterdir()} - before)
        logs = "".join(f"\n{each}\n{(each / 'log').read_text()}" for each in new)
        assert done.returncode == 0, done.stdout + logs[-20000:]
        submitted = [rule for each in new for rule in _rules_of(each / "script")]
        kept = re.findall(r"^localrule (\w+):", done.stdout, re.MULTILINE)
        return Run(done.stdout, submitted, kept)

    def put(self, file: Path, path: str) -> None:
        """Put a file into the store."""
        code = (
            "import boto3, sys\n"
            "address, file, path = sys.argv[1:]\n"
            "store = boto3.resource('s3', endpoint_url=address)\n"
            "store.create_bucket(Bucket='bucket')\n"
            "store.Bucket('bucket').upload_file(file, f'of/mine/{path}')\n"
        )
        self._python(code, str(file), path)

    def get(self, path: str, to: Path) -> Path:
        """Copy everything below a path out of the store."""
        code = (
            "import boto3, sys, pathlib\n"
            "address, prefix, to = sys.argv[1:]\n"
            "bucket = boto3.resource('s3', endpoint_url=address).Bucket('bucket')\n"
            "for each in bucket.objects.filter(Prefix=f'of/mine/{prefix}'):\n"
            "    file = pathlib.Path(to, each.key.removeprefix('of/mine/'))\n"
            "    file.parent.mkdir(parents=True, exist_ok=True)\n"
            "    bucket.download_file(each.key, str(file))\n"
        )
        self._python(code, path, str(to))
        return to

    def _python(self, code: str, *arguments: str) -> None:
        """Run Python with the packages of a store; the first argument is the server's address."""
        command = [str(PYTHON), "-c", code, self.address, *arguments]
        subprocess.run(command, check=True, env=self.environment())


def _rules_of(script: Path) -> list[str]:
    """Return the rules of the jobs that a job script runs."""
    (properties,) = re.findall(r"^# properties = (.*)$", script.read_text(), re.MULTILINE)
    read = json.loads(properties)
    return [read["rule"]] if read["type"] == "single" else [f"group {read['groupid']}"]


@contextmanager
def store(folder: Path) -> Iterator[Store]:
    """Run a server on the loopback, which keeps files in memory."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "jobs").mkdir()
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [str(PYTHON), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        for _ in range(600):
            with socket.socket() as attempt:
                if attempt.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None, (folder / "log").read_text()
            time.sleep(0.1)
        yield Store(f"http://127.0.0.1:{port}", folder / "jobs")
    finally:
        server.terminate()
        server.wait()


def clone(folder: Path, study: dict) -> Path:
    """Copy the checkout, with a study, as a git repository: jobs get the files that it lists."""
    copy_checkout(folder)
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def with_weights(folder: Path, weights: Path) -> Path:
    """Put the weights where a local run finds them."""
    (folder / "resources" / "weights").mkdir(parents=True)
    shutil.copy(weights, folder / "resources" / "weights")
    return folder
