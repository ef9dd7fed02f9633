"""Properties of every RO-Crate that describes a run."""

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

FILE = "ro-crate-metadata.json"


def entities(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the entities of a crate by id, having checked that they are sound.

    Each id is there once, whatever is referred to is there, and the files of the crate are as it
    says.
    """
    graph = json.loads((folder / FILE).read_text())["@graph"]
    found = {entity["@id"]: entity for entity in graph}
    assert len(found) == len(graph)
    assert all(entity["@type"] for entity in graph)
    assert set(_references(graph)) <= set(found)
    assert found[FILE]["about"] == {"@id": "./"}
    assert {"name", "description", "datePublished", "license"} <= set(found["./"])
    parts = [found[part["@id"]] for part in found["./"]["hasPart"]]
    for part in parts:
        content = (folder / unquote(part["@id"])).read_bytes()
        assert part["sha256"] == hashlib.sha256(content).hexdigest(), part
        assert part["contentSize"] == str(len(content)), part
    files = {each["@id"] for each in graph if "File" in each["@type"]}
    assert files == {part["@id"] for part in parts}
    return found


def _references(value: Any) -> list[str]:
    """Return every id that is referred to within a value."""
    if isinstance(value, dict):
        if set(value) == {"@id"}:
            return [value["@id"]]
        return [each for inner in value.values() for each in _references(inner)]
    if isinstance(value, list):
        return [each for inner in value for each in _references(inner)]
    return []
