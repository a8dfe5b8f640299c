"""What a client may do to its job: cancel it, run it again, erase it."""

from __future__ import annotations

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
from chalicelib.service.ports import System
from chalicelib.service.read import get
from chalicelib.service.transition import carry_out


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
    webhook that is being delivered, which is called off first. That, and an erasure cut off half
    way, is what the sweeper goes on with.
    """

    def decide(record: JobRecord, stamp: Stamp) -> Write | None:
        if record.status is Status.ERASING:
            return None
        if not record.finished:
            raise JobNotFinished(f"The job is {record.status}: cancel it first.")
        return verbs.erase(record, stamp)

    clear_away(system, carry_out(system, get(system, owner, job_id), decide))


def clear_away(system: System, record: JobRecord) -> None:
    """Delete what is left of a job that no read shows any more: erased, or expired. Payloads
    first, the record last: while it stands, it says that there is something to delete."""
    if record.status is not Status.ERASING:
        record = carry_out(system, record, _erase_unless_alive)
    if record.status is not Status.ERASING:
        return
    system.payloads.erase(record.prefix)
    if record.webhook is None or _deliveries_gone(system, record):
        system.jobs.forget(record)


def _deliveries_gone(system: System, record: JobRecord) -> bool:
    """One that is under way has to stop first: its worker hears of it with a heartbeat."""
    ids = delivery_ids(record)
    for delivery in system.jobs.read_many(ids):
        with bound(**about(delivery)), suppress(NotFound):  # somebody else was faster
            called_off = carry_out(system, delivery, _call_off_or_erase)
            clear_away(system, carry_out(system, called_off, _call_off_or_erase))
    return not system.jobs.read_many(ids)


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
