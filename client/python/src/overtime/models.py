"""What the service answers, as values. Members that are not named here are ignored."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypeVar, cast

import msgspec

from overtime.errors import WrongResult

T = TypeVar("T")
Status = Literal["queued", "running", "succeeded", "failed", "canceled"]


class Progress(msgspec.Struct, frozen=True):
    percent: float
    """From 0 to 100."""
    message: str = ""


class Artifact(msgspec.Struct, frozen=True):
    name: str
    content_type: str
    size: int
    """In bytes."""


class JobError(msgspec.Struct, frozen=True):
    """A problem document."""

    type: str
    title: str
    detail: str = ""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a job asks: `handle.answer(question.step, …)` answers it."""

    step: str
    prompt: str = ""
    schema: dict[str, Any] = {}
    """JSON Schema of the answer."""
    url: str = ""
    expires_at: datetime | None = None


class WaitsFor(msgspec.Struct, frozen=True):
    children: int | None = None
    """How many have to end."""
    answers: list[Question] = []
    until: datetime | None = None
    """When a sleeping job goes on."""


class Children(msgspec.Struct, frozen=True):
    """How many of a job's children there are. `total` grows while the job submits them."""

    total: int
    live: int
    succeeded: int
    failed: int
    canceled: int


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it was when it was read."""

    id: str
    task: str
    status: Status
    wait_reason: str | None = None
    waits_for: WaitsFor | None = None
    parent: str | None = None
    """The id of the job whose child this one is."""
    children: Children | None = None
    """None in lists, and without children."""
    progress: Progress | None = None
    params: Any = None
    """None where they are over 4 KiB, and in lists."""
    artifacts: list[Artifact] = []
    error: JobError | None = None
    attempt: int = 0
    max_attempts: int = 1
    cancel_requested: bool = False
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    updated_at: datetime
    next_attempt_at: datetime | None = None
    deadline: datetime | None = None
    expires_at: datetime | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")
    """JSON. `null` where it is over 32 KiB, too."""

    @property
    def finished(self) -> bool:
        return self.status in ("succeeded", "failed", "canceled")


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A transition (with `verb` and `status`) or a log line (with `message`)."""

    at: datetime
    type: str
    run: int | None = None
    attempt: int | None = None
    verb: str | None = None
    status: str | None = None
    error: JobError | None = None
    message: str | None = None


class Task(msgspec.Struct, frozen=True):
    """`params` and `result` are JSON Schemas (2020-12)."""

    name: str
    description: str
    params: dict[str, Any]
    result: dict[str, Any]
    max_attempts: int
    timeout: float
    """Seconds, all attempts together."""


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """It submits jobs by the clock."""

    name: str
    cron: str
    timezone: str
    task: str
    params: dict[str, Any]
    overlap: str
    paused: bool
    declared: bool
    """By the service's code: it cannot be changed by a client."""
    next: list[datetime]
    """The next moments, at most five."""
    last_job: str | None = None
    """The id of the latest job."""
    missed: int = 0
    created_at: datetime
    updated_at: datetime

    @property
    def plan(self) -> dict[str, Any]:
        """What an edit sets."""
        names = ("cron", "timezone", "task", "params", "overlap", "paused")
        return {name: getattr(self, name) for name in names}


class SchedulePage(msgspec.Struct):
    schedules: list[Schedule]
    next: str | None = None


class JobPage(msgspec.Struct):
    jobs: list[Job]
    next: str | None = None


class EventPage(msgspec.Struct):
    events: list[Event]
    next: str | None = None


class TaskPage(msgspec.Struct):
    tasks: list[Task]


class UploadPlace(msgspec.Struct):
    url: str
    headers: dict[str, str]
    method: str = "PUT"


class UploadTicket(msgspec.Struct):
    id: str
    upload: UploadPlace


def result_as(body: bytes, kind: type[T] | None) -> T | Any:
    """A result's JSON as the type that the caller named: a dataclass, a Struct or whatever else
    msgspec knows, or a pydantic model; as plain Python without one. Raises WrongResult."""
    try:
        if (validate := getattr(kind, "model_validate_json", None)) is not None:  # pydantic
            return cast("T", validate(body))
        return msgspec.json.decode(body, type=kind or Any)
    except ValueError as error:  # of msgspec and pydantic alike
        name = getattr(kind, "__name__", kind)
        raise WrongResult(f"The result does not fit {name}: {error}") from error
