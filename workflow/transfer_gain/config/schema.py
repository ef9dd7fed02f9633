"""The JSON schema of the config, made from its models: for editors, errors and the reference."""

import functools
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from transfer_gain.config.fields import NAMES
from transfer_gain.config.study import Study

Schema = dict[str, Any]
Place = tuple[int | str, ...]


class _WithoutTitles(GenerateJsonSchema):
    """Leaves out titles that only repeat the name of a key."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Return False."""
        return False


@functools.cache
def json_schema() -> Schema:
    """Return the config's JSON schema."""
    schema = Study.model_json_schema(schema_generator=_WithoutTitles)
    for model in schema["$defs"].values():
        del model["title"]  # the name of a Python class
        model["description"] = " ".join(model["description"].split())
    default = Study()
    for key, value in schema["properties"].items():
        if "patternProperties" in value:  # which lets names pass that do not match
            ((pattern, entry),) = value.pop("patternProperties").items()
            value["propertyNames"] = {"type": "string", "pattern": pattern, "title": NAMES}
            value["additionalProperties"] = entry
            value["default"] = {
                name: entry.model_dump(mode="json", exclude_unset=True)
                for name, entry in getattr(default, key).items()
            }
        elif "$ref" in value:  # a section, whose keys have defaults of their own
            del value["default"]
    return {"$schema": _WithoutTitles.schema_dialect, **schema}


def resolved(node: Schema) -> Schema:
    """Return a schema without references; `nullable` says that null is allowed as well."""
    if "$ref" in node:
        name = node["$ref"].rsplit("/", 1)[-1]
        return resolved(json_schema()["$defs"][name]) | _without(node, "$ref")
    if "anyOf" in node:  # a value or null, and maybe another way to write the value
        value, *_ = node["anyOf"]
        nullable = {"type": "null"} in node["anyOf"]
        return resolved(value) | _without(node, "anyOf") | ({"nullable": True} if nullable else {})
    if "oneOf" in node:  # a dataset, of whatever source
        return node | {"type": "object", "properties": {"source": _source_of_any(node)}}
    if isinstance(node.get("type"), list):
        return node | {"type": node["type"][0], "nullable": True}
    return node


def find(loc: Place) -> tuple[Place, Schema]:
    """Return the place and the schema of a value that pydantic has located.

    Pydantic's location of a value in a dataset contains the source, which is not a key of the
    config. Its location of a name ends in `[key]`; the place is then that of the whole mapping.
    """
    place: Place = ()
    node = holder = resolved(json_schema())
    for key in loc:
        sources = node.get("discriminator", {}).get("mapping", {})
        if key in sources:
            node = resolved({"$ref": sources[key]})
        elif key == "[key]":
            return place[:-1], holder["propertyNames"]
        else:
            place += (key,)
            holder, node = node, resolved(_child(node, key))
    return place, node


def _child(node: Schema, key: int | str) -> Schema:
    """Return the schema of a value within an object or a list."""
    known: dict[int | str, Schema] = node.get("properties", {})
    inner: Schema = node.get("items") or known.get(key) or node["additionalProperties"]
    return inner


def _source_of_any(node: Schema) -> Schema:
    """Return the schema of the key `source` of a dataset of whatever source."""
    sources: list[Schema] = [resolved(each)["properties"]["source"] for each in node["oneOf"]]
    return sources[0] | {"enum": [source["const"] for source in sources]}


def _without(node: Schema, key: str) -> Schema:
    """Return a schema without a keyword."""
    return {other: value for other, value in node.items() if other != key}
