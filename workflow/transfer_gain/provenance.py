"""On what a study was computed: versions, processor and commit; nothing names a machine."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

PACKAGES = (
    *("snakemake", "tensorflow", "keras", "numpy", "pandas", "scipy", "scikit-learn"),
    *("seaborn", "matplotlib", "pillow", "pyarrow", "onnx", "dicebear-core", "resvg-py"),
)


def describe(folder: Path | str) -> dict[str, str]:
    """Return words by name: Python and packages, processor kind and commit.

    Args:
        folder: the checkout; outside of git there is no commit.
    """
    packages = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    described = {
        "Python": platform.python_version(),
        "Packages": packages,
        "System": f"{platform.system()} ({platform.machine()})",
        "Processor": f"{processor()}, {os.cpu_count()} cores",
    }
    commit = _git(folder, "rev-parse", "HEAD")
    if commit:
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
        described["Commit"] = commit + (" with changes that are not committed" if changed else "")
    return described


def processor() -> str:
    """Return the processor's kind, such as "AMD EPYC 7B13"."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _git(folder: Path | str, *arguments: str) -> str:
    """Return what git says of a folder; "" where there is no git or no repository."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
