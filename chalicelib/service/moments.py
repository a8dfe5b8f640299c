"""The moments of a schedule: submit their jobs ahead of time, and let them run or not.

A job is submitted first, and the schedule moves on after it. Both are harmless twice: a moment has
one id for its job, and the schedule moves on from the moment that was submitted only.
"""

from __future__ import annotations

import logging

from msgspec.structs import replace

from chalicelib.domain import schedules, waiting_verbs
from chalicelib.domain.errors import ConditionFailed, Unavailable
from chalicelib.domain.job import LIVE, JobRecord, Problem, ScheduleRef
from chalicelib.domain.schedules import Overlap, ScheduleRecord
from chalicelib.domain.transitions import Stamp
from chalicelib.domain.writes import Verb, Write
from chalicelib.ports.system import System
from chalicelib.service.measures import log_fields
from chalicelib.service.submit import Submission, new_record
from chalicelib.service.transition import DECISIONS_AT_MOST, announce, carry_out, stamp
from chalicelib.telemetry.logs import bound

logger = logging.getLogger(__name__)

STEPS_A_VISIT = 10
WITHOUT_TASK = "schedule_without_task"

STOPPED = Problem(
    type="/problems/schedule-stopped",
    title="The schedule is paused or deleted",
    detail="The job had not started by then.",
)


def submit_due(system: System, schedule: ScheduleRecord) -> str:
    """Submit the moments that are due, and move on. Returns a word for the sweeper's count."""
    for _ in range(STEPS_A_VISIT):
        if schedule.due_at is None or schedule.due_at > system.clock.now():
            break
        after, moment = schedules.advanced(schedule, stamp(system))
        if moment is not None and not _submit(system, schedule, moment):
            return WITHOUT_TASK  # it stays due
        if not system.schedules.replace(schedule, after):
            return "nothing"  # an edit came first, or another sweeper
        schedule = after
    return "schedule"


def _submit(system: System, schedule: ScheduleRecord, moment: int) -> bool:
    """False if this build of the code does not know the task: the next one may."""
    task = system.tasks().get(schedule.task)
    if task is None:
        logger.error(WITHOUT_TASK, extra={"text": schedule.task})
        return False
    asked = Submission(
        owner=schedule.owner, task=task.name, params=None, run_at=moment, base=schedule.base
    )
    record = replace(
        new_record(system, asked, task, schedule.params, schedule.job_id(moment), ""),
        schedule=schedule.ref,
    )
    with bound(**log_fields(record)):
        try:
            system.jobs.submit(record)
        except ConditionFailed:
            return True  # submitted before
        announce(system, record, Verb.SUBMIT)
    return True


def may_run(system: System, claimed: JobRecord) -> bool:
    """Whether a job that this worker has claimed may run: its schedule exists and is not paused,
    and the previous job is not under way. Otherwise it has ended canceled. A client's retry may."""
    if claimed.schedule is None or claimed.generation:
        return True
    why = _refusal(system, claimed, claimed.schedule)
    if why is None:
        return True

    def decide(record: JobRecord, stamp: Stamp) -> Write | None:
        mine = record.lease_token == claimed.lease_token
        return waiting_verbs.abandon(record, stamp, why) if mine else None

    carry_out(system, claimed, decide)
    return False


def _refusal(system: System, record: JobRecord, by: ScheduleRef) -> Problem | None:
    starts = record.started_at == record.updated_at  # it was never claimed before
    claimed_at = record.started_at or 0  # for the first time; that worker may have died here
    for _ in range(DECISIONS_AT_MOST):
        schedule = system.schedules.read(record.owner, by.name)
        if schedule is None or schedule.uid != by.uid:
            return STOPPED if starts else None
        if schedule.paused and (starts or schedule.updated_at <= claimed_at):
            return STOPPED
        if schedule.overlap is Overlap.ALLOW or schedule.under_way == record.id:
            return None
        previous = system.jobs.read(schedule.under_way) if schedule.under_way else None
        if previous is not None and previous.status in LIVE:
            return Problem(
                type="/problems/previous-run-under-way",
                title="The schedule's previous job is still under way",
                detail=f"{previous.id} is {previous.status}. With the overlap `allow`, both run.",
            )
        mine = replace(schedule, under_way=record.id, nonce=system.new_id())
        if system.schedules.replace(schedule, mine):
            return None
    raise Unavailable("The schedule changes too fast.")
