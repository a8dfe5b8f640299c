"""JSON Schemas of params and results."""

from __future__ import annotations

from typing import Any

import msgspec


def json_schema(
    value_type: Any, definitions_at: str, *, closed: bool = False
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON Schema (2020-12) of a type, and the definitions that it refers to, each as
    `definitions_at` + its name. `closed`: members that it does not name are refused, as
    `decode` does. What has no schema is described as anything."""
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
    return (_closed(schema), _closed(definitions)) if closed else (schema, definitions)


def _closed(schema: Any) -> Any:
    """With `additionalProperties: false` wherever an object's members are named."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(one) for name, one in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        closed["additionalProperties"] = False
    return closed
