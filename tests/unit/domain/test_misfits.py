"""Why a value does not fit its type: every fault at once, in words for people."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
import pytest

from chalicelib.domain.misfits import faults
from chalicelib.domain.params import Upload
from tests.unit.domain.shapes import Color, Figure, Point, Shape


class Range(TypedDict):
    low: int
    high: NotRequired[int]


@dataclass
class Order:
    article: str
    pieces: int
    range: Range
    lines: list[Point] = field(default_factory=list)
    both: tuple[Point, Point] | None = None
    either: int | list[int] = 0


def found(expected: Any, value: Any) -> dict[str, str]:
    return {one.pointer: one.detail for one in faults(expected, value, "")}


REQUIRED, UNKNOWN = "This member is required.", "There is no member of this name."


def test_every_fault_is_reported_at_once() -> None:
    order = {
        "article": 7,
        "peices": 1,
        "range": {"high": "x", "hihg": 1},
        "lines": [{"x": 1}, {"x": "1", "z": 0}, {}],
        "both": [{"x": 1}, {"y": 1}],
        "either": "x",
    }
    assert found(Order, order) == {
        "/pieces": REQUIRED,
        "/article": "Expected text, got a whole number.",
        "/peices": UNKNOWN,
        "/range/low": REQUIRED,
        "/range/high": "Expected a whole number, got text.",
        "/range/hihg": UNKNOWN,
        "/lines/1/x": "Expected a whole number, got text.",
        "/lines/1/z": UNKNOWN,
        "/lines/2/x": REQUIRED,
        "/both/1/x": REQUIRED,
        "/either": "Expected a whole number or a list, got text.",
    }


def test_a_value_that_fits_has_no_faults() -> None:
    assert found(Order, {"article": "a", "pieces": 1, "range": {"low": 1}}) == {}


def test_a_tagged_struct_is_checked_as_the_type_that_its_tag_names() -> None:
    assert found(Figure, {"shape": {"type": "square", "side_length": 1}}) == {
        "/shape/sideLength": REQUIRED,
        "/shape/side_length": UNKNOWN,
    }
    assert found(Figure, {"shape": {"type": "x"}}) == {
        "/shape/type": "'x' is not one of the values allowed here."
    }


def test_the_search_stops_after_as_many_faults_as_are_read() -> None:
    some = faults(list[int], [""] * 1_000_000, "")
    assert next(some).pointer == "/0"
    assert next(some).pointer == "/1"


@pytest.mark.parametrize(
    ("expected", "value", "told"),
    [
        (Shape, [], "Expected an object, got a list."),
        (int, 1.5, "Expected a whole number, got a number."),
        (int | None, "x", "Expected a whole number or null, got text."),
        (float, 10**400, "The number is too large."),
        (Annotated[int, msgspec.Meta(ge=3)], 1, "It must be at least 3."),
        (Annotated[float, msgspec.Meta(lt=2)], 2.0, "It must be less than 2.0."),
        (Annotated[int, msgspec.Meta(multiple_of=3)], 5, "It must be a multiple of 3."),
        (
            Annotated[str, msgspec.Meta(max_length=3)],
            "four",
            "The text must be at most 3 characters long.",
        ),
        (
            Annotated[list[int], msgspec.Meta(min_length=1)],
            [],
            "The list must be at least 1 long.",
        ),
        (Color, "blue", "Allowed values: red."),
        (Literal["a", "b"], "c", "Allowed values: a, b."),
        (Literal["a", "b"], ["a", "b"], "Expected text, got a list."),
        (dict[str, int], ["a", 1], "Expected an object, got a list."),
        (
            Upload | None,
            "x",
            "The text does not have this form: The id of an upload, from POST /uploads.",
        ),
        (
            Annotated[str, msgspec.Meta(pattern="^a$")],
            "x",
            "The text does not have this form: ^a$",
        ),
        (dt.date, "2027-02-30", "Expected a date such as 2027-01-31."),
        (
            Annotated[dt.datetime, msgspec.Meta(tz=True)],
            "2027-01-31T08:15:00",
            "The date and time must have a time zone, such as 2027-01-31T08:15:00Z.",
        ),
        (
            dict[int, str],
            {"seven": ""},
            "A member's name does not fit: Expected a whole number, got text.",
        ),
    ],
)
def test_a_fault_is_a_plain_sentence(expected: Any, value: Any, told: str) -> None:
    assert found(expected, value) == {"": told}
