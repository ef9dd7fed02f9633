"""Promises of the RO-Crate: valid JSON-LD, the right files, and all that a run was made from."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

import crates
from checkout import ROOT
from transfer_gain.runtime import crate

MADE = ["tables/gains.csv", "figures/gains.svg", "report.html"]
FACTS = {
    "datasets": ["clothes", "faces"],
    "citation": yaml.safe_load((ROOT / "CITATION.cff").read_text()),
    "code": {"sha256": "c" * 64, "version": "v1-2-gabc-dirty", "commit": "abc", "changed": True},
    "versions": {"Python": "3.12.1", "snakemake": "9.27.0", "numpy": "2.1.0"},
    "machine": {"Processor": "a fast one, 2 cores"},
    "precision": "bfloat16, float32",
    "inputs": {"my images/been 1.zip": "a" * 64},
    "seconds": 12.34,
    "ended": datetime(2018, 7, 1, 12, tzinfo=UTC),
}


def described(folder: Path, **facts) -> dict:
    """Write a crate of three files and return its entities by id."""
    for name in ("config.yaml", *MADE):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"content of {name}")
    found = crate.describe(folder, "config.yaml", MADE, FACTS | facts)
    (folder / crates.FILE).write_text(json.dumps(found))
    return crates.entities(folder)


def test_it_tells_what_went_in_and_what_came_out(tmp_path):
    found = described(tmp_path)
    run = found["#run"]
    assert [each["@id"] for each in run["result"]] == MADE
    config, image, precision = (found[each["@id"]] for each in run["object"])
    assert config["@id"] == "config.yaml"
    assert (image["name"], image["sha256"]) == ("my images/been 1.zip", "a" * 64)
    assert " " not in image["@id"]  # ids are URIs
    assert precision["value"] == "bfloat16, float32"
    assert run["endTime"] == found["./"]["datePublished"] == "2018-07-01T12:00:00+00:00"
    assert found[run["resourceUsage"]["@id"]]["value"] == 12.3
    values = {found[each["@id"]]["name"]: found[each["@id"]] for each in run["additionalProperty"]}
    assert values["Processor"]["value"] == "a fast one, 2 cores"
    assert values["changes that are not committed"]["value"] is True


def test_it_can_be_cited(tmp_path):
    found = described(tmp_path)
    workflow = found[found["./"]["citation"]["@id"]]
    assert workflow["name"] == FACTS["citation"]["title"]
    assert workflow["version"] == "v1-2-gabc-dirty"
    assert workflow["sha256"] == "c" * 64
    assert found[workflow["license"]["@id"]]["name"] == "MIT"
    assert found[workflow["programmingLanguage"]["@id"]]["softwareVersion"] == "9.27.0"
    assert found[workflow["author"]["@id"]]["name"] == "The transfer-gain authors"


def test_outside_git_the_version_is_the_release_and_changes_are_unknown(tmp_path):
    found = described(tmp_path, code={"sha256": "c" * 64})
    assert found["#workflow"]["version"] == FACTS["citation"]["version"]
    assert found["#code-changes-that-are-not-committed"]["value"] == "unknown"


def test_an_author_may_be_a_person(tmp_path):
    person = {"given-names": "Ada", "family-names": "Lovelace", "orcid": "https://orcid.org/0"}
    found = described(tmp_path, citation=FACTS["citation"] | {"authors": [person]})
    assert found["https://orcid.org/0"] == {
        "@id": "https://orcid.org/0",
        "@type": "Person",
        "name": "Ada Lovelace",
    }


def test_a_file_that_was_changed_later_is_found_out(tmp_path):
    described(tmp_path)
    (tmp_path / MADE[0]).write_text("another content")
    with pytest.raises(AssertionError, match="gains"):
        crates.entities(tmp_path)
