"""Find every job whose due date has passed, and do what is due: the one mechanism that recovers
from lost messages, killed workers, missed delays and interrupted erasures."""

from __future__ import annotations

import itertools
import logging
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any, assert_never

import msgspec

from chalicelib.domain import verbs
from chalicelib.domain.errors import NotFound
from chalicelib.domain.job import LIVE, SECOND, DuePartition, JobRecord, Status
from chalicelib.domain.schedules import PREFIX, ScheduleRecord
from chalicelib.domain.transitions import REMIND_AFTER, Stamp
from chalicelib.domain.writes import Write
from chalicelib.ports.stores import READ_AT_ONCE
from chalicelib.ports.system import System
from chalicelib.service.declarations import store_declared
from chalicelib.service.ends import carry_out
from chalicelib.service.erase import clear_away
from chalicelib.service.measures import log_fields
from chalicelib.service.moments import WITHOUT_TASK, submit_due
from chalicelib.telemetry.logs import bound
from chalicelib.telemetry.metrics import Metric

logger = logging.getLogger(__name__)

FIRST = 10  # late jobs of a lane that each sweep reminds, even if its queue has a backlog
ERASURES = 1 / 5  # of a sweep's time is reserved for them, so that a long erasure ends


def sweep(system: System, ends_at: int) -> Counter[str]:
    """One round, until `ends_at` (epoch ms) at the latest. Returns counts by verb.

    Rescues, deadlines and schedules come before reminders, and both before erasures. Two sweepers
    at once, or one that is killed, do no harm: every step is its own conditional write.
    """
    done: Counter[str] = Counter()
    lanes = _Lanes(system)
    most_late = 0
    others_end_at = ends_at - round((ends_at - system.clock.now()) * ERASURES)
    _store_declared(system)
    for partition in DuePartition:
        until = ends_at if partition is DuePartition.ERASE else others_end_at
        for record in _records(system, partition, until):
            late = _late(record, system.clock.now())
            with bound(**_fields(record)):
                verb = _visit(system, record, lanes)
            done[verb] += 1
            if verb != WITHOUT_TASK:  # else its owner has to change it: that is no alarm
                most_late = max(most_late, late)
    metrics = {
        Metric.OLDEST_DUE_SECONDS: most_late / SECOND,
        Metric.SWEEP_VISITS: done.total(),
    }
    logger.info("swept", extra={"done": dict(done), "metrics": metrics})
    return done


def what_is_due(record: JobRecord, stamp: Stamp, *, message_waits: bool = False) -> Write | None:
    """None if nothing is due: the index was behind, or another sweeper was faster.
    `message_waits`: the job's message is in its queue, behind others."""
    if record.due_at is None or record.due_at > stamp.now:
        return None
    if record.status in LIVE and record.deadline <= stamp.now:
        return verbs.expire(record, stamp)
    match record.status:
        case Status.RUNNING:
            return verbs.rescue(record, stamp)
        case Status.QUEUED:
            later = verbs.postpone if message_waits else verbs.remind
            return later(record, stamp)
        case Status.SUCCEEDED | Status.FAILED | Status.CANCELED | Status.ERASING:
            return None
        case _:
            assert_never(record.status)


def _store_declared(system: System) -> None:
    try:
        store_declared(system)
    except Exception:  # the next sweep tries again
        logger.exception("schedules_not_declared")


def _fields(record: JobRecord | ScheduleRecord) -> dict[str, Any]:
    if isinstance(record, JobRecord):
        return log_fields(record)
    return {"owner": record.owner, "task": record.task}


def _visit(system: System, record: JobRecord | ScheduleRecord, lanes: _Lanes) -> str:
    """Does what is due, and returns the verb. An error in one job must not stop the sweep."""
    try:
        if isinstance(record, ScheduleRecord):
            return submit_due(system, record)
        if record.status is Status.ERASING:
            return "erase" if clear_away(system, record) else "erasing"
        message_waits, verb = lanes.holds_message_of(record), "nothing"

        def decide(now_is: JobRecord, stamp: Stamp) -> Write | None:
            nonlocal verb
            write = what_is_due(now_is, stamp, message_waits=message_waits)
            verb = write.verb if write else "nothing"
            return write

        carry_out(system, record, decide)
        return verb
    except NotFound:
        return "nothing"
    except Exception:
        logger.exception("visit_failed")
        return "error"


class _Lanes(msgspec.Struct):
    """For each lane: the number of messages in its queue at the first look of this sweep, and the
    number of late jobs since then whose messages may be in it."""

    system: System
    waiting: dict[str, float] = {}
    late: Counter[str] = msgspec.field(default_factory=Counter)

    def holds_message_of(self, record: JobRecord) -> bool:
        """A job behind a backlog only waits, and needs no second message. A queue does not show
        which jobs its messages belong to, so the FIRST late jobs count as without one: a lost
        message is then sent again even in a long backlog. A job scheduled for later has sent no
        message yet, nor has a suspended one."""
        lane, waits = record.lane, record.due is DuePartition.REMIND and not record.suspended
        if not waits or record.due_at is None or record.due_at > self.system.clock.now():
            return False
        if lane not in self.waiting:
            self.waiting[lane] = self._ask(lane)
        self.late[lane] += 1
        return FIRST < self.late[lane] <= self.waiting[lane]

    def _ask(self, lane: str) -> float:
        try:
            return self.system.messages.waiting(lane)
        except Exception:  # an error in one queue must not stop the sweep
            logger.exception("lane_not_asked", extra={"lane": lane})
            return math.inf


def _late(record: JobRecord | ScheduleRecord, now: int) -> int:
    """In milliseconds. Reminders move `due_at`; a reminded job counts from its first due date. A
    suspended one may wait for days, and is not late."""
    if record.due_at is None or record.due_at > now:
        return 0
    if isinstance(record, JobRecord) and record.due is DuePartition.REMIND and not record.suspended:
        return now - min(record.due_at, record.not_before + REMIND_AFTER)
    return now - record.due_at


def _records(
    system: System, partition: DuePartition, ends_at: int
) -> Iterator[JobRecord | ScheduleRecord]:
    ids = system.jobs.due(partition, system.clock.now())
    while batch := list(itertools.islice(ids, READ_AT_ONCE)):
        schedules = [one for one in batch if one.startswith(PREFIX)]
        jobs = [one for one in batch if not one.startswith(PREFIX)]
        found: list[JobRecord | ScheduleRecord] = []
        if schedules:
            found += system.schedules.read_many(schedules)
        if jobs:
            found += system.jobs.read_many(jobs)
        for record in found:
            if system.clock.now() >= ends_at:
                return
            yield record
