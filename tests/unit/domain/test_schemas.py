"""JSON Schemas of params and results."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest

from chalicelib.domain.schemas import json_schema
from tests.unit.domain.shapes import Figure, Inner, Model, Open, Point, Shape, where


def schema_of(value_type: Any, *, closed: bool = True) -> Any:
    schema, definitions = json_schema(value_type, "#/$defs/", closed=closed)
    document = {**schema, "$defs": definitions}
    jsonschema_rs.meta.validate(document)
    return document


@pytest.mark.parametrize(
    ("params_type", "value"),
    [
        (Shape, {"points": [{"x": 1}], "named": {"a": {"x": 1}}, "pair": [{"x": 1}, {"x": 2}]}),
        (Shape, {"nmae": ""}),
        (Shape, {"points": [{"x": 1, "z": 1}]}),
        (Shape, {"named": {"a": {"x": 1, "z": 1}}}),
        (Shape, {"extra": {"z": 1}}),
        (Shape, {"anything": {"z": 1}}),
        (Shape, {"points": [{"x": 1.5}]}),
        (Figure, {"shape": {"type": "circle", "radius": 1}}),
        (Figure, {"shape": {"type": "circle", "radius": 1, "z": 1}}),
        (Model, {"required": "", "inner": {"a": 1}}),
        (Model, {"required": "", "inner": {"b": 1}}),
        (Model, {"required": "", "x": 1}),
        (Model, {}),
        (Open, {"x": 1, "inner": {}}),
        (dict, {"x": 1}),
        (dict[str, int], {"x": 1}),
        (dict[str, int], {"x": "1"}),
    ],
)
def test_a_closed_schema_takes_what_decode_takes(params_type: Any, value: Any) -> None:
    assert jsonschema_rs.is_valid(schema_of(params_type), value) is (
        where(params_type, value) == []
    )


def test_a_schema_that_is_not_closed_leaves_room_for_members_to_come() -> None:
    assert jsonschema_rs.is_valid(schema_of(Shape, closed=False), {"new": 1})
    assert not jsonschema_rs.is_valid(schema_of(Shape), {"new": 1})


@pytest.mark.parametrize(
    ("free", "members"),
    [(dict, True), (dict[str, Any], True), (dict[str, int], {"type": "integer"})],
)
def test_an_object_with_free_members_says_so(free: Any, members: Any) -> None:
    assert schema_of(free)["additionalProperties"] == members


@pytest.mark.parametrize(
    "result", [list[Model], dict[str, Inner], Inner | None, tuple[Model, Shape]]
)
def test_models_are_described_inside_other_types_too(result: Any) -> None:
    assert "required" in str(schema_of(result)) or "'a'" in str(schema_of(result))


@pytest.mark.parametrize("result", [object, list[object], Point | Shape, "text"])
def test_a_type_without_a_schema_allows_anything(result: Any) -> None:
    assert json_schema(result, "#/") == ({}, {})
