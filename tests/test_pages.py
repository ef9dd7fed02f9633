"""Pages print the numbers of docs/results/, which a finished study left there; links work."""

import itertools
import json
import re
import shlex
import shutil
import tomllib
from pathlib import Path

import pytest
import yaml

from checkout import ROOT, copy_checkout, snakemake
from pictures import make_own_images
from transfer_gain.reporting import pages

COMMAND = "python -m transfer_gain.reporting.pages"
MARKDOWN = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md")]


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.name)
def test_a_page_prints_the_numbers_of_the_tables(page: Path):
    text = page.read_text()
    assert pages.BLOCK.search(text), "no generated block"
    assert pages.fill(text, pages.read()) == text, f"run {COMMAND}"


def test_what_the_tutorial_says_of_the_solar_cells_is_in_their_answer():
    text = (ROOT / "docs/tutorial-own-images.md").read_text()
    said = text.partition("How does the answer hold in the world?")[2].partition("![")[0]
    numbers = re.findall(r"0\.\d+", said)
    assert len(numbers) > 10
    answered = pages.SOLAR_CELLS.read_text()
    assert [number for number in numbers if number not in answered] == []


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
    shutil.copyfile(pages.RESULTS / pages.ANSWER, study / pages.ANSWER)
    (study / "ro-crate-metadata.json").write_text(json.dumps({"@graph": graph}))
    pages.keep(study / "tables", results)
    for file in pages.RESULTS.iterdir():
        assert (results / file.name).read_bytes() == file.read_bytes(), file.name


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_links_of_a_page_lead_somewhere(page: Path):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    for link in links:
        if "://" not in link:
            path, _, anchor = link.partition("#")
            target = page.parent / path if path else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


def test_the_pages_to_read_are_one_path():
    listed = (
        (ROOT / "README.md").read_text().partition("in this order")[2].partition("look things")[0]
    )
    path = re.findall(r"\]\(docs/([\w-]+\.md)\)", listed)
    assert len(path) == 8
    for page, following in itertools.pairwise(path):
        last = (ROOT / "docs" / page).read_text().rstrip().splitlines()[-1]
        assert re.fullmatch(rf"\*\*Next:\*\* \[[\w ]+\]\({re.escape(following)}\)", last), page


def commands(program: str) -> list[tuple[str, str]]:
    """Return what the pages tell to run of a program: the page, and the arguments."""
    found = []
    for page in MARKDOWN:
        for block in re.findall(r"^```\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            lines = block.replace("\\\n", " ").splitlines()
            found += [
                (str(page.relative_to(ROOT)), line.partition("#")[0].removeprefix(program).strip())
                for line in lines
                if line.startswith(f"{program} ") and "|" not in line
            ]
    return found


@pytest.mark.parametrize(("page", "arguments"), commands("make"))
def test_what_a_page_tells_to_make_is_in_the_makefile(page: str, arguments: str):
    target = shlex.split(arguments)[0]
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), page


# Of which a machine without a cluster can tell nothing, and which need more than this repository.
ELSEWHERE = ("profiles/", "paper-2018.yaml", "my-study.yaml", "small.yaml", "--unlock")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "arguments"),
    [
        (page, arguments)
        for page, arguments in dict.fromkeys(commands("snakemake"))
        if not any(name in arguments for name in ELSEWHERE)
    ],
)
def test_what_a_page_tells_snakemake_can_be_planned(tmp_path: Path, page: str, arguments: str):
    folder = copy_checkout(tmp_path)
    make_own_images(folder / "path/to/my-images")
    done = snakemake(
        folder, *shlex.split(arguments), "--dry-run", SNAKEMAKE_OUTPUT_CACHE=str(tmp_path / "cache")
    )
    assert done.returncode == 0, f"{page}: {done.stderr}"


def test_the_graph_of_the_rules_shows_those_of_the_study_with_every_method(tmp_path: Path):
    study = ROOT / "workflow/studies/smoke.yaml"
    done = snakemake(copy_checkout(tmp_path), "all", "--rulegraph", "--forceall", study=study)
    rules = re.findall(r'label = "(\w+)"', done.stdout)
    drawn = re.findall(r"<text[^>]*>(\w+)</text>", (ROOT / "docs/images/rulegraph.svg").read_text())
    assert rules
    assert sorted(drawn) == sorted(rules), "draw it again, see CONTRIBUTING.md"


def test_the_version_to_cite_is_the_newest_of_the_changelog():
    changes = (ROOT / "CHANGELOG.md").read_text()
    version, day = re.findall(r"^## (\S+) \((\S+)\)$", changes, re.MULTILINE)[0]
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (cited["version"], cited["date-released"]) == (version, day)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == version
