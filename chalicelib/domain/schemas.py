"""JSON Schemas of params and results."""

from __future__ import annotations

import re
from typing import Any

import msgspec

# Python's `$` also matches before a line break at the end; this makes it match at the end alone.
# JSON Schema's `$` does that by itself, and RE2 reads no lookahead.
END_IN_PYTHON = r"$(?!\n)"
# Lookaround, back-references and Python's own syntax: not every JSON Schema library reads them.
ONLY_SOME_READ = re.compile(r"\(\?[^:]|\\[1-9Z]")


def json_schema(
    value_type: Any, definitions_at: str, *, closed: bool = False
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON Schema (2020-12) of a type, and the definitions that it refers to, each as
    `definitions_at` + its name. `closed`: the schema refuses members that it does not name, as
    `decode` does. A type without a schema gets {}, which allows anything."""
    definitions: dict[str, Any] = {}

    def of_pydantic(model: Any) -> dict[str, Any]:
        if not hasattr(model, "model_json_schema"):
            return {}
        schema: dict[str, Any] = model.model_json_schema(ref_template=definitions_at + "{model}")
        definitions.update(schema.pop("$defs", {}))
        return schema

    if hasattr(value_type, "model_json_schema"):
        schema = of_pydantic(value_type)
        closed = closed and value_type.model_config.get("extra", "forbid") == "forbid"
    else:
        try:
            (schema,), named = msgspec.json.schema_components(
                [value_type], schema_hook=of_pydantic, ref_template=definitions_at + "{name}"
            )
        except TypeError:
            return {}, {}
        definitions.update(named)
    return _readable(schema, closed), _readable(definitions, closed)


def self_contained(value_type: Any, *, closed: bool = False) -> dict[str, Any]:
    """The JSON Schema with its definitions inside."""
    schema, definitions = json_schema(value_type, "#/$defs/", closed=closed)
    return {**schema, "$defs": definitions} if definitions else schema


def _readable(schema: Any, closed: bool) -> Any:
    """The schema with patterns that every library reads. `closed` adds
    `additionalProperties: false` to every object whose members are named. An object whose members
    are free says so: else generators of clients make types of it that take no member."""
    if isinstance(schema, list):
        return [_readable(one, closed) for one in schema]
    if not isinstance(schema, dict):
        return schema
    readable = {name: _readable(one, closed) for name, one in schema.items()}
    if isinstance(pattern := schema.get("pattern"), str):
        readable["pattern"] = pattern.replace(END_IN_PYTHON, "$")
        if ONLY_SOME_READ.search(readable["pattern"]):
            del readable["pattern"]
            rule = f"It must match the Python regular expression {pattern}"
            readable["description"] = " ".join(filter(None, [schema.get("description"), rule]))
    if schema.get("type") == "object":
        if "properties" not in schema:
            readable.setdefault("additionalProperties", True)
        elif closed:
            readable["additionalProperties"] = False
    return readable
