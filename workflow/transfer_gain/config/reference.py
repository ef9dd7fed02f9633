"""Writes the configuration reference and the JSON schema, both from the models of the config."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from transfer_gain.config.loading import complete
from transfer_gain.config.paths import format_number
from transfer_gain.config.schema import Schema, json_schema, resolved

CHECKOUT = Path(__file__).parents[3]
SCHEMA_FILE = CHECKOUT / "workflow" / "schemas" / "config.schema.json"
REFERENCE_FILE = CHECKOUT / "docs" / "configuration.md"
COMMAND = "PYTHONPATH=workflow .venv/bin/python -m transfer_gain.config.reference"

_TITLE = f"""\
# Configuration

<!-- Generated from workflow/transfer_gain/config/; do not edit. Regenerate it:
{COMMAND}
-->

A study is one YAML file. Snakemake reads `config.yaml`, unless `--configfile` names another file,
which then replaces it: nothing of `config.yaml` is mixed in. Keys that are left out have their
defaults. Unknown keys and impossible values are refused before any job starts. `workflow/studies/`
has small, complete studies.

Of several files, each changes those before it: `--configfile config.yaml small.yaml` runs the study
of `config.yaml` with what `small.yaml` says. Keys with values are merged, at every level; a list or
a single value replaces the one before it. A dataset or backbone cannot be taken out this way: that
needs a study of its own. `--config` comes last.

Editors with a YAML language server complete and check keys if the first line of the file names
`workflow/schemas/config.schema.json`, as in those studies.
"""

_EXAMPLE = """\
## Example: all defaults

This is an empty study with all defaults filled in. `config.yaml` describes the same study, plus
one-shot learning, which takes place only if a study has the section `one_shot`.

"""

_NEXT = "**Next:** [Extending](extending.md)\n"

_KINDS = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
}


class Section(NamedTuple):
    """Some keys of the config that stand together, with the schemas of their values."""

    title: str
    description: str
    keys: Mapping[str, Schema]
    required: tuple[str, ...] = ()


def sections() -> Iterator[Section]:
    """Yield every key of the config, in the order of the models."""
    top = _properties(json_schema())
    nested = [key for key, node in top.items() if node.get("type") in ("object", "array")]
    plain = {key: node for key, node in top.items() if key not in nested}
    yield Section("The study", "Keys at the top of the file.", plain)
    for key in nested:
        yield from _nested(key, top[key])


def markdown() -> str:
    """Return the whole reference as Markdown."""
    parts = [_TITLE, *map(_section, sections()), _EXAMPLE + _block(complete({})), _NEXT]
    return "\n".join(parts)


def schema_text() -> str:
    """Return the JSON schema as text."""
    return json.dumps(json_schema(), indent=2) + "\n"


def _nested(key: str, node: Schema) -> Iterator[Section]:
    """Yield the sections of a key that holds an object, named objects or a list of objects."""
    title, entry, description = f"`{key}`", node, node["description"]
    if "items" in node:
        title, entry = f"`{key}[]`", resolved(node["items"])
        description += " A list of entries."
    elif "propertyNames" in node:
        title, entry = f"`{key}.<name>`", resolved(node["additionalProperties"])
        description += f" Names consist of {node['propertyNames']['title']}."
    if entry is not node:
        default = _block({key: node["default"]})
        description += f"\n\nThe default of `{key}` is\n\n{default.strip()}"
    if "oneOf" not in entry:
        yield Section(title, description, *_keys(entry))
        return
    yield Section(title, f"{description}\n\nThe other keys depend on `source`.", {})
    for each in entry["oneOf"]:
        model = resolved(each)
        source = model["properties"]["source"]["const"]
        yield Section(f"{title} with `source: {source}`", model["description"], *_keys(model))


def _keys(node: Schema) -> tuple[dict[str, Schema], tuple[str, ...]]:
    """Return the schemas of an object's keys, required ones first, and which are required.

    Keys of an object within follow it, as `outer.inner`.
    """
    properties, required = _properties(node), tuple(node.get("required", ()))
    keys: dict[str, Schema] = {}
    for key in dict.fromkeys([*required, *properties]):
        keys[key] = properties[key]
        if "properties" in properties[key]:
            inner, required_within = _keys(properties[key])
            keys |= {f"{key}.{name}": value for name, value in inner.items()}
            required += tuple(f"{key}.{name}" for name in required_within)
    return keys, required


def _properties(node: Schema) -> dict[str, Schema]:
    """Return the schemas of an object's keys."""
    return {key: resolved(value) for key, value in node["properties"].items()}


def _section(section: Section) -> str:
    """Return a section as Markdown: its heading, description and table."""
    lines = [f"## {section.title}\n\n{section.description}\n"]
    if section.keys:
        lines += ["| key | value | default | meaning |", "|---|---|---|---|"]
    for key, node in section.keys.items():
        default = "**required**" if key in section.required else _code(node["default"])
        lines.append(f"| `{key}` | {_value(node)} | {default} | {node['description']} |")
    return "\n".join(lines) + ("\n" if section.keys else "")


def _value(node: Schema) -> str:
    """Say in words which values a schema allows."""
    if "const" in node:
        return _code(node["const"])
    if "enum" in node:
        return "one of " + ", ".join(map(_code, node["enum"]))
    if "title" in node:
        return str(node["title"])
    or_null = ", or null" if node.get("nullable") else ""
    if node["type"] == "object":
        return f"keys with values{or_null}"
    if node["type"] == "array":
        least = f"at least {node['minItems']}, " if "minItems" in node else ""
        different = "all different, " if node.get("uniqueItems") else ""
        return f"list ({least}{different}each {_value(resolved(node['items']))}){or_null}"
    bounds = [
        f"{sign} {node[keyword]}"
        for keyword, sign in (("exclusiveMinimum", ">"), ("minimum", "≥"), ("maximum", "≤"))
        if keyword in node
    ]
    return " ".join([_KINDS[node["type"]], ", ".join(bounds)]).strip() + or_null


class _Dumper(yaml.SafeDumper):
    """Writes numbers as people do: 1 and 0.00001, not 1.0 and 1.0e-05."""


_Dumper.add_representer(
    float,
    lambda dumper, value: dumper.represent_scalar(
        "tag:yaml.org,2002:" + ("int" if value.is_integer() else "float"), format_number(value)
    ),
)


def _code(value: Any) -> str:
    """Return a value as YAML on one line, as code."""
    text = yaml.dump([value], Dumper=_Dumper, default_flow_style=True, width=10_000)
    return f"`{text.strip()[1:-1]}`"


def _block(config: Mapping[str, Any]) -> str:
    """Return some of a config as a block of YAML."""
    text = yaml.dump(dict(config), Dumper=_Dumper, sort_keys=False, default_flow_style=None)
    return f"```yaml\n{text}```\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text())
    REFERENCE_FILE.write_text(markdown())
