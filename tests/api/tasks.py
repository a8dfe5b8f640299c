"""Tasks for the tests of the API, one for each way in which a job can go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pydantic

from chalicelib.tasks import Job, PermanentError, RetryLater, Task, Upload, task


@dataclass
class Echo:
    text: str = ""
    number: float = 0
    files: list[str] = field(default_factory=list)


@task("echo", timeout=3_600)
def echo(job: Job, params: Echo) -> dict[str, Any]:
    """Give back what came.

    With a second paragraph.
    """
    return {"text": params.text, "number": params.number}


@dataclass
class Line:
    article: str
    pieces: int = 1


@dataclass
class Order:
    lines: list[Line]
    notes: dict[str, Line] = field(default_factory=dict)


@task("order")
def order(job: Job, params: Order) -> int:
    return sum(line.pieces for line in params.lines)


class Address(pydantic.BaseModel):
    town: str


class Letter(pydantic.BaseModel):
    to: Address
    pages: int = pydantic.Field(1, ge=1, le=99)


@task("letter")
def letter(job: Job, params: Letter) -> Letter:
    return params


@dataclass
class Picture:
    source: Upload


@task("picture")
def picture(job: Job, params: Picture) -> int:
    with job.open(params.source) as source:
        return len(source.read())


@task("big", timeout=3_600)
def big(job: Job) -> str:
    return "x" * 40_000


@task("busy", timeout=3_600)
def busy(job: Job) -> str:
    job.log("begun")
    job.progress(0.5, "half way")
    job.attach("half.txt", "half")
    return "done"


@task("broken", max_attempts=2, backoff=0)
def broken(job: Job) -> None:
    raise ValueError("the moon is in the wrong house")


@task("hopeless")
def hopeless(job: Job) -> None:
    raise PermanentError("there is no such file")


@task("patient")
def patient(job: Job) -> str:
    if job.attempt == 1:
        raise RetryLater(600, "come back later")
    return "at last"


@task("slow", lane="heavy", timeout=60)
def slow(job: Job) -> str:
    return "slow"


@task("overtime.internal")
def internal(job: Job) -> None: ...


def all_tasks() -> dict[str, Task]:
    return {value.name: value for value in globals().values() if isinstance(value, Task)}
