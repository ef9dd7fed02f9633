"""How a file of the study was made, as the report describes it."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def origin_of(path: str, rules: Iterable[Any], report: str) -> dict[str, Any]:
    """Return name, kind, relative path, rule, script and wildcards of a table or figure.

    Args:
        path: the file.
        rules: Snakemake's rules, one of which makes it.
        report: path of the report, which the file's path is made relative to.
    """
    maker = _maker(path, rules)
    return {
        "name": Path(path).stem,
        "kind": kind_of(path, rules),
        "path": os.path.relpath(path, Path(report).parent),
        "rule": maker.name,
        "script": f"workflow/scripts/{Path(str(maker.script)).name}",
        "wildcards": dict(maker.get_wildcards(path)),
    }


def kind_of(path: str, rules: Iterable[Any]) -> str:
    """Return the name of a table, or that of a figure without the values of its wildcards."""
    name = Path(path).stem
    if Path(path).suffix == ".csv":  # its rule may name the table by a wildcard
        return name
    for value in _maker(path, rules).get_wildcards(path).values():
        name = name.removesuffix(f"_{value}").replace(f"_{value}_", "_")
    return name


def _maker(path: str, rules: Iterable[Any]) -> Any:
    """Return the rule that makes a file."""
    return next(rule for rule in rules if rule.is_producer(path))
