"""What clients see: the API's JSON, its times, entity tags and links."""

from __future__ import annotations

import functools
import hashlib
from typing import Annotated, Any
from urllib.parse import quote

import msgspec

from chalicelib.domain.children import ChildCounts
from chalicelib.domain.events import Event, LogLine
from chalicelib.domain.job import SECOND, JobRecord, Status, WaitReason
from chalicelib.domain.task import Tasks
from chalicelib.domain.tickets import Ticket, UploadTicket
from chalicelib.http.fields import JOB_ID, Id, TaskName, Time, Url, example, job_url, rfc3339
from chalicelib.http.problems import ErrorView, error_view
from chalicelib.http.waiting import ChildrenView, WaitsForView, children_view, waits_for

ETAG = '"4085c960637ac2c82002540a"'


Visible = Annotated[
    str, msgspec.Meta(extra_json_schema={"enum": [s for s in Status if s is not Status.ERASING]})
]


class ProgressView(msgspec.Struct, frozen=True):
    percent: Annotated[float, msgspec.Meta(ge=0, le=100, examples=[42.5])]
    message: Annotated[str, msgspec.Meta(description="Empty once the job is finished.")]


class ArtifactView(msgspec.Struct, frozen=True):
    name: Annotated[str, example("report.csv")]
    content_type: Annotated[str, example("text/csv")]
    size: Annotated[int, msgspec.Meta(ge=0, description="In bytes.", examples=[5_120])]
    url: Url


class LinksView(msgspec.Struct, frozen=True, omit_defaults=True):
    """URLs for the job. Contains only the actions that are possible now."""

    self: Url
    params: Url
    events: Url
    result: Url | None = None
    children: Url | None = None
    cancel: Url | None = None
    retry: Url | None = None


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    id: Id
    task: TaskName
    status: Visible
    wait_reason: Annotated[WaitReason | None, msgspec.Meta(description="Why a queued job waits.")]
    waits_for: WaitsForView | None
    parent: Annotated[Id | None, msgspec.Meta(description="The job whose child this one is.")]
    children: Annotated[
        ChildrenView | msgspec.UnsetType | None,
        msgspec.Meta(description="Not in lists, pushes and webhooks."),
    ] = msgspec.UNSET
    progress: ProgressView | None
    params: Annotated[Any, msgspec.Meta(description="null if over 4 KiB: see links.params.")]
    result: Annotated[Any, msgspec.Meta(description="null if over 32 KiB: see links.result.")]
    artifacts: list[ArtifactView]
    error: ErrorView | None
    attempt: int
    max_attempts: int
    cancel_requested: bool
    created_at: Time
    started_at: Time | None
    finished_at: Time | None
    updated_at: Time
    next_attempt_at: Time | None
    deadline: Time
    expires_at: Time | None
    links: LinksView


class JobListView(msgspec.Struct, frozen=True):
    jobs: list[JobView]
    next: Url | None


