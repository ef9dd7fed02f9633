"""The package's files that a job uses, so that editing one reruns only the jobs that use it."""

import ast
import functools
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
RUNNER = PACKAGE / "runtime" / "job.py"  # runs and logs a job; does not affect its results


def make_importable() -> None:
    """Make the package importable in child processes."""
    others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    folders = [str(PACKAGE.parent), *(folder for folder in others if folder)]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(folders))


@functools.cache
def digests_behind(*entries: Path) -> dict[str, str]:
    """Return "path digest" by name for every file behind some entries (see `files_behind`).

    As parameters of a job they say which code made its files: Snakemake reruns the job when a file
    changes, and shows the lines that differ as its reason. Paths are relative to the folder of the
    package, so that moving a checkout changes nothing. The names are there because Snakemake's
    cache between workflows takes no parameter without one.
    """
    paths = {file: os.path.relpath(file, PACKAGE.parent) for file in files_behind(*entries)}
    return {
        "code_" + re.sub(r"\W", "_", path): f"{path} {_digest(file)}"
        for file, path in paths.items()
    }


def source_module(source: str) -> Path:
    """Return the module that the images of a source come from, which is imported by name."""
    return PACKAGE / "data" / "sources" / f"{source.replace('-', '_')}.py"


@functools.cache
def _digest(file: Path) -> str:
    """Return the start of a file's SHA-256."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


@functools.cache
def files_behind(*entries: Path) -> list[Path]:
    """Return Python files and everything that they import from the package, directly or indirectly.

    Args:
        entries: a job's script, modules that it imports dynamically, and data files of the code.

    Raises:
        FileNotFoundError: an entry does not exist.
    """
    found: set[Path] = set()
    waiting: list[Path | None] = [*entries]
    while waiting:
        file = waiting.pop()
        if file and file != RUNNER and file not in found:
            found.add(file)
            waiting += _imported(file)
    return sorted(found)


@functools.cache  # most files are imported by many modules
def _imported(file: Path) -> list[Path | None]:
    """Return the files that a file imports, and None for imports of other packages."""
    if file.suffix != ".py":
        return []
    imported = []
    for node in _statements(ast.parse(file.read_text())):
        if not isinstance(node, ast.ImportFrom):
            continue
        if node.level:
            folder = file.parents[node.level - 1]
        elif (node.module or "").split(".")[0] == PACKAGE.name:
            folder = PACKAGE.parent
        else:
            continue
        base = folder.joinpath(*(node.module or "").split("."))
        imported += [_file(base), *(_file(base / alias.name) for alias in node.names)]
    return imported


def _statements(block: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements in a block, except those that only a type checker reads.

    Most nodes are expressions, which are not visited: no import is in one.
    """
    for field in ("body", "handlers", "orelse", "finalbody", "cases"):
        for node in getattr(block, field, []):
            if not (isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"):
                yield node
                yield from _statements(node)


def _file(module: Path) -> Path | None:
    """Return the file of a module or package, given its path without suffix."""
    for candidate in (module.with_suffix(".py"), module / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None
