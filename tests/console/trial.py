"""Tasks for tests of the console: one with params of every kind, progress in steps, and an end as
asked; one that sleeps and asks; and one with children."""

from __future__ import annotations

import time
from typing import Annotated, Literal

import msgspec

from chalicelib.tasks import Job, PermanentError, RetryLater, Schedule, Upload, task


class Circle(msgspec.Struct, tag="circle"):
    radius: float


class Square(msgspec.Struct, tag="square"):
    edge: int


class Address(msgspec.Struct):
    town: str
    streets: list[str] = []


class TrialParams(msgspec.Struct):
    text: Annotated[str, msgspec.Meta(max_length=500, description="Shown everywhere, `as it is`.")]
    end: Literal["succeed", "fail", "back off"] = "succeed"
    steps: Annotated[int, msgspec.Meta(ge=1, le=600)] = 3
    source: Upload | None = None
    shape: Circle | Square | None = None
    to: Address | None = None
    notes: dict[str, int] = {}
    loud: bool = True


@task("trial", max_attempts=2)
def trial(job: Job, params: TrialParams) -> dict[str, object]:
    """Take some steps.

    <b>Not bold</b>
    """
    for step in range(params.steps):
        job.progress(step / params.steps, params.text)
        job.log(f"{step}: {params.text}")
        time.sleep(0.25)
    if params.end == "fail":
        raise PermanentError(params.text)
    if params.end == "back off":
        raise RetryLater(3_600, params.text)
    job.attach("trial.txt", params.text)
    return {"said": params.text, "loud": params.loud, "shape": params.shape}


class Approval(msgspec.Struct):
    approved: bool
    by: Annotated[str, msgspec.Meta(min_length=2, description="Your `name`.")]


class AskParams(msgspec.Struct):
    sleep: float = 0


@task(
    "trial-ask",
    asks={"publish": Approval},
    schedules=[Schedule("0 0 1 1 *", name="new-year", params={"sleep": 1})],
)
def ask(job: Job, params: AskParams) -> dict[str, object]:
    """Sleep, and then ask."""
    if params.sleep:
        job.sleep("first", params.sleep)
    answer = job.ask("publish", prompt="Publish `12` pages?", timeout=3_600)
    return {"approved": answer.approved, "by": answer.by}


class FamilyParams(msgspec.Struct):
    ends: list[Literal["succeed", "fail", "back off"]]
    steps: int = 1


@task("trial-family")
def family(job: Job, params: FamilyParams) -> int:
    """Run a child for each end."""
    items = [TrialParams(end, end, params.steps) for end in params.ends]
    return len(job.map("parts", trial, items))