class EventView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A transition of the job or of a webhook's delivery (with `verb`), or a line of `job.log`
    (with `message`)."""

    at: Time
    type: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["transition", "log", "webhook"]})]
    run: Annotated[int | None, msgspec.Meta(description="1, and one more for each retry.")] = None
    attempt: int | None = None
    verb: str | None = None
    status: Visible | None = None
    error: Annotated[ErrorView | None, msgspec.Meta(description="Why it failed, cut short.")] = None
    left_out: Annotated[int, msgspec.Meta(description="Transitions dropped before this one.")] = 0
    message: str | None = None


class EventListView(msgspec.Struct, frozen=True):
    events: list[EventView]
    next: Url | None


class PutView(msgspec.Struct, frozen=True):
    method: Annotated[str, example("PUT")]
    url: Url
    headers: dict[str, str]


class UploadView(msgspec.Struct, frozen=True):
    id: Annotated[str, example(f"upload:{JOB_ID}")]
    upload: PutView
    expires_at: Time


class TicketView(msgspec.Struct, frozen=True, omit_defaults=True):
    ticket: Annotated[str, msgspec.Meta(description="It opens one connection.")]
    url: Annotated[Url, msgspec.Meta(description="Connect here, with `?ticket=`.")]
    expires_at: Time
    host: Annotated[str | None, msgspec.Meta(description="Only for the `header-` of AppSync.")] = (
        None
    )


class TaskView(msgspec.Struct, frozen=True):
    name: TaskName
    description: str
    params: Annotated[dict[str, Any], msgspec.Meta(description="JSON Schema (2020-12).")]
    result: dict[str, Any]
    max_attempts: int
    timeout: Annotated[float, msgspec.Meta(description="Seconds, all attempts included.")]
    asks: Annotated[
        dict[str, dict[str, Any]],
        msgspec.Meta(description="JSON Schemas of the answers that it may ask for, by step."),
    ]


class TaskListView(msgspec.Struct, frozen=True):
    tasks: list[TaskView]


class HealthView(msgspec.Struct, frozen=True):
    status: Annotated[str, example("ok")]
    version: Annotated[str, example("0.1.0")]


def job_view(
    record: JobRecord,
    base: str,
    tasks: Tasks = dict,
    *,
    payloads: bool = True,
    children: ChildCounts | msgspec.UnsetType | None = msgspec.UNSET,
) -> JobView:
    """`payloads` False leaves out params and result, as in lists. `tasks` are needed for what a
    suspended job waits for."""
    waits_for_time = record.wait_reason in (WaitReason.SCHEDULED, WaitReason.BACKOFF)
    return JobView(
        id=record.id,
        task=record.task,
        status=record.status,
        wait_reason=record.wait_reason,
        waits_for=waits_for(record, base, tasks),
        parent=record.parent.id if record.parent else None,
        children=msgspec.UNSET if children is msgspec.UNSET else children_view(children),
        progress=_progress_view(record, children or None),
        params=_raw(record.params.text if payloads else None),
        result=_raw(record.result.text if payloads and record.result else None),
        artifacts=[
            ArtifactView(
                one.name,
                one.content_type,
                one.size,
                f"{base}/jobs/{record.id}/artifacts/{quote(one.name)}",
            )
            for one in record.artifacts
        ],
        error=error_view(record.error),
        attempt=record.attempt,
        max_attempts=record.max_attempts,
        cancel_requested=record.cancel_requested,
        created_at=rfc3339(record.created_at),
        started_at=_time(record.started_at),
        finished_at=_time(record.finished_at),
        updated_at=rfc3339(record.updated_at),
        next_attempt_at=rfc3339(record.not_before) if waits_for_time else None,
        deadline=rfc3339(record.deadline),
        expires_at=_time(record.expires_at),
        links=_links(record, base, bool(children)),
    )


class JobPage(msgspec.Struct, frozen=True):
    """A job as in an answer. The tag is a hash of the body, so both change together."""

    body: str
    etag: str


@functools.lru_cache(maxsize=8)  # one request asks for it up to three times
def job_page(
    record: JobRecord, base: str, tasks: Tasks = dict, children: ChildCounts | None = None
) -> JobPage:
    body = json_body(job_view(record, base, tasks, children=children))
    anywhere = body.replace(f'"{base}/jobs/', '"/jobs/')  # the tag does not depend on the host
    digest = hashlib.blake2b(anywhere.encode(), digest_size=12).hexdigest()
    return JobPage(body, f'"{digest}"')


def json_body(view: Any) -> str:
    """JSON text with a final newline, so that a terminal's prompt starts on its own line."""
    return msgspec.json.encode(view).decode() + "\n"


def poll_after(record: JobRecord, now: int) -> int:
    """Seconds to wait before the next poll, for Retry-After."""
    if record.not_before > now:
        return min(-(-(record.not_before - now) // SECOND), 60)
    age = (now - record.created_at) // SECOND
    return 1 if age < 10 else 2 if age < 60 else 5


def job_headers(record: JobRecord, etag: str, now: int) -> dict[str, str]:
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    return headers if record.finished else {**headers, "Retry-After": str(poll_after(record, now))}


def _progress_view(record: JobRecord, children: ChildCounts | None) -> ProgressView | None:
    """A job that waits for children shows these. A finished job is no longer doing what its last
    message says."""
    if children and record.wait_reason is WaitReason.CHILDREN:
        percent = round(100 * children.ended / max(children.total, 1), 1)
        message = f"{children.ended:,} of {children.total:,} children have ended"
        return ProgressView(percent, message)
    if (progress := record.progress) is None:
        return None
    return ProgressView(progress.percent, "" if record.finished else progress.message)


def _links(record: JobRecord, base: str, has_children: bool) -> LinksView:
    url = job_url(record.id, base)
    may_retry = record.status in (Status.FAILED, Status.CANCELED) and record.parent is None
    return LinksView(
        self=url,
        params=f"{url}/params",
        events=f"{url}/events",
        result=f"{url}/result" if record.status is Status.SUCCEEDED else None,
        children=f"{url}/children" if has_children else None,
        cancel=None if record.finished else f"{url}/cancel",
        retry=f"{url}/retry" if may_retry else None,
    )


def _time(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else rfc3339(milliseconds)


def _raw(text: str | None) -> Any:
    return None if text is None else msgspec.Raw(text.encode())


def event_view(event: Event) -> EventView:
    at = rfc3339(event.at)
    if isinstance(event, LogLine):
        return EventView(at, "log", event.run, event.attempt, message=event.message)
    entry = event.entry
    return EventView(
        at,
        "webhook" if event.of_webhook else "transition",
        event.run,
        entry.attempt,
        verb=entry.verb,
        status=entry.status,
        error=error_view(entry.error),
        left_out=entry.left_out,
    )


def ticket_view(ticket: Ticket) -> TicketView:
    return TicketView(ticket.text, ticket.url, rfc3339(ticket.expires_at), ticket.host)


def upload_view(ticket: UploadTicket) -> UploadView:
    put = PutView("PUT", ticket.url, dict(ticket.headers))
    return UploadView(ticket.id, put, rfc3339(ticket.expires_at))
