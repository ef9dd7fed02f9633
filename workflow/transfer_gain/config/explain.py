"""Turns pydantic's errors into one line: the key, what was found and what is allowed."""

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from transfer_gain.config import schema
from transfer_gain.config.errors import ConfigError, MissingKeyError
from transfer_gain.printable import shorten, shown

_KINDS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    # YAML reads 1e-4 as text, because it has no decimal point.
    "number": "a finite number, such as 0.0001 (not 1e-4)",
    "object": "keys with values",
    "string": "text",
}
_UNKNOWN_KEY = ("extra_forbidden", "invalid_key")
_WRONG_KIND = (
    *("bool_type", "dict_type", "finite_number", "float_type", "int_from_float", "int_type"),
    *("model_attributes_type", "model_type", "string_type", "string_unicode", "tuple_type"),
)


def refusal(error: ValidationError) -> ConfigError:
    """Return the error that says what is wrong with a config in one line."""
    problem = _most_telling(error.errors(include_url=False))
    kind, loc, found = problem["type"], problem["loc"], problem["input"]
    if kind in _UNKNOWN_KEY:
        return ConfigError(_unknown_key(loc, found if kind == "invalid_key" else loc[-1]))
    if kind == "missing":
        return MissingKeyError(_missing_key(loc))
    if kind == "union_tag_not_found":
        return MissingKeyError(_missing_key((*loc, "source")))
    if kind == "union_tag_invalid":
        loc, found = (*loc, "source"), found["source"]
    if isinstance(found, tuple):  # which was a list in the config
        found = list(found)
    place, node = schema.find(loc)
    allowed = _allowed(kind, node, problem)
    return ConfigError(f"{_written(place)}: found {shown(found)}, allowed: {allowed}")


def _most_telling(problems: list[ErrorDetails]) -> ErrorDetails:
    """Return the first problem, or an unknown key beside or above it.

    A misspelled key causes two problems: it is unknown, and the key that is meant may be missing.
    """
    first = problems[0]
    unknown = [
        problem
        for problem in problems
        if problem["type"] in _UNKNOWN_KEY
        and first["loc"][: len(problem["loc"]) - 1] == problem["loc"][:-1]
    ]
    return min(unknown, key=lambda problem: len(problem["loc"]), default=first)


def _unknown_key(loc: schema.Place, found: Any) -> str:
    """Say that a key is unknown, and which are known."""
    place, node = schema.find(loc[:-1])
    known = list(node["properties"])
    close = difflib.get_close_matches(shorten(str(found)), known, n=1)
    hint = f" (did you mean '{close[0]}'?)" if close else ""
    return f"{_written(place)}: found unknown key {shown(found)}{hint}, allowed: {', '.join(known)}"


def _missing_key(loc: schema.Place) -> str:
    """Say that a key is missing, and what it means."""
    place, node = schema.find(loc)
    what = node["description"].rstrip(".")
    return f"{_written(place[:-1])}: found no key '{place[-1]}', which is required: {what}"


def _allowed(kind: str, node: Mapping[str, Any], problem: ErrorDetails) -> str:
    """Say what the rule that a value breaks allows."""
    if kind in _WRONG_KIND:
        return _KINDS[node["type"]] + (" or null" if node.get("nullable") else "")
    match kind:
        case "literal_error" | "union_tag_invalid":
            return "one of " + ", ".join(node["enum"])
        case "string_pattern_mismatch":
            return str(node["title"])
        case "greater_than":
            return f"greater than {node['exclusiveMinimum']}"
        case "greater_than_equal":
            return f"at least {node['minimum']}"
        case "less_than_equal":
            return f"at most {node['maximum']}"
        case "string_too_short":
            return "at least 1 character"
        case "too_short":
            least = node.get("minItems", 1)
            thing = "entry" if node["type"] == "object" else "value"
            return f"at least {least} {thing}{'s' * (least > 1)}"
    return problem["msg"]


def _written(place: schema.Place) -> str:
    """Return the place of a value as messages write it, such as `heads.layers[0]`."""
    text = ""
    for key in place:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            name = key if key.replace("_", "").replace("-", "").isalnum() else shown(key)
            text += f".{name}" if text else name
    return shorten(text) or "config"
