"""The layout that the Snakemake workflow catalog and `snakedeploy` expect of a workflow."""

import re

import pytest
import yaml

from checkout import ROOT
from stubbed_workflow import STUDY, planned
from transfer_gain.config.loading import load


def test_the_config_that_is_deployed_is_that_of_a_checkout():
    assert (ROOT / "config/config.yaml").read_text() == (ROOT / "config.yaml").read_text()


def test_the_catalog_finds_what_it_asks_for():
    """As its documentation says, of the area *standardized usage*."""
    assert (ROOT / "workflow/Snakefile").is_file()
    assert {file.suffix for file in (ROOT / "workflow/rules").iterdir()} == {".smk"}
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage["mandatory-flags"].keys() == {"desc", "flags"}
    assert usage["software-stack-deployment"]["conda"]
    readme = (ROOT / "README.md").read_text().lower()
    assert "snakemake" in readme
    assert "workflow" in readme


def test_the_example_of_the_instructions_is_a_study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "path/to/birds").mkdir(parents=True)
    text = (ROOT / "config/README.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert load(yaml.safe_load(example)).datasets["birds"].source == "folder"
    keys = {key for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE) for key in row.split()}
    named = {key.strip("`,") for key in keys if "`" in key}
    assert named <= load({}).model_dump().keys()


@pytest.mark.slow
def test_without_a_target_either_snakefile_makes_everything(made):
    study = STUDY | {"results": "anew"}
    everything = planned(made, "all", study=study)
    assert len(everything) > 30
    assert planned(made, study=study) == everything
    assert planned(made, "--snakefile", "workflow/Snakefile", study=study) == everything
