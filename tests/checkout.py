"""Copies of the checkout in which tests run Snakemake for real."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]


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
