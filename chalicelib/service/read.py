"""Read jobs. A status read is one consistent read. A read that finds a passed deadline first fails
the job."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

import msgspec
from msgspec.structs import replace

from chalicelib.domain.errors import (
    JobNotFinished,
    JobNotSucceeded,
    NotFound,
    OvertimeError,
    Unavailable,
)
from chalicelib.domain.events import Event, Transitioned, event_position
from chalicelib.domain.job import ID, LIVE, Artifact, Entry, JobRecord, Status, Stored
from chalicelib.domain.transitions import Stamp
from chalicelib.domain.verbs import expire
from chalicelib.domain.webhooks import webhook_job_ids
from chalicelib.domain.writes import Verb, Write
from chalicelib.ports.stores import READ_AT_ONCE
from chalicelib.ports.system import System
from chalicelib.service.ends import carry_out
from chalicelib.service.measures import log_fields
from chalicelib.telemetry.logs import bind

EXAMINED_AT_MOST = 500  # records a page of a filtered list may cost
DOWNLOAD_SECONDS = 900
WEBHOOKS_AT_MOST = 10  # shown of a job; each retry by a client adds one
LONG_POLL_SECONDS = (0.25, 0.5, 1.0)  # between reads; the last is repeated


def get(system: System, owner: str, job_id: str) -> JobRecord:
    """Raises the same NotFound for an unknown id and for another owner's job."""
    record = find(system, owner, job_id)
    if _deadline_passed(record, system.clock.now()):
        record = carry_out(system, record, _expire_if_due)
    return record


def find(system: System, owner: str, job_id: str) -> JobRecord:
    """As `get`, but does not write: a passed deadline is left to other calls."""
    record = system.jobs.read(job_id) if ID.fullmatch(job_id) else None
    if (
        record is None
        or record.owner != owner
        or record.internal
        or not record.visible(system.clock.now())
    ):
        raise NotFound("There is no such job.")
    bind(**log_fields(record))
    return record


def wait(
    system: System, owner: str, job_id: str, until: int, enough: Callable[[JobRecord], bool]
) -> tuple[JobRecord, bool]:
    """The job as soon as `enough` accepts it, or as it is at `until` (epoch ms), and True. At once,
    and False, if the owner already has as many held requests as allowed."""
    record = get(system, owner, job_id)
    if enough(record) or system.clock.now() >= until:
        return record, True
    with _held(system, owner, until) as held:
        for pause in _pauses() if held else ():
            left = until - system.clock.now()
            if left <= 0 or enough(record):
                break
            system.clock.sleep(min(pause, left / 1_000))
            record = get(system, owner, job_id)
    return record, held


def until_finished(
    system: System,
    record: JobRecord,
    until: int,
    enough: Callable[[JobRecord], bool] = lambda job: job.finished,
) -> tuple[JobRecord, bool]:
    """The job once `enough` accepts it, or as it is at `until` (epoch ms), and True. At once, and
    False, if it is not held, or if a read fails: the request has stored its job by then, and must
    not fail."""
    if enough(record) or system.clock.now() >= until:
        return record, True
    with suppress(OvertimeError):
        return wait(system, record.owner, record.id, until, enough)
    return record, False


@contextmanager
def _held(system: System, owner: str, until: int) -> Iterator[bool]:
    """Counts a held request; yields whether it may be held. Each one occupies an invocation of the
    API, and one owner could occupy all of them. If the count is unavailable, none is held."""
    hold, now, held = system.new_id(), system.clock.now(), False
    with suppress(Unavailable):
        held = system.held.begin(owner, hold, until, now, system.rules.held_at_most)
    try:
        yield held
    finally:
        if held:
            with suppress(Unavailable):  # it then counts until `until`
                system.held.end(owner, hold, until)


class JobPage(msgspec.Struct, frozen=True):
    """`next` is the position where the next page begins, None on the last page."""

    jobs: list[JobRecord]
    next: str | None


