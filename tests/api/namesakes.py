"""Tasks whose classes share their names, with each other and with the API's own models: generators
of clients have to keep them apart."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
import pydantic

from chalicelib.tasks import Job, Task, Upload, task


class Square:
    @dataclass
    class View:
        """A square."""

        width: int


class Cube:
    @dataclass
    class View:
        edge: float
        source: Upload | None = None


class Poster:
    class Colour(StrEnum):
        RED = "red"

    class Paper(pydantic.BaseModel):
        size: Literal["a0", "a1"] = "a1"
        colour: Poster.Colour | None = None
        margins: dict[str, int] = {}


class Letter:
    class Colour(StrEnum):
        BLACK = "black"

    class Paper(pydantic.BaseModel):
        size: Literal["a4", "letter"]
        colour: list[Letter.Colour] = []


class Labels(msgspec.Struct):
    plain: Annotated[str, msgspec.Meta(pattern="^[a-z]+$", description="A word.")]
    ahead: Annotated[str, msgspec.Meta(pattern="^(?!-)[a-z-]+$", description="A label.")]
    title: str = ""


@task("two-d.square")
def square(job: Job, params: Square.View) -> Cube.View:
    """Makes a cube of a square."""
    return Cube.View(edge=params.width)


@task("two-d-square")
def cube(job: Job, params: Cube.View) -> Square.View:
    return Square.View(width=int(params.edge))


@task("job")
def like_ours(job: Job, params: Square.View) -> int:
    """With the API's own JobView it would make two classes of one name."""
    return params.width


@task("poster")
def poster(job: Job, params: Poster.Paper) -> int:
    return len(params.size)


@task("letter-paper")
def letter(job: Job, params: Letter.Paper) -> int:
    return len(params.size)


@task("labels")
def labels(job: Job, params: Labels) -> int:
    return len(params.plain)


@task("nothing")
def nothing(job: Job) -> None: ...


def namesakes() -> dict[str, Task]:
    return {value.name: value for value in globals().values() if isinstance(value, Task)}
