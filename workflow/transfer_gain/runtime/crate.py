"""RO-Crate metadata of the results: a JSON file that documents their origin, for citation.

It conforms to RO-Crate 1.1 (https://w3id.org/ro/crate/1.1) and to Process Run Crate 0.5
(https://w3id.org/ro/wfrun/process/0.5), its profile for software runs.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from transfer_gain.runtime import provenance

CRATE = "https://w3id.org/ro/crate/1.1"
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
CONTEXT = [f"{CRATE}/context", "https://w3id.org/ro/terms/workflow-run/context"]
FORMATS = {
    ".csv": "text/csv",
    ".html": "text/html",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".yaml": "application/yaml",
}


def describe(
    folder: Path | str, config: str, made: Sequence[str], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the crate's metadata, JSON-LD.

    Args:
        folder: folder of the results, the root of the crate.
        config: relative path of the config with every default filled in.
        made: relative paths of the tables, figures and the report.
        facts: `datasets` (names), `citation` (CITATION.cff), `code` (see
            `provenance.describe_code`), `versions` (by package), `machine` (descriptions by name),
            `precision` (resolved), `inputs` (digests by path), `seconds` (summed over all jobs) and
            `ended` (a datetime with time zone).
    """
    folder, ended = Path(folder), facts["ended"].isoformat(timespec="seconds")
    citation = facts["citation"]
    licence = f"https://spdx.org/licenses/{citation['license']}"
    files = [_file(folder, path) for path in (config, *made)]
    inputs = [_input(path, sha256) for path, sha256 in facts["inputs"].items()]
    software = [_software(name, version) for name, version in facts["versions"].items()]
    authors = [_author(author, number) for number, author in enumerate(citation["authors"], 1)]
    told = [
        *(_value("machine", name, words) for name, words in facts["machine"].items()),
        _value("code", "changes that are not committed", facts["code"].get("changed", "unknown")),
    ]
    precision = _value("precision", "precision", facts["precision"])
    seconds = _value("cost", "seconds of all jobs, one after the other", round(facts["seconds"], 1))
    run = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"The study of {' and '.join(facts['datasets'])}",
        "description": f"snakemake --configfile {config}, in a checkout of the workflow's version",
        "instrument": {"@id": "#workflow"},
        "object": _references([files[0], *inputs, precision]),
        "result": _references(files[1:]),
        "endTime": ended,
        "resourceUsage": {"@id": seconds["@id"]},
        "additionalProperty": _references(told),
    }
    workflow = {
        "@id": "#workflow",
        "@type": ["SoftwareSourceCode", "ComputationalWorkflow"],
        "name": citation["title"],
        "version": facts["code"].get("version", citation["version"]),
        "sha256": facts["code"]["sha256"],
        "license": {"@id": licence},
        "author": _references(authors),
        "programmingLanguage": {"@id": "#snakemake"},
        "softwareRequirements": _references(software),
    }
    root = {
        "@id": "./",
        "@type": "Dataset",
        "conformsTo": {"@id": PROFILE},
        "name": f"How much transfer learning buys on {' and '.join(facts['datasets'])}",
        "description": f"Tables, figures and report of a study, made with {citation['title']}.",
        "datePublished": ended,
        "license": {"@id": licence},
        "citation": {"@id": "#workflow"},
        "hasPart": _references(files),
        "mentions": {"@id": "#run"},
    }
    descriptor = {
        "@id": "ro-crate-metadata.json",
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": {"@id": CRATE},
    }
    others = [
        {"@id": CRATE, "@type": "CreativeWork", "name": "RO-Crate", "version": "1.1"},
        {"@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"},
        {"@id": licence, "@type": "CreativeWork", "name": citation["license"]},
    ]
    return {
        "@context": CONTEXT,
        "@graph": [
            *(descriptor, root, workflow, run, precision, seconds),
            *(*told, *authors, *software, *inputs, *files, *others),
        ],
    }


def _file(folder: Path, path: str) -> dict[str, Any]:
    """Return the entity of a file of the crate."""
    return {
        "@id": quote(path),
        "@type": "File",
        "name": path,
        "encodingFormat": FORMATS[Path(path).suffix],
        "contentSize": str((folder / path).stat().st_size),
        "sha256": provenance.digest(folder / path),
    }


def _input(path: str, sha256: str) -> dict[str, Any]:
    """Return the entity of an input file or folder that is not part of the crate."""
    return {"@id": f"#input-{quote(path)}", "@type": "CreativeWork", "name": path, "sha256": sha256}


def _software(name: str, version: str) -> dict[str, Any]:
    """Return the entity of a package; Snakemake is also the workflow's language."""
    kinds = ["SoftwareApplication", *(["ComputerLanguage"] if name == "snakemake" else [])]
    return {"@id": f"#{name.lower()}", "@type": kinds, "name": name, "softwareVersion": version}


def _author(author: Mapping[str, str], number: int) -> dict[str, Any]:
    """Return the entity of an author of CITATION.cff: an organization or a person."""
    identifier = author.get("orcid", f"#author-{number}")
    if "name" in author:
        return {"@id": identifier, "@type": "Organization", "name": author["name"]}
    name = f"{author['given-names']} {author['family-names']}"
    return {"@id": identifier, "@type": "Person", "name": name}


def _value(kind: str, name: str, value: Any) -> dict[str, Any]:
    """Return the entity of a named value."""
    identifier = f"#{kind}-{name.lower().replace(' ', '-')}"
    return {"@id": identifier, "@type": "PropertyValue", "name": name, "value": value}


def _references(entities: Sequence[Mapping[str, Any]]) -> Any:
    """Return references to entities; a single reference is not a list, as RO-Crate requires."""
    references = [{"@id": entity["@id"]} for entity in entities]
    return references[0] if len(references) == 1 else references
