"""What a client may do to its job: cancel it, run it again, erase it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress

from chalicelib.domain import verbs
from chalicelib.domain.deliveries import delivery_ids
from chalicelib.domain.errors import (
    JobChanged,
    JobFinished,
    JobNotFinished,
    JobNotRetryable,
    NotFound,
)
from chalicelib.domain.job import JobRecord, Status
from chalicelib.domain.transitions import Stamp
from chalicelib.domain.writes import Write
from chalicelib.logs import bound
from chalicelib.service.measures import about
from chalicelib.service.ports import READ_AT_ONCE, System
from chalicelib.service.read import get
from chalicelib.service.transition import carry_out

DELIVERIES_A_VISIT = 50  # of an erasure: five calls each
OBJECTS_A_VISIT = 5_000
ITEMS_A_VISIT = 2_500


def cancel(system: System, owner: str, job_id: str) -> JobRecord:
    """Cancel a queued job, or leave word for the worker that runs it. Raises JobFinished."""

    def decide(record: JobRecord, stamp: Stamp) -> Write | None:
        match record.status:
            case Status.QUEUED:
                return verbs.cancel(record, stamp)
            case Status.RUNNING:
                return None if record.cancel_requested else verbs.request_cancel(record, stamp)
            case Status.CANCELED:
                return None
            case Status.ERASING:
                raise NotFound("There is no such job.")
            case _:
                raise JobFinished(f"The job {record.status} already: there is nothing to cancel.")

    return carry_out(system, get(system, owner, job_id), decide)


def retry(
    system: System,
    owner: str,
    job_id: str,
    unchanged: Callable[[JobRecord], bool] = lambda _: True,
) -> JobRecord:
    """Queue a failed or canceled job again. `unchanged` tells whether a record is still as the
    client saw it. Raises JobNotRetryable, JobChanged."""

    def decide(record: JobRecord, stamp: Stamp) -> Write | None:
        if record.status is Status.ERASING:
            raise NotFound("There is no such job.")
        if not unchanged(record):
            raise JobChanged("The job is not as If-Match says: read it again.")
        if record.status not in (Status.FAILED, Status.CANCELED):
            raise JobNotRetryable(f"The job is {record.status}.")
        return verbs.retry(record, stamp)

    return carry_out(system, get(system, owner, job_id), decide)


def erase(system: System, owner: str, job_id: str) -> None:
    """Erase a finished job and all its payloads. Raises JobNotFinished.

    Once this has returned nothing of it can be read, and all of it is deleted; but for a
    webhook that is being delivered, which is called off first, and for what is too much for one
    visit. That, and an erasure cut off half way, is what the sweeper goes on with.
    """

    def decide(record: JobRecord, stamp: Stamp) -> Write | None:
        if record.status is Status.ERASING:
            return None
        if not record.finished:
            raise JobNotFinished(f"The job is {record.status}: cancel it first.")
        return verbs.erase(record, stamp)

    clear_away(system, carry_out(system, get(system, owner, job_id), decide))


def clear_away(system: System, record: JobRecord) -> bool:
    """Delete what is left of a job that no read shows any more: erased, or expired. Payloads
    first, the record last: while it stands, it says that there is something to delete.

    One visit deletes as much as takes seconds. Returns whether nothing is left.
    """
    if record.status is not Status.ERASING:
        record = carry_out(system, record, _erase_unless_alive)
    return (
        record.status is Status.ERASING
        and system.payloads.erase(record.prefix, OBJECTS_A_VISIT)
        and _deliveries_gone(system, record)
        and system.jobs.forget(record, ITEMS_A_VISIT)
    )


def _deliveries_gone(system: System, record: JobRecord) -> bool:
    """Whether none is left. One that is under way has to stop first: its worker hears of it with
    a heartbeat."""
    left, visits = False, 0
    ids = iter(delivery_ids(record))
    while batch := list(itertools.islice(ids, READ_AT_ONCE)):
        for delivery in system.jobs.read_many(batch):
            if visits == DELIVERIES_A_VISIT:
                return False
            visits += 1
            with bound(**about(delivery)), suppress(NotFound):  # somebody else was faster
                called_off = carry_out(system, delivery, _call_off_or_erase)
                erased = carry_out(system, called_off, _call_off_or_erase)
                left |= not clear_away(system, erased)
    return not left


def _call_off_or_erase(delivery: JobRecord, stamp: Stamp) -> Write | None:
    match delivery.status:
        case Status.QUEUED:
            return verbs.cancel(delivery, stamp)
        case Status.RUNNING if not delivery.cancel_requested:
            return verbs.request_cancel(delivery, stamp)
        case _ if delivery.finished:
            return verbs.erase(delivery, stamp)
        case _:
            return None


def _erase_unless_alive(record: JobRecord, stamp: Stamp) -> Write | None:
    hidden = not record.visible(stamp.now)
    return verbs.erase(record, stamp) if hidden and record.finished else None
