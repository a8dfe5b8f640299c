"""The routes of schedules, which submit jobs by the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Annotated, Any, Literal, Protocol

import msgspec
from chalice.app import Blueprint, Response

from chalicelib.domain import misfits
from chalicelib.domain.errors import FieldError, refuse_any
from chalicelib.domain.schedules import CRON_AT_MOST, NOT_VALID, Overlap, Plan, ScheduleRecord
from chalicelib.domain.values import encode
from chalicelib.http import answers
from chalicelib.http.fields import Id, TaskName, Time, Url, job_url, rfc3339
from chalicelib.http.operations import PAGE_HEADERS, Answer, Operation
from chalicelib.http.preferences import matches
from chalicelib.http.requests import Call
from chalicelib.http.routes import Routes

MOMENTS_SHOWN = 5

Cron = Annotated[
    str,
    msgspec.Meta(
        max_length=CRON_AT_MOST,
        description="Minute, hour, day of the month, month, day of the week.",
        examples=["30 2 * * *"],
    ),
]
Zone = Annotated[
    str, msgspec.Meta(max_length=64, description="An IANA name.", examples=["Europe/Berlin"])
]
Overlaps = Annotated[
    Literal["skip", "allow"],
    msgspec.Meta(description="What happens to a job whose predecessor is still under way."),
]
Name = Annotated[str, msgspec.Meta(examples=["nightly"])]


class ScheduleBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    cron: Cron
    task: Annotated[str, msgspec.Meta(max_length=64, description="A name from GET /tasks.")]
    timezone: Zone = "UTC"
    params: Annotated[dict[str, Any], msgspec.Meta(description="At most 4 KiB.")] = {}
    overlap: Overlaps = "skip"
    paused: bool = False

    @property
    def plan(self) -> Plan:
        return Plan(
            cron=self.cron,
            timezone=self.timezone,
            task=self.task,
            params=encode(self.params),
            overlap=Overlap(self.overlap),
            paused=self.paused,
        )


class ScheduleLinksView(msgspec.Struct, frozen=True, omit_defaults=True):
    self: Url
    last_job: Url | None = None


class ScheduleView(msgspec.Struct, frozen=True):
    name: Name
    cron: Cron
    timezone: Zone
    task: TaskName
    params: dict[str, Any]
    overlap: Overlaps
    paused: bool
    declared: Annotated[bool, msgspec.Meta(description="By code; it cannot be changed here.")]
    next: Annotated[list[Time], msgspec.Meta(description="The next moments, at most 5.")]
    last_job: Annotated[Id | None, msgspec.Meta(description="It waits, runs or has ended.")]
    missed: Annotated[
        int, msgspec.Meta(description="Moments without a job: the stage stood still.")
    ]
    created_at: Time
    updated_at: Annotated[Time, msgspec.Meta(description="The time of the last edit.")]
    links: ScheduleLinksView


class ScheduleListView(msgspec.Struct, frozen=True):
    schedules: list[ScheduleView]
    next: Url | None


class Schedules(Protocol):
    """What the routes call."""

    def get(self, owner: str, name: str) -> ScheduleRecord: ...

    def page(
        self, owner: str, after: str | None, limit: int
    ) -> tuple[Sequence[ScheduleRecord], str | None]: ...

    def put(
        self,
        owner: str,
        name: str,
        plan: Plan,
        unchanged: Callable[[ScheduleRecord | None], bool],
        base: str | None,
    ) -> tuple[ScheduleRecord, bool]: ...

    def faults(self, owner: str, given: Mapping[str, Any]) -> Iterator[FieldError]: ...

    def delete(
        self, owner: str, name: str, unchanged: Callable[[ScheduleRecord | None], bool]
    ) -> None: ...


PATH = "/schedules/{schedule}"
TAGGED = ("ETag", "Cache-Control")
PUT_SCHEDULE = Operation(
    "PUT",
    PATH,
    answers={
        201: Answer("The schedule is stored.", ScheduleView, (*TAGGED, "Location")),
        200: Answer("The schedule is as the request says.", ScheduleView, TAGGED),
    },
    problems=(400, 409, 412, 413, 415, 422, 503),
    headers=("If-Match",),
    body=ScheduleBody,
)
GET_SCHEDULE = Operation(
    "GET",
    PATH,
    answers={200: Answer("The schedule.", ScheduleView, TAGGED)},
    problems=(404, 503),
)
LIST_SCHEDULES = Operation(
    "GET",
    "/schedules",
    answers={200: Answer("A page of schedules.", ScheduleListView, PAGE_HEADERS)},
    problems=(400, 503),
    query=("limit", "cursor"),
)
DELETE_SCHEDULE = Operation(
    "DELETE",
    PATH,
    answers={204: Answer("The schedule is deleted.")},
    problems=(400, 404, 409, 412, 503),
    headers=("If-Match",),
)


def surface(routes: Routes, schedules: Callable[[], Schedules]) -> Blueprint:
    blueprint = Blueprint(__name__)
    route = routes.on(blueprint)

    @route(PUT_SCHEDULE)
    def put_schedule(schedule: str) -> Response:
        """Create or change a schedule.

        A change counts from the next moment on. While it is paused, no job starts.
        """
        call = routes.call()
        plan = call.body(ScheduleBody, partial(_refuse, schedules(), call.owner)).plan
        record, new = schedules().put(call.owner, schedule, plan, _is_unchanged(call), call.base)
        answer = _shown(call, record, 201 if new else 200)
        if new:
            answer.headers["Location"] = _url(call, record)
        return answer

    @route(GET_SCHEDULE)
    def get_schedule(schedule: str) -> Response:
        """Show a schedule, with its next moments and its latest job."""
        call = routes.call()
        return _shown(call, schedules().get(call.owner, schedule))

    @route(LIST_SCHEDULES)
    def list_schedules() -> Response:
        """List your schedules, by name."""
        call = routes.call()
        query = call.list_query()
        found, position = schedules().page(call.owner, query.position, query.limit)
        following = answers.next_url(call, query.following(position))
        views = [_view(call, one) for one in found]
        return answers.listing(ScheduleListView(views, following), following)

    @route(DELETE_SCHEDULE)
    def delete_schedule(schedule: str) -> Response:
        """Delete a schedule. A job of it that has not started will not start."""
        call = routes.call()
        schedules().delete(call.owner, schedule, _is_unchanged(call))
        return Response("", status_code=204)

    return blueprint


def _refuse(schedules: Schedules, owner: str, value: Any) -> None:
    """A body that does not fit, with all its faults: also those of the members that do fit."""
    found = [*misfits.faults(ScheduleBody, value, "")]
    wrong = {fault.pointer for fault in found}
    given = value if isinstance(value, dict) else {}
    fitting = {name: one for name, one in given.items() if f"/{name}" not in wrong}
    refuse_any(NOT_VALID, chain(found, schedules.faults(owner, fitting)))


def _is_unchanged(call: Call) -> Callable[[ScheduleRecord | None], bool]:
    """Whether If-Match lets an edit through (RFC 9110, 13.1.1). Moments change no tag."""
    tags = call.if_match

    def unchanged(record: ScheduleRecord | None) -> bool:
        return tags is None or (record is not None and matches(tags, _tag(record)))

    return unchanged


def _tag(record: ScheduleRecord) -> str:
    return f'"{record.version[:24]}"'


def _shown(call: Call, record: ScheduleRecord, status: int = 200) -> Response:
    answer = answers.json(_view(call, record), status)
    answer.headers.update({**answers.OWN, "ETag": _tag(record)})
    return answer


def _view(call: Call, record: ScheduleRecord) -> ScheduleView:
    last_job = record.last_job and job_url(record.last_job, call.base)
    return ScheduleView(
        name=record.name,
        cron=record.cron,
        timezone=record.timezone,
        task=record.task,
        params=msgspec.Raw(record.params.encode()),  # type: ignore[arg-type]
        overlap=record.overlap.value,
        paused=record.paused,
        declared=record.declared,
        next=[rfc3339(moment) for moment in record.coming(MOMENTS_SHOWN, call.now())],
        last_job=record.last_job,
        missed=record.missed,
        created_at=rfc3339(record.created_at),
        updated_at=rfc3339(record.updated_at),
        links=ScheduleLinksView(_url(call, record), last_job),
    )


def _url(call: Call, record: ScheduleRecord) -> str:
    return f"{call.base}/schedules/{record.name}"
