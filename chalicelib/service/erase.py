"""Erase a finished job with everything it has, in portions."""

from __future__ import annotations

import itertools
from contextlib import suppress
from typing import assert_never

from chalicelib.domain import verbs
from chalicelib.domain.errors import (
    JobNotFinished,
    NotFound,
)
from chalicelib.domain.job import JobRecord, Status
from chalicelib.domain.transitions import Stamp
from chalicelib.domain.webhooks import webhook_job_ids
from chalicelib.domain.writes import Write
from chalicelib.ports.stores import READ_AT_ONCE
from chalicelib.ports.system import System
from chalicelib.service.measures import log_fields
from chalicelib.service.read import get
from chalicelib.service.transition import carry_out
from chalicelib.telemetry.logs import bound

WEBHOOKS_A_VISIT = 50  # of an erasure: five calls each
OBJECTS_A_VISIT = 5_000
ITEMS_A_VISIT = 2_500


def erase(system: System, owner: str, job_id: str) -> None:
    """Erase a finished job and all its payloads. Raises JobNotFinished.

    When this returns, nothing of the job can be read, and all of it is deleted, with two
    exceptions: a webhook that is being delivered is canceled first, and a very large job is
    deleted in several visits. The sweeper finishes both, and an erasure that was cut off.
    """

    def decide(record: JobRecord, stamp: Stamp) -> Write | None:
        if record.status is Status.ERASING:
            return None
        if not record.finished:
            raise JobNotFinished(f"The job is {record.status}: cancel it first.")
        return verbs.erase(record, stamp)

    clear_away(system, carry_out(system, get(system, owner, job_id), decide))


def clear_away(system: System, record: JobRecord) -> bool:
    """Delete what is left of an erased or expired job, which no read shows. Payloads first, the
    record last: while the record exists, the sweeper knows that there is something to delete.

    One visit takes some seconds at most. Returns whether everything is deleted.
    """
    if record.status is not Status.ERASING:
        record = carry_out(system, record, _erase_unless_alive)
    return (
        record.status is Status.ERASING
        and system.payloads.erase(record.prefix, OBJECTS_A_VISIT)
        and _webhooks_erased(system, record)
        and system.jobs.delete(record, ITEMS_A_VISIT)
    )


def _webhooks_erased(system: System, record: JobRecord) -> bool:
    """Whether all are deleted. One that is running has to stop first: its worker sees the cancel
    with its next heartbeat."""
    left, visits = False, 0
    ids = iter(webhook_job_ids(record))
    while batch := list(itertools.islice(ids, READ_AT_ONCE)):
        for webhook in system.jobs.read_many(batch):
            if visits == WEBHOOKS_A_VISIT:
                return False
            visits += 1
            # NotFound: another call has erased it.
            with bound(**log_fields(webhook)), suppress(NotFound):
                called_off = carry_out(system, webhook, _call_off_or_erase)
                erased = carry_out(system, called_off, _call_off_or_erase)
                left |= not clear_away(system, erased)
    return not left


def _call_off_or_erase(webhook: JobRecord, stamp: Stamp) -> Write | None:
    match webhook.status:
        case Status.QUEUED:
            return verbs.cancel(webhook, stamp)
        case Status.RUNNING:
            return None if webhook.cancel_requested else verbs.request_cancel(webhook, stamp)
        case Status.SUCCEEDED | Status.FAILED | Status.CANCELED:
            return verbs.erase(webhook, stamp)
        case Status.ERASING:
            return None
        case _:
            assert_never(webhook.status)


def _erase_unless_alive(record: JobRecord, stamp: Stamp) -> Write | None:
    hidden = not record.visible(stamp.now)
    return verbs.erase(record, stamp) if hidden and record.finished else None
