"""The moments of a schedule: submit their jobs ahead of time, call them off, let them run.

A job is submitted first, and the schedule moves on after it. Both are harmless twice: a moment has
one id for its job, and the schedule moves on from the moment that was submitted only.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace

from chalicelib.domain import schedules, verbs, waiting_verbs
from chalicelib.domain.errors import ConditionFailed, NotFound, Unavailable
from chalicelib.domain.job import LIVE, JobRecord, Problem, ScheduleRef, Status
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
            # An edit came first, or another sweeper. An edit that stops the schedule has looked for
            # the job that waits: perhaps before it was submitted.
            current = next(iter(system.schedules.read_many([schedule.id])), None)
            if current is None or current.uid != schedule.uid or current.paused:
                call_off(system, after)
            return "nothing"
        schedule = after
    return "schedule"


def _submit(system: System, schedule: ScheduleRecord, moment: int) -> bool:
    """False if this build of the code does not know the task: the next one may."""
    task = system.tasks().get(schedule.task)
    if task is None:
        logger.error(WITHOUT_TASK, extra={"text": schedule.task})
        return False
    asked = Submission(owner=schedule.owner, task=task.name, params=None, run_at=moment)
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


def call_off(system: System, schedule: ScheduleRecord) -> None:
    """Cancel the schedule's job that waits: the latest one, or one that a sweeper is submitting.
    One that has started goes on."""
    ids = {schedule.last_job}
    if schedule.next_at is not None:
        ids.add(schedule.job_id(schedule.next_at))
    for record in system.jobs.read_many(sorted(one for one in ids if one is not None)):
        with bound(**log_fields(record)), suppress(NotFound):
            carry_out(system, record, _cancel_if_it_waits)


def _cancel_if_it_waits(record: JobRecord, stamp: Stamp) -> Write | None:
    waits = record.status is Status.QUEUED and record.started_at is None and not record.generation
    return verbs.cancel(record, stamp) if waits else None


def may_run(system: System, claimed: JobRecord) -> bool:
    """Whether a job that this worker has claimed may run: its schedule still stands, and
    the previous job is not under way. Otherwise it has ended canceled. A client's retry may."""
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
    for _ in range(DECISIONS_AT_MOST):
        schedule = system.schedules.read(record.owner, by.name)
        if schedule is None or schedule.uid != by.uid or schedule.stops(record.run_at or 0):
            return STOPPED if starts else None
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
