"""A job as an operator sees it: a row, a page of text, or JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from chalicelib.domain.events import Event, LogLine
from chalicelib.domain.job import JobRecord, Stored
from chalicelib.http.fields import rfc3339
from chalicelib.http.representation import event_view, job_view
from ops.cli.table import one_line

HEAD = ("ID", "OWNER", "TASK", "STATUS", "ATTEMPT", "CREATED", "NOTE")
NOTE_AT_MOST = 80  # characters
TEXT_AT_MOST = 2_000


def as_row(job: JobRecord) -> tuple[str, ...]:
    attempt = f"{job.attempt} of {job.max_attempts}"
    note = _cut(_note(job), NOTE_AT_MOST)
    return (job.id, job.owner, job.task, _status(job), attempt, rfc3339(job.created_at), note)


def as_json(job: JobRecord, events: Iterable[Event] | None = None) -> dict[str, Any]:
    """As the API shows it to its owner, with what no client sees. Where there are no `events`,
    the payloads are left out as in lists."""
    view = job_view(job, "", payloads=events is not None)
    own = {"owner": job.owner, "lane": job.lane, "due_at": _time(job.due_at)}
    listed = {} if events is None else {"events": list(map(event_view, events))}
    shown = {
        name: value for name, value in msgspec.structs.asdict(view).items() if value is not UNSET
    }
    return own | shown | listed


def as_text(job: JobRecord, events: Sequence[Event]) -> str:
    return "\n".join([*_facts(job), "", *_events(events)])


def _facts(job: JobRecord) -> Iterator[str]:
    error = f"{job.error.title}: {job.error.detail}" if job.error else None
    progress = f"{job.progress.percent:g}% {job.progress.message}" if job.progress else None
    webhook = f"{job.webhook.url}, if {' or '.join(job.webhook.events)}" if job.webhook else None
    artifacts = ", ".join(f"{one.name} ({one.size} bytes)" for one in job.artifacts)
    facts = {
        "id": job.id,
        "owner": job.owner,
        "task": f"{job.task}, lane {job.lane}",
        "status": f"{_status(job)}, attempt {job.attempt} of {job.max_attempts}",
        "created": _time(job.created_at),
        "not before": None if job.finished else _time(job.not_before),
        "waits for": _waits_for(job),
        "started": _time(job.started_at),
        "updated": _time(job.updated_at),
        "finished": _time(job.finished_at),
        "deadline": None if job.finished else _time(job.deadline),
        "due": _time(job.due_at),
        "expires": _time(job.expires_at),
        "progress": progress,
        "params": _stored(job.params),
        "result": _stored(job.result),
        "artifacts": artifacts,
        "webhook": webhook,
        "error": error,
    }
    for name, value in facts.items():
        if value:
            yield f"{name:<11}{_cut(one_line(value), TEXT_AT_MOST)}"


def _events(events: Sequence[Event]) -> Iterator[str]:
    yield f"{'AT':<26}{'RUN':<5}{'ATTEMPT':<9}EVENT"
    for event in events:
        view = event_view(event)
        if isinstance(event, LogLine):
            what = f"log: {event.message}"
        else:
            error = f": {view.error.message}" if view.error else ""
            left_out = f" (not kept before it: {view.left_out})" if view.left_out else ""
            webhook = "webhook " if event.of_webhook else ""
            what = f"{webhook}{view.verb} -> {view.status}{error}{left_out}"
        run, attempt = view.run or "", "" if view.attempt is None else view.attempt
        yield f"{view.at:<26}{run:<5}{attempt:<9}{_cut(one_line(what), TEXT_AT_MOST)}"


def _status(job: JobRecord) -> str:
    if job.wait_reason:
        return f"{job.status} ({job.wait_reason})"
    canceling = job.cancel_requested and not job.finished
    return f"{job.status} (cancel requested)" if canceling else str(job.status)


def _waits_for(job: JobRecord) -> str | None:
    """The step for which it stopped running; the status says of what kind it is."""
    wait = job.wait
    if wait is None or job.wait_reason is not wait.reason:
        return None
    prompt = f": {wait.prompt}" if wait.prompt else ""
    until = f" (until {rfc3339(wait.until)})" if wait.until is not None else ""
    return f"{wait.step}{prompt}{until}"


def _note(job: JobRecord) -> str:
    """What it waits for, why the last attempt failed, or how far a run is."""
    if waits_for := _waits_for(job):
        return waits_for
    if job.error:
        return f"{job.error.title}: {job.error.detail}"
    running = None if job.finished else job.progress
    return f"{running.percent:g}% {running.message}" if running else ""


def _stored(value: Stored | None) -> str | None:
    if value is None:
        return None
    return value.text if value.text is not None else f"in the bucket: {value.key}"


def _time(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else rfc3339(milliseconds)


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[: characters - 1]}…"
