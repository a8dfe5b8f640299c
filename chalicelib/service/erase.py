"""Erase a finished job with everything it has, in portions."""

from __future__ import annotations

import itertools

from chalicelib.domain import children, verbs
from chalicelib.domain.cascades import cascade_job_ids
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
from chalicelib.service.control import called_off, refuse_child
from chalicelib.service.measures import log_fields
from chalicelib.service.read import get
from chalicelib.service.transition import carry_out
from chalicelib.telemetry.logs import bound

WEBHOOKS_A_VISIT = 50  # of an erasure: five calls each
CHILDREN_A_VISIT = 1_000
OBJECTS_A_VISIT = 5_000
ITEMS_A_VISIT = 2_500


def erase(system: System, owner: str, job_id: str, *, base: str = "") -> None:
    """Erase a finished job and all its payloads. `base` is what the API's URLs begin with. Raises
    JobNotFinished, JobHasParent.

    When this returns, nothing of the job can be read, and all of it is deleted, with two
    exceptions: a webhook that is being delivered is canceled first, and a very large job is
    deleted in several visits. The sweeper finishes both, and an erasure that was cut off.
    """

    def decide(record: JobRecord, stamp: Stamp) -> Write | None:
        if record.status is Status.ERASING:
            return None
        refuse_child(record, "delete", base)
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
        and _internal_jobs_erased(system, record)
        and _children_erased(system, record)
        and system.jobs.delete(record, ITEMS_A_VISIT)
    )


def _internal_jobs_erased(system: System, record: JobRecord) -> bool:
    """Whether all are deleted. One that is running has to stop first: its worker sees the cancel
    with its next heartbeat."""
    left, visits = False, 0
    ids = itertools.chain(webhook_job_ids(record), cascade_job_ids(record))
    while batch := list(itertools.islice(ids, READ_AT_ONCE)):
        for one in system.jobs.read_many(batch):
            if visits == WEBHOOKS_A_VISIT:
                return False
            visits += 1
            left |= not _erased(system, one)
    return not left


def _children_erased(system: System, record: JobRecord) -> bool:
    """Whether all are deleted, and their ledgers after them."""
    left, visits = False, 0
    for known in record.maps or ():
        ids = children.child_ids(record, known.step, 0, known.reach)
        while batch := list(itertools.islice(ids, READ_AT_ONCE)):
            if visits >= CHILDREN_A_VISIT:
                return False
            found = system.jobs.read_many(batch)
            visits += len(found)
            left |= not all(system.in_parallel(lambda child: _erased(system, child), found))
    if not left:
        for known in record.maps or ():
            for generation in range(record.generation + 1):
                names = children.ledgers_of(record, known.step, generation, known.reach)
                system.ledgers.delete(names)
    return not left


def _erased(system: System, record: JobRecord) -> bool:
    """Cancel it if it is live, and delete it if it has ended. Returns whether it is deleted."""
    with bound(**log_fields(record)):
        try:
            for _ in range(2):
                record = carry_out(system, record, _call_off_or_erase)
            return clear_away(system, record)
        except NotFound:
            return True  # another call has erased it


def _call_off_or_erase(record: JobRecord, stamp: Stamp) -> Write | None:
    return verbs.erase(record, stamp) if record.finished else called_off(record, stamp)


def _erase_unless_alive(record: JobRecord, stamp: Stamp) -> Write | None:
    hidden = not record.visible(stamp.now)
    return verbs.erase(record, stamp) if hidden and record.finished else None
