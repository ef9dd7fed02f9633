"""Provenance of a study: code, package versions, inputs and the machine, without its name."""

import hashlib
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

import pandas as pd

from transfer_gain.data.sources.walk import walk

PACKAGES = (
    *("snakemake", "tensorflow", "keras", "numpy", "pandas", "scipy", "scikit-learn"),
    *("seaborn", "matplotlib", "pillow", "opencv-python-headless", "pyarrow", "zstandard", "onnx"),
    *("dicebear-core", "resvg-py"),
)
SHORT = 12  # characters of a digest that the report shows
# In it, `git archive` writes the commit, as it does for a downloaded zip or a module.
ARCHIVED = ".git-archival.txt"


def describe(
    checkout: Path | str,
    precisions: Iterable[str],
    inputs: Mapping[str, str],
    seconds: pd.Series,
) -> dict[str, str]:
    """Return descriptions by name, as the report shows them.

    Args:
        checkout: folder of Snakefile and workflow/.
        precisions: resolved precision of each run; repeats allowed.
        inputs: digests by path (see `digest`).
        seconds: seconds of each job; missing if not measured.
    """
    code = describe_code(checkout)
    changed = " with uncommitted changes" if code.get("changed") else ""
    if "changed" not in code:  # only a repository knows
        changed = " in an archive, changes not checked"
    git = f"{code['version']}, commit {code['commit']}{changed}, " if "commit" in code else ""
    short = [f"{path} {value[:SHORT]}" for path, value in inputs.items()]
    return {
        "Code": f"{git}SHA-256 {str(code['sha256'])[:SHORT]}",
        "Inputs": f"SHA-256 of {', '.join(short)}" if short else "none: all images are generated",
        "Precision": ", ".join(sorted(set(precisions))),
        "Packages": ", ".join(f"{name} {version}" for name, version in versions().items()),
        **machine(),
        "Jobs": f"{seconds.count():,} measured, {seconds.sum():,.0f} seconds one after the other",
    }


def describe_code(checkout: Path | str) -> dict[str, str | bool]:
    """Return the digest of the code and, in a git repository, its version.

    Args:
        checkout: folder of Snakefile and workflow/.

    Returns:
        `sha256` of Snakefile and all files below workflow/ (see `digest`). In a git repository also
        `version` (from `git describe`), `commit`, and `changed`: whether tracked files differ from
        the commit. What was taken from a repository by `git archive` has `version` and `commit`.
    """
    checkout = Path(checkout)
    files = [checkout / "Snakefile", *_files(checkout / "workflow")]
    code: dict[str, str | bool] = {"sha256": _digest_listing(files, checkout)}
    git = ("git", "-C", str(checkout))
    # A copy of the code may lie in another project's repository.
    tracked = _said(*git, "ls-files", "Snakefile")
    if tracked and (commit := _said(*git, "rev-parse", "HEAD")):
        version = _said(*git, "describe", "--always", "--tags", "--dirty")
        return code | {"version": version, "commit": commit, "changed": version.endswith("-dirty")}
    return code | _archived(checkout / ARCHIVED)


def _archived(file: Path) -> dict[str, str]:
    """Return the commit and version that `git archive` has written, or nothing."""
    lines = file.read_text().splitlines() if file.exists() else []
    written = dict(line.split(": ", 1) for line in lines if ": " in line)
    if not re.fullmatch("[0-9a-f]{40,64}", written.get("commit", "")):
        return {}
    # Before git 2.32, the version stays a placeholder; without a tag, it is empty.
    version = written.get("version", "")
    if not version or "$" in version:
        version = written["commit"][:SHORT]
    return {"version": version, "commit": written["commit"]}


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results depend on, by name."""
    packages = {name: metadata.version(name) for name in PACKAGES}
    return {"Python": platform.python_version()} | packages


def machine() -> dict[str, str]:
    """Describe this machine by name; accelerators only if there are any."""
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    described = {
        "System": f"{platform.system()} ({platform.machine()})",
        "Processor": f"{processor()}, {os.cpu_count()} cores",
        "Memory": f"{gigabytes:.0f} GB",
    }
    if accelerators := _said("nvidia-smi", "--query-gpu=name", "--format=csv,noheader"):
        described["Accelerators"] = ", ".join(accelerators.splitlines())
    return described


def processor() -> str:
    """Return the processor's model, such as "AMD EPYC 7B13"."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def digest(path: Path | str) -> str:
    """Return the SHA-256 of a file or, for a folder, of the list of its files' digests.

    The list is the output of `sha256sum` for all files below the folder, sorted by path. Hidden
    files and clutter of operating systems are excluded (see `sources.archives`).
    """
    path = Path(path)
    if path.is_dir():
        files = (path / found.name for found in walk(path) if found.kind == "file")
        return _digest_listing(files, path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_listing(files: Iterable[Path], folder: Path) -> str:
    """Return the SHA-256 of the list of the files' digests and paths relative to a folder."""
    paths = {file.relative_to(folder).as_posix(): file for file in files}
    lines = [f"{digest(paths[name])}  {name}\n" for name in sorted(paths)]
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


def _files(folder: Path) -> list[Path]:
    """Return the files below a folder, except compiled Python files."""
    return [
        file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts
    ]


def _said(*command: str) -> str:
    """Return the output of a command, or "" if it is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
