"""How a file of the study was made, as the report describes it."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def origin_of(
    path: str, rules: Iterable[Any], report: str, stored: Callable[[str], str] = str
) -> dict[str, Any]:
    """Return name, kind, relative path, rule, script and wildcards of a table or figure.

    Args:
        path: the file.
        rules: Snakemake's rules, one of which makes it.
        report: path of the report, which the file's path is made relative to.
        stored: from a path to the one that the rules know, see `stores.Store`.
    """
    maker = _maker(stored(path), rules)
    return {
        "name": Path(path).stem,
        "kind": _kind_of(stored(path), maker),
        "path": os.path.relpath(path, Path(report).parent),
        "rule": maker.name,
        "script": f"workflow/scripts/{Path(str(maker.script)).name}",
        "wildcards": dict(maker.get_wildcards(stored(path))),
    }


def _kind_of(path: str, maker: Any) -> str:
    """Return the name of a table, or that of a figure without the values of its wildcards."""
    name = Path(path).stem
    if Path(path).suffix == ".csv":  # its rule may name the table by a wildcard
        return name
    for value in maker.get_wildcards(path).values():
        name = name.removesuffix(f"_{value}").replace(f"_{value}_", "_")
    return name


def _maker(path: str, rules: Iterable[Any]) -> Any:
    """Return the rule that makes a file."""
    return next(rule for rule in rules if rule.is_producer(path))
