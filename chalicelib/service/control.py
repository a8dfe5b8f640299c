"""What a client may do to its job: cancel it, or run it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from chalicelib.domain import verbs
from chalicelib.domain.errors import (
    JobChanged,
    JobFinished,
    JobHasParent,
    JobNotRetryable,
    NotFound,
)
from chalicelib.domain.job import JobRecord, Status
from chalicelib.domain.transitions import Stamp
from chalicelib.domain.writes import Write
from chalicelib.ports.system import System
from chalicelib.service.ends import carry_out
from chalicelib.service.read import get


def cancel(system: System, owner: str, job_id: str) -> JobRecord:
    """Cancel a queued job, or request it of the worker that runs it. Raises JobFinished."""

    def decide(record: JobRecord, stamp: Stamp) -> Write | None:
        match record.status:
            case Status.QUEUED | Status.RUNNING | Status.CANCELED:
                return called_off(record, stamp)
            case Status.ERASING:
                raise NotFound("There is no such job.")
            case Status.SUCCEEDED | Status.FAILED:
                raise JobFinished(f"The job has already {record.status}: it cannot be canceled.")
            case _:
                assert_never(record.status)

    return carry_out(system, get(system, owner, job_id), decide)


def refuse_child(record: JobRecord, verb: str, base: str) -> None:
    """Raises JobHasParent: parents and children are retried and erased together."""
    if (parent := record.parent) is not None:
        raise JobHasParent(f"This job is a child of {base}/jobs/{parent.id}: {verb} that job.")


def called_off(record: JobRecord, stamp: Stamp) -> Write | None:
    """A cancel, or the request of one. None if there is nothing to cancel."""
    match record.status:
        case Status.QUEUED:
            return verbs.cancel(record, stamp)
        case Status.RUNNING if not record.cancel_requested:
            return verbs.request_cancel(record, stamp)
        case _:
            return None


def retry(
    system: System,
    owner: str,
    job_id: str,
    unchanged: Callable[[JobRecord], bool] = lambda _: True,
    *,
    base: str = "",
) -> JobRecord:
    """Queue a failed or canceled job again. `unchanged` says whether the record is still as the
    client saw it. `base` is what the API's URLs begin with. Raises JobNotRetryable, JobHasParent,
    JobChanged."""

    def decide(record: JobRecord, stamp: Stamp) -> Write | None:
        if record.status is Status.ERASING:
            raise NotFound("There is no such job.")
        refuse_child(record, "retry", base)
        if not unchanged(record):
            raise JobChanged("The job has changed since the state that If-Match names: read it.")
        if record.status not in (Status.FAILED, Status.CANCELED):
            raise JobNotRetryable(
                f"The job is {record.status}. Only a failed or canceled job can be retried."
            )
        return verbs.retry(record, stamp)

    return carry_out(system, get(system, owner, job_id), decide)
