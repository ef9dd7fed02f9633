"""The hosted checks, which cannot run here, ask for what there is."""

import re

import yaml
from packaging.specifiers import SpecifierSet

from checkout import ROOT

JOBS = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())["jobs"]
PROJECT = (ROOT / "pyproject.toml").read_text()


def test_every_command_is_a_target_of_make():
    commands = [step["run"] for job in JOBS.values() for step in job["steps"] if "run" in step]
    assert commands == ["make check", "make test"]
    for command in commands:
        target = command.removeprefix("make ")
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_every_python_that_the_project_supports_is_checked():
    supported = SpecifierSet(re.search(r'requires-python = "(.+)"', PROJECT)[1])
    versions = JOBS["check"]["strategy"]["matrix"]["python"]
    assert versions == [f"3.{minor}" for minor in range(30) if f"3.{minor}" in supported]
    for each in JOBS["test"]["strategy"]["matrix"]["include"]:
        assert each["python"] in versions
