"""The configuration reference, docs/configuration.md, written from the config's schema."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml

from transfer_gain.config import study

COMMAND = (
    "PYTHONPATH=workflow .venv/bin/python -m transfer_gain.config.reference > docs/configuration.md"
)

_TITLE = f"""\
# Configuration

<!-- Made from workflow/schemas/config.schema.yaml; do not edit. To make it anew:
{COMMAND}
-->

A study is one YAML file. `config.yaml` is taken unless `--configfile` names another, which then
stands alone: nothing of `config.yaml` is mixed in. A key that is left out has its default; unknown
keys and impossible values are refused before any job starts. Small complete studies are in
`workflow/studies/`.
"""

_EXAMPLE = """\
## Example: every default

What an empty study means: `config.yaml` but for one-shot learning, which only a study with
`one_shot` has.

"""


class Section(NamedTuple):
    """Some keys of the config that stand together, with the schemas of their values."""

    title: str
    description: str
    keys: Mapping[str, Mapping[str, Any]]
    required: tuple[str, ...] = ()


def sections() -> Iterator[Section]:
    """Yield every key of the config, in the schema's order."""
    top = {key: _resolved(value) for key, value in study.schema()["properties"].items()}
    nested = {key for key, value in top.items() if _is_nested(value)}
    plain = {key: value for key, value in top.items() if key not in nested}
    yield Section("The study", "Keys at the top of the file.", plain)
    for key in top:
        if key in nested:
            yield from _nested(key, top[key])


def write() -> str:
    """Return the whole reference as Markdown."""
    parts = [_TITLE, *map(_section, sections()), _EXAMPLE + _yaml(study.complete({}))]
    return "\n".join(parts)


def _is_nested(schema: Mapping[str, Any]) -> bool:
    """Tell whether a key holds keys of its own, or a list of such."""
    kinds = schema.get("type", ())
    return bool({"object", "array"} & {*([kinds] if isinstance(kinds, str) else kinds)})


def _resolved(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema with what its $ref points to filled in."""
    if "$ref" not in schema:
        return dict(schema)
    name = schema["$ref"].removeprefix("#/$defs/")
    beside = {key: value for key, value in schema.items() if key != "$ref"}
    return _resolved(study.schema()["$defs"][name]) | beside


def _nested(key: str, schema: Mapping[str, Any]) -> Iterator[Section]:
    """Yield the sections of a key that holds an object, named objects or a list of objects."""
    title, entry, description = f"`{key}`", schema, schema["description"]
    if schema["type"] == "array":
        title, entry = f"`{key}[]`", _resolved(schema["items"])
        description += " A list of entries."
    elif "propertyNames" in schema:
        title, entry = f"`{key}.<name>`", _resolved(schema["additionalProperties"])
        description += f" Names are {_resolved(schema['propertyNames'])['title']}."
    if entry is not schema:
        default = _yaml({key: schema["default"]})
        description += f"\n\nWhere `{key}` is left out, it is\n\n{default.strip()}"
    required = tuple(entry.get("required", ()))
    if "allOf" not in entry:
        yield Section(title, description, _properties(entry), required)
        return
    yield Section(title, f"{description}\n\nEach `source` has keys of its own.", {})
    for variant in entry["allOf"]:
        source = variant["if"]["properties"]["source"]
        own = _resolved(variant["then"])
        keys = _properties(own)
        keys["source"] |= source
        needed = (*required, *own.get("required", ()))
        yield Section(f"{title} with `source: {source['const']}`", "Its keys:", keys, needed)


def _properties(schema: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the schemas of an object's keys."""
    return {key: _resolved(value) for key, value in schema["properties"].items()}


def _section(section: Section) -> str:
    """Return a section as Markdown: its heading, description and table."""
    lines = [f"## {section.title}\n\n{section.description}\n"]
    if section.keys:
        lines += ["| key | value | default | meaning |", "|---|---|---|---|"]
    for key, schema in section.keys.items():
        default = "**required**" if key in section.required else _code(schema["default"])
        lines.append(f"| `{key}` | {_value(schema)} | {default} | {schema['description']} |")
    return "\n".join(lines) + ("\n" if section.keys else "")


def _value(schema: Mapping[str, Any]) -> str:
    """Say in words which values a schema allows."""
    if "const" in schema:
        return _code(schema["const"])
    if "enum" in schema:
        return "one of " + ", ".join(map(_code, schema["enum"]))
    if "title" in schema:
        return schema["title"]
    kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    or_null = ", or null" if "null" in kinds else ""
    if kinds[0] == "array":
        least = f"at least {schema['minItems']}, " if "minItems" in schema else ""
        different = "all different, " if schema.get("uniqueItems") else ""
        return f"list ({least}{different}each {_value(_resolved(schema['items']))}){or_null}"
    bounds = [
        f"{sign} {schema[keyword]}"
        for keyword, sign in (("exclusiveMinimum", ">"), ("minimum", "≥"), ("maximum", "≤"))
        if keyword in schema
    ]
    names = {
        "integer": "whole number",
        "number": "number",
        "string": "text",
        "boolean": "true or false",
    }
    kind = " ".join([names[kinds[0]], ", ".join(bounds)]).strip()
    return kind + or_null


def _code(value: Any) -> str:
    """Return a value as YAML on one line, as code."""
    text = yaml.safe_dump([value], default_flow_style=True, sort_keys=False, width=10_000)
    return f"`{text.strip()[1:-1]}`"


def _yaml(config: Mapping[str, Any]) -> str:
    """Return some of a config as a block of YAML."""
    text = yaml.safe_dump(dict(config), sort_keys=False, default_flow_style=None)
    return f"```yaml\n{text}```\n"


if __name__ == "__main__":
    print(write(), end="")
