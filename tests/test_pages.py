"""README.md and docs/ print the numbers of docs/results/, which a finished study left there."""

import json
import shutil
from pathlib import Path

import pytest

from transfer_gain.reporting import pages

COMMAND = "python -m transfer_gain.reporting.pages"


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.name)
def test_a_page_prints_the_numbers_of_the_tables(page: Path):
    text = page.read_text()
    assert pages.BLOCK.search(text), "no generated block"
    assert pages.fill(text, pages.read()) == text, f"run {COMMAND}"


def test_every_block_is_on_a_page():
    names = [name for page in pages.PAGES for _, name, _ in pages.BLOCK.findall(page.read_text())]
    assert set(names) == set(pages.BLOCKS)


def test_a_number_that_changes_in_a_table_changes_on_the_page(tmp_path: Path):
    results = tmp_path / "results"
    shutil.copytree(pages.RESULTS, results)
    tables = pages.read(results)
    tables["accuracy"]["mean"] += 0.001
    page = "<!-- generated: accuracy -->\n<!-- end -->\n"
    assert pages.fill(page, tables) != pages.fill(page, pages.read())


def test_the_tables_of_a_study_are_kept_with_what_made_them(tmp_path: Path):
    study, results = tmp_path / "study", tmp_path / "kept"
    shutil.copytree(pages.RESULTS, study / "tables")
    made = json.loads((pages.RESULTS / pages.PROVENANCE).read_text())
    graph = [
        {"@id": "#workflow", "version": made["commit"]},
        {"@id": "#run", "endTime": f"{made['date']}T12:00:00+00:00"},
        {"@id": "#machine-processor", "value": made["processor"]},
        {"@id": "#precision-precision", "value": made["precision"]},
    ]
    (study / "ro-crate-metadata.json").write_text(json.dumps({"@graph": graph}))
    pages.keep(study / "tables", results)
    for file in pages.RESULTS.iterdir():
        assert (results / file.name).read_bytes() == file.read_bytes(), file.name
