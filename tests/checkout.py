"""Copies of the checkout in which tests run Snakemake for real."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parents[1]
PLUGINS = Path(__file__).parent / "plugins"


class Job(NamedTuple):
    """A job that Snakemake has planned or started, with its output."""

    rule: str
    wildcards: Mapping[str, str]
    output: list[str]
    reason: str
    resources: Mapping[str, Any]

    def __str__(self) -> str:
        """Return the rule and the values of its wildcards."""
        return " ".join([self.rule, *self.wildcards.values()])


def copy_checkout(folder: Path) -> Path:
    """Copy what belongs to the checkout, committed or not, into a folder."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    for name in filter(lambda name: (ROOT / name).is_file(), listed):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    return folder


def python(
    checkout: Path, *arguments: str, timeout: float = 120, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run Python in a copy of the checkout, without settings of the user's."""
    inherited = {key: value for key, value in os.environ.items() if "SNAKEMAKE" not in key}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=checkout,
        env=inherited | {"PYTHONDONTWRITEBYTECODE": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def snakemake(
    checkout: Path,
    *arguments: str,
    study: dict | Path | None = None,
    timeout: float = 120,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in a copy of the checkout, with a study of its own where one is given."""
    if isinstance(study, dict):
        (checkout / "study.yaml").write_text(yaml.safe_dump(study))
        study = Path("study.yaml")
    if study is not None:
        arguments = (*arguments, "--configfile", str(study))
    return python(checkout, "-m", "snakemake", *arguments, timeout=timeout, **environment)


def jobs_to_run(
    checkout: Path, *arguments: str, study: dict | Path | None = None, **environment: str
) -> list[Job]:
    """Return the jobs that a dry run plans, except those without output, such as `all`.

    Each is planned for a reason: what is not among them is up to date.
    """
    jobs, done = jobs_of(checkout, "--dry-run", *arguments, study=study, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return [job for job in jobs if job.output]


def jobs_of(
    checkout: Path, *arguments: str, **options: Any
) -> tuple[list[Job], subprocess.CompletedProcess[str]]:
    """Run Snakemake (see `snakemake`).

    Returns:
        The jobs that it has planned or started, in order and with each attempt, and how it ended.
    """
    folders = [str(PLUGINS), *filter(None, [options.pop("PYTHONPATH", None)])]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "jobs"
        arguments = (*arguments, "--logger", "jobs", "--logger-jobs-file", str(file))
        done = snakemake(checkout, *arguments, **options, PYTHONPATH=os.pathsep.join(folders))
        lines = file.read_text().splitlines() if file.exists() else []
    return [Job(**json.loads(line)) for line in lines], done


def spies_on_tensorflow(checkout: Path) -> Path:
    """Write modules that leave a file `caught` when TensorFlow or Keras is imported.

    Returns:
        Their folder, for PYTHONPATH.
    """
    folder = checkout / "spies"
    folder.mkdir(exist_ok=True)
    for name in ("tensorflow", "keras"):
        caught = f"from pathlib import Path\nPath({str(checkout)!r}, 'caught').touch()\n"
        (folder / f"{name}.py").write_text(caught)
    return folder