def list_jobs(
    system: System,
    owner: str,
    *,
    status: Status | None,
    task: str | None,
    limit: int,
    before: str | None,
) -> JobPage:
    """An owner's jobs, newest first, read consistently. With filters a page may be short or empty,
    because it examines a bounded number of jobs."""
    found: list[JobRecord] = []
    examined, now = 0, system.clock.now()
    while examined < EXAMINED_AT_MOST:
        # Without filters, the first query takes only as many jobs as the page shows.
        plain = not examined and status is None and task is None
        at_once = limit if plain else max(limit, READ_AT_ONCE)
        at_once = min(at_once, EXAMINED_AT_MOST - examined)
        # One key more shows whether there is another page.
        keys = system.jobs.owned(owner, before, at_once + 1)
        at_the_end, keys = len(keys) <= at_once, keys[:at_once]
        records = {record.id: record for record in system.jobs.read_many([id for _, id in keys])}
        for number, (position, job_id) in enumerate(keys, 1):
            before, record = position, records.get(job_id)
            if record is None or not record.visible(now):
                continue
            if status in (None, record.status) and task in (None, record.task):
                found.append(record)
            if len(found) == limit:
                return JobPage(found, None if at_the_end and number == len(keys) else before)
        examined += len(keys)
        if at_the_end:
            return JobPage(found, None)
    return JobPage(found, before)


def params(system: System, owner: str, job_id: str) -> Stored:
    return get(system, owner, job_id).params


def result(system: System, owner: str, job_id: str) -> Stored:
    record = get(system, owner, job_id)
    if not record.finished:
        raise JobNotFinished(f"The job is {record.status}: ask again later.")
    if record.result is None:
        raise JobNotSucceeded(f"The job {record.status} and has no result.", record.error)
    return record.result


def artifact(system: System, owner: str, job_id: str, name: str) -> Artifact:
    record = get(system, owner, job_id)
    for one in record.artifacts:
        if one.name == name:
            return one
    there = ", ".join(one.name for one in record.artifacts) or "none yet"
    raise NotFound(f"The job has no artifact of this name. It has: {there}.")


def download_url(system: System, what: Stored | Artifact) -> str:
    """A URL of a job's object, valid for 15 minutes."""
    assert what.key is not None
    name, kind = (
        (what.name, what.content_type) if isinstance(what, Artifact) else (None, "application/json")
    )
    return system.payloads.download_url(what.key, name, kind, DOWNLOAD_SECONDS)


def events(
    system: System, owner: str, job_id: str, limit: int, after: str
) -> tuple[list[Event], str | None]:
    """Transitions, log lines and webhook deliveries, oldest first, and the position where the next
    page begins."""
    return events_of(system, get(system, owner, job_id), limit, after)


def events_of(
    system: System, record: JobRecord, limit: int, after: str
) -> tuple[list[Event], str | None]:
    """As `events`, for a record that was read before, also of an internal task."""
    lines = system.jobs.lines(record, after, limit + 1)
    entries = itertools.chain(transitions(record), webhook_transitions(system, record))
    happened: list[Event] = [*lines, *(one for one in entries if one.position > after)]
    happened.sort(key=lambda event: event.position)
    page = happened[:limit]
    return page, page[-1].position if len(happened) > limit else None


def transitions(record: JobRecord) -> Iterator[Transitioned]:
    """The history in its true order, although clocks differ. A claim does not know its attempt, so
    the attempt is filled in from the next entry that has one."""
    latest, number, run = 0, 0, 1
    for index, entry in enumerate(record.history):
        latest, number = max(latest, entry.at), number + 1 + entry.left_out
        attempt = entry.attempt
        if attempt is None and entry.status is Status.RUNNING:
            later = (e.attempt for e in record.history[index + 1 :] if e.attempt is not None)
            attempt = next(later, record.attempt)
        if entry.left_out:  # dropped entries may include retries, so count from the last one back
            run = record.generation + 1 - _retries(record.history[index:])
        run += _retries((entry,))
        known = replace(entry, attempt=attempt)
        yield Transitioned(entry.at, event_position(latest, f"0{number:06d}"), known, run)


def _retries(entries: Iterable[Entry]) -> int:
    return sum(entry.verb == Verb.RETRY for entry in entries)


def webhook_transitions(system: System, record: JobRecord) -> Iterator[Transitioned]:
    """The last webhook deliveries: the transitions of the jobs that make them."""
    latest = webhook_job_ids(record)[-WEBHOOKS_AT_MOST:]
    for webhook in system.jobs.read_many(latest) if latest else ():
        for one in transitions(webhook):
            at, _, rest = one.position.partition("-")
            position = f"{at}-2{rest}{webhook.id}"
            yield Transitioned(one.at, position, one.entry, of_webhook=True)


def _deadline_passed(record: JobRecord, now: int) -> bool:
    return record.status in LIVE and record.deadline <= now


def _expire_if_due(record: JobRecord, stamp: Stamp) -> Write | None:
    return expire(record, stamp) if _deadline_passed(record, stamp.now) else None


def _pauses() -> Iterator[float]:
    yield from LONG_POLL_SECONDS
    while True:
        yield LONG_POLL_SECONDS[-1]
