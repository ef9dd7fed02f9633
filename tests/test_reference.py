"""The JSON schema and the reference come from the models, and leave out nothing."""

import re

import jsonschema
import pytest
import yaml
from hypothesis import given, settings

from configs import ROOT, STUDIES, mutated
from transfer_gain.config import reference
from transfer_gain.config.errors import ConfigError
from transfer_gain.config.loading import complete
from transfer_gain.config.schema import json_schema

SECTIONS = {section.title: section for section in reference.sections()}


def test_the_reference_is_up_to_date():
    written = reference.REFERENCE_FILE.read_text()
    assert written == reference.markdown(), f"out of date, run {reference.COMMAND}"


def test_the_json_schema_is_up_to_date():
    written = reference.SCHEMA_FILE.read_text()
    assert written == reference.schema_text(), f"out of date, run {reference.COMMAND}"


def test_the_reference_shows_the_default_study_in_full():
    example = re.findall(r"```yaml\n(.*?)```", reference.REFERENCE_FILE.read_text(), re.DOTALL)[-1]
    assert yaml.safe_load(example) == complete({})


@pytest.mark.parametrize("section", [*SECTIONS.values()], ids=[*SECTIONS])
def test_every_key_is_described_and_has_a_default_or_is_required(section):
    assert section.description
    for key, node in section.keys.items():
        assert node["description"].endswith("."), key
        assert ("default" in node) != (key in section.required), key


def test_the_reference_has_every_key():
    described = {title.split(" with")[0].strip("`"): {} for title in SECTIONS}
    for title, section in SECTIONS.items():
        described[title.split(" with")[0].strip("`")] |= section.keys
    for name, value in complete({"one_shot": {"target": "avatars", "backbone": "vgg16"}}).items():
        if name in ("datasets", "backbones"):
            assert all(
                entry.keys() <= described[f"{name}.<name>"].keys() for entry in value.values()
            )
        elif name == "fractions":
            assert value[0].keys() == described["fractions[]"].keys()
        elif isinstance(value, dict):
            assert value.keys() == described[name].keys()
        else:
            assert name in described["The study"]


@pytest.mark.parametrize("file", [ROOT / "config.yaml", *STUDIES], ids=lambda file: file.stem)
def test_editors_find_the_schema_and_accept_every_study_of_the_repository(file):
    text = file.read_text()
    path = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)[1]
    assert (file.parent / path).resolve() == reference.SCHEMA_FILE
    jsonschema.validate(yaml.safe_load(text), json_schema())


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(mutated())
def test_the_schema_accepts_whatever_is_loaded(config):
    try:
        filled = complete(config)
    except ConfigError:
        return
    jsonschema.validate(config, json_schema())
    jsonschema.validate(filled, json_schema())


@pytest.mark.parametrize(
    "config",
    [
        {"sed": 1},
        {"seed": -1},
        {"heads": {"learning_rates": ["1e-4"]}},
        {"heads": {"activations": ["elu", "elu"]}},
        {"datasets": {"A b": {"source": "peeps"}}},
        {"datasets": {"mine": {"source": "cifar"}}},
        {"datasets": {"mine": {"source": "peeps", "classes": ["bag", "shirt"]}}},
        {"datasets": {"mine": {"source": "folder"}}},
        {"backbones": {"mine": {"architecture": "VGG61"}}},
        {"fractions": []},
        {"one_shot": {"target": "avatars"}},
    ],
    ids=repr,
)
def test_the_schema_refuses_what_is_refused(config):
    with pytest.raises(ConfigError):
        complete(config)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(config, json_schema())
