"""Typed params: what fits, what does not and where."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import jsonschema_rs
import msgspec
import pydantic
import pytest

from chalicelib.domain.errors import FieldError, InvalidRequest
from chalicelib.domain.params import UPLOAD_ID, Upload, decode
from chalicelib.domain.schemas import json_schema
from chalicelib.domain.values import encode
from tests.unit.domain.shapes import Figure, Inner, Model, Open, Pair, Point, Shape, Square, where
from tests.unit.harness import peak_bytes


def test_a_dataclass_is_made_with_all_that_is_in_it() -> None:
    value = {
        "points": [{"x": 1}],
        "numbered": {"7": {"x": 2}},
        "pair": [{"x": 3}, {"x": 4}],
        "on": "2027-01-15",
        "color": "red",
    }
    assert decode(Shape, value) == Shape(
        points=[Point(1)],
        numbered={7: Point(2)},
        pair=Pair(Point(3), Point(4)),
        on=dt.date(2027, 1, 15),
    )


def test_a_struct_is_made_by_its_tag_and_its_json_names() -> None:
    assert decode(Figure, {"shape": {"type": "square", "sideLength": 2}}) == Figure(Square(2))


def test_a_model_is_made_by_pydantic() -> None:
    made = decode(Model, {"required": "x", "many": [{"a": "5"}], "re/named": 1})
    assert (made.required, made.many, made.renamed) == ("x", [Inner(a=5)], 1)


@pytest.mark.parametrize(
    ("value", "pointers"),
    [
        ({"nmae": ""}, ["/nmae"]),
        ({"a/b": 1, "c~d": 1}, ["/a~1b", "/c~0d"]),
        ({"points": [{"x": 1}, {"x": 1, "z": 1}]}, ["/points/1/z"]),
        ({"named": {"a/b": {"x": 1, "z": 1}}}, ["/named/a~1b/z"]),
        ({"numbered": {"7": {"x": 1, "z": 1}}}, ["/numbered/7/z"]),
        ({"pair": [{"x": 1}, {"x": 1, "z": 1}]}, ["/pair/1/z"]),
        ({"extra": {"piont": {"x": 1}}}, ["/extra/piont"]),
        ({"extra": {"point": {"x": 1, "z": 1}}}, ["/extra/point/z"]),
        ({"maybe": {"x": 1, "z": 1}}, ["/maybe/z"]),
        ({"anything": {"z": [{"z": 1}]}}, []),
        ({"points": [{"x": 1, "z": 1}], "nmae": ""}, ["/points/0/z", "/nmae"]),
    ],
)
def test_unknown_members_of_a_dataclass_are_refused_however_deep(
    value: Any, pointers: list[str]
) -> None:
    assert where(Shape, value) == [f"/params{pointer}" for pointer in pointers]


def test_unknown_members_of_a_struct_are_refused_and_its_tag_is_not() -> None:
    assert where(Figure, {"shape": {"type": "circle", "radius": 1}}) == []
    assert where(Figure, {"shape": {"type": "circle", "radius": 1, "z": 1}}) == ["/params/shape/z"]
    center = {"type": "circle", "radius": 1, "center": {"x": 1, "z": 1}}
    assert where(Figure, {"shape": center}) == ["/params/shape/center/z"]
    assert where(Figure, {"shape": {"type": "square", "side_length": 1}}) != []


@pytest.mark.parametrize(
    ("value", "pointers"),
    [
        ([], [""]),
        (None, [""]),
        ({"name": 1}, ["/name"]),
        ({"points": {}}, ["/points"]),
        ({"points": [{"x": 1}, {}]}, ["/points/1/x"]),
        ({"points": [{"x": 1.5}]}, ["/points/0/x"]),
        ({"points": [{"x": True}]}, ["/points/0/x"]),
        ({"points": [{"x": "1"}]}, ["/points/0/x"]),
        ({"named": {"any": {"x": "1"}}}, ["/named/any/x"]),
        ({"numbered": {"seven": {"x": 1}}}, ["/numbered"]),
        ({"pair": [{"x": 1}]}, ["/pair"]),
        ({"color": "blue"}, ["/color"]),
        ({"on": "2027-02-30"}, ["/on"]),
    ],
)
def test_a_fault_in_a_dataclass_has_its_place(value: Any, pointers: list[str]) -> None:
    assert where(Shape, value) == [f"/params{pointer}" for pointer in pointers]


@pytest.mark.parametrize(
    ("value", "pointers"),
    [
        ([], [""]),
        ({}, ["/required"]),
        ({"required": "", "x": 1}, ["/x"]),
        ({"required": "", "inner": {"b": 1}}, ["/inner/b"]),
        ({"required": "", "many": [{}, {"b": 1}]}, ["/many/1/b"]),
        ({"required": "", "named": {"a/b": {"b": 1}}}, ["/named/a~1b/b"]),
        ({"required": "", "re/named": "x"}, ["/re~1named"]),
        ({"required": "", "renamed": 1}, ["/renamed"]),
        ({"required": "", "either": {"a": "x"}}, ["/either", "/either/a"]),
        ({"required": "", "either": "x"}, ["/either", "/either"]),
        ({"required": "", "needs": {}}, ["/needs", "/needs/n"]),
        ({"required": "", "kind": "c"}, ["/kind"]),
        ({"required": "", "many": [{}], "named": {"a": {}}}, [""]),
        ({"required": 1, "many": [{"a": "x"}]}, ["/many/0/a", "/required"]),
    ],
)
def test_a_fault_in_a_model_has_its_place(value: Any, pointers: list[str]) -> None:
    assert where(Model, value) == [f"/params{pointer}" for pointer in pointers]


def test_very_many_errors_of_a_model_become_one_line() -> None:
    class Numbers(pydantic.BaseModel):
        numbers: list[int]

    def refused() -> None:
        with pytest.raises(InvalidRequest, match="do not fit") as error:
            decode(Numbers, {"numbers": [""] * 200_000})
        assert "200000 errors" in error.value.errors[0].detail

    assert peak_bytes(refused) < 5_000_000


def test_a_model_may_allow_other_members() -> None:
    made = decode(Open, {"other": 1, "inner": {"a": 1}})
    assert made.model_extra == {"other": 1}


def test_a_validators_own_message_is_reported() -> None:
    @dataclass
    class Odd:
        number: int

        def __post_init__(self) -> None:
            if self.number % 2 == 0:
                raise ValueError("must be odd")

    assert decode(Odd, {"number": 1}) == Odd(1)
    with pytest.raises(InvalidRequest) as refused:
        decode(Odd, {"number": 2})
    assert [one.detail for one in refused.value.errors] == ["must be odd"]


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("upload:" + "0" * 32, True),
        ("upload:" + "0" * 32 + "\n", False),
        ("\nupload:" + "0" * 32, False),
        ("upload:" + "0" * 31, False),
        ("upload:" + "A" * 32, False),
    ],
)
def test_the_upload_type_accepts_the_ids_that_submit_looks_for(text: str, fits: bool) -> None:
    try:
        msgspec.convert(text, Upload)
    except msgspec.ValidationError:
        assert not fits
    else:
        assert fits
    assert (UPLOAD_ID.fullmatch(text) is not None) is fits
    schema, _ = json_schema(Upload, "")
    assert jsonschema_rs.is_valid(schema, text) is fits


# ── a refusal as text ──


def test_a_refusal_as_text_lists_every_fault_and_its_detail_does_not() -> None:
    faults = [FieldError("/count", "Expected a number."), FieldError("/by", "This is missing.")]
    refused = InvalidRequest("The params do not fit.", errors=faults)
    assert str(refused) == (
        "The params do not fit. /count: Expected a number.; /by: This is missing."
    )
    assert refused.detail == "The params do not fit."


def test_a_refusal_as_text_does_not_repeat_a_fault_that_says_the_same() -> None:
    refused = InvalidRequest("Too long.", errors=[FieldError("/key", "Too long.")])
    assert str(refused) == "/key: Too long."
    assert str(InvalidRequest("Too long.")) == "Too long."


# ── encode ──


def test_every_result_type_becomes_json() -> None:
    made = {"model": Inner(a=1), "list": [Inner()], "point": Point(1), "day": dt.date(2027, 1, 15)}
    assert msgspec.json.decode(encode(made)) == {
        "model": {"a": 1},
        "list": [{"a": 0}],
        "point": {"x": 1, "y": 0},
        "day": "2027-01-15",
    }


def test_a_value_that_json_cannot_express_is_an_error() -> None:
    with pytest.raises(TypeError, match="object cannot be written as JSON"):
        encode([object()])
