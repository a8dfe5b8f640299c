"""Types of params, one of each kind that a task may have; and where a value does not fit."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypedDict

import msgspec
import pydantic

from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.params import decode


class Color(enum.Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    y: int = 0


class Pair(NamedTuple):
    one: Point
    other: Point


class Extra(TypedDict, total=False):
    point: Point


@dataclass
class Shape:
    name: str = ""
    points: list[Point] = field(default_factory=list)
    named: dict[str, Point] = field(default_factory=dict)
    numbered: dict[int, Point] = field(default_factory=dict)
    pair: Pair | None = None
    extra: Extra | None = None
    maybe: Point | None = None
    anything: Any = None
    color: Color = Color.RED
    on: dt.date | None = None


class Circle(msgspec.Struct, tag="circle"):
    radius: float
    center: Point | None = None


class Square(msgspec.Struct, tag="square", rename="camel"):
    side_length: float


@dataclass
class Figure:
    shape: Circle | Square


class Inner(pydantic.BaseModel):
    a: int = 0


class Needs(pydantic.BaseModel):
    n: int


class Model(pydantic.BaseModel):
    inner: Inner = Inner()
    many: list[Inner] = []
    named: dict[str, Inner] = {}
    either: int | Inner = 0
    needs: int | Needs = 0
    kind: Literal["a", "b"] = "a"
    renamed: int = pydantic.Field(0, alias="re/named")
    required: str

    @pydantic.model_validator(mode="after")
    def not_both(self) -> Model:
        if self.many and self.named:
            raise ValueError("many or named, not both")
        return self


class Open(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    inner: Inner = Inner()


def where(params_type: Any, value: Any) -> list[str]:
    """The pointers of what is refused; empty if it fits."""
    try:
        decode(params_type, value)
    except InvalidRequest as error:
        told = [one.pointer for one in error.errors if one.detail]
        return told or ["it was refused without a reason"]
    return []
