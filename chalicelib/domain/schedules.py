"""Schedules: they submit jobs by the clock. What an edit, a moment and a run make of a schedule."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from enum import StrEnum
from itertools import chain, islice, takewhile
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from chalicelib.domain.cron import moments
from chalicelib.domain.job import ScheduleRef
from chalicelib.domain.transitions import DISPATCH_AHEAD, Stamp

PREFIX = "schedule#"  # of ids; those of jobs are hex digits
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
NAME_RULE = "use 1 to 64 of a-z, 0-9, '.', '_' and '-', a letter or digit first"
NOT_VALID = "The schedule is not valid; see `errors`."
CRON_AT_MOST = 200  # characters
PARAMS_AT_MOST = 4 * 1024  # bytes: every moment writes the whole schedule
MISSED_AT_ONCE = 10_000  # moments that one write passes over; counting them takes 0.1 s


class Overlap(StrEnum):
    """What happens at a moment at which the schedule's previous job still runs."""

    SKIP = "skip"
    ALLOW = "allow"


class _Cron(msgspec.Struct, frozen=True):
    cron: str


class Schedule(_Cron, frozen=True, kw_only=True):
    """Declares when a task runs: `@task("report", schedules=[Schedule("30 2 * * *")])`.

    cron: minute, hour, day of the month, month and day of the week, as Debian's cron reads them.
    timezone: an IANA name, such as Europe/Berlin.
    params: the jobs' params, as JSON has them.
    owner: the jobs' owner. A stage whose callers need credentials requires one.
    name: the schedule's, one of its owner's; by default the task's, with a number from the second
        on.
    overlap: `skip` cancels a job whose predecessor still runs; `allow` runs both.
    """

    timezone: str = "UTC"
    params: Mapping[str, Any] | None = None
    owner: str | None = None
    name: str | None = None
    overlap: Literal["skip", "allow"] = "skip"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a schedule does: the part of it that an edit sets. `params` is JSON text."""

    cron: str
    timezone: str
    task: str
    params: str
    overlap: Overlap
    paused: bool = False
    declared: bool = False  # by code; clients cannot edit it


def schedule_id(owner: str, name: str) -> str:
    """A name holds no `#`."""
    return f"{PREFIX}{owner}#{name}"


class ScheduleRecord(msgspec.Struct, frozen=True, kw_only=True):
    owner: str
    name: str
    uid: str  # tells this schedule from a deleted one of the same name
    nonce: str  # of the last write
    version: str  # the nonce of the last edit
    created_at: int
    updated_at: int  # of the last edit

    cron: str
    timezone: str
    task: str
    params: str
    overlap: Overlap
    paused: bool = False
    declared: bool = False

    next_at: int | None = None  # the moment to submit next; None: paused, or none will come
    last_at: int | None = None  # the latest moment that was submitted
    last_job: str | None = None
    base: str | None = None  # what the API's URLs began with at the last edit by a client
    under_way: str | None = None  # the job that runs, or ran last; only with `skip`
    missed: int = 0  # moments without a job, because the stage stood still

    @property
    def id(self) -> str:
        return schedule_id(self.owner, self.name)

    @property
    def due_at(self) -> int | None:
        return None if self.next_at is None else self.next_at - DISPATCH_AHEAD

    @property
    def plan(self) -> Plan:
        return Plan(
            cron=self.cron,
            timezone=self.timezone,
            task=self.task,
            params=self.params,
            overlap=self.overlap,
            paused=self.paused,
            declared=self.declared,
        )

    @property
    def ref(self) -> ScheduleRef:
        return ScheduleRef(self.name, self.uid)

    def job_id(self, moment: int) -> str:
        """A moment has one id, so it gets one job, however often it is submitted. The uid cannot
        be guessed."""
        return hashlib.sha256(f"{PREFIX}{self.uid} {moment}".encode()).hexdigest()[:32]

    def coming(self, count: int, now: int) -> list[int]:
        """The next moments. The jobs of some wait already: an edit since has not changed these."""
        if self.paused:
            return []
        known = {one for one in (self.last_at, self.next_at) if one is not None and one > now}
        by_the_clock = islice(moments(self.cron, self.timezone, now), count)
        return sorted(known.union(by_the_clock))[:count]


class Build(msgspec.Struct, frozen=True):
    """A build of the code, by a hash of the schedules that it declares, and their ids."""

    hash: str = ""
    ids: tuple[str, ...] = ()


def _planned(plan: Plan) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in Plan.__struct_fields__}


def _first(plan: Plan, after: int) -> int | None:
    return None if plan.paused else next(moments(plan.cron, plan.timezone, after), None)


def created(owner: str, name: str, plan: Plan, stamp: Stamp) -> ScheduleRecord:
    return ScheduleRecord(
        owner=owner,
        name=name,
        uid=stamp.nonce,
        nonce=stamp.nonce,
        version=stamp.nonce,
        created_at=stamp.now,
        updated_at=stamp.now,
        next_at=_first(plan, stamp.now),
        **_planned(plan),
    )


def edited(record: ScheduleRecord, plan: Plan, stamp: Stamp) -> ScheduleRecord:
    """Counts from the next moment on: a moment that is due already may have been submitted, so it
    stays, and no moment is submitted again."""
    is_due = record.due_at is not None and record.due_at <= stamp.now
    if is_due and not plan.paused:
        next_at = record.next_at
    else:
        next_at = _first(plan, max(stamp.now, record.last_at or 0))
    return replace(
        record,
        nonce=stamp.nonce,
        version=stamp.nonce,
        updated_at=stamp.now,
        next_at=next_at,
        **_planned(plan),
    )


def advanced(record: ScheduleRecord, stamp: Stamp) -> tuple[ScheduleRecord, int | None]:
    """The schedule after the moment that is due, and this moment. Of moments that have passed, the
    latest is made up for, and the others are counted. None: so many have passed that this step
    only counts."""
    assert record.next_at is not None
    following = moments(record.cron, record.timezone, record.next_at)
    until_now = takewhile(lambda one: one <= stamp.now, chain([record.next_at], following))
    passed = list(islice(until_now, MISSED_AT_ONCE + 1))
    if len(passed) > MISSED_AT_ONCE:
        missed = record.missed + MISSED_AT_ONCE
        return replace(record, nonce=stamp.nonce, next_at=passed[-1], missed=missed), None
    moment = passed[-1] if passed else record.next_at
    after = replace(
        record,
        nonce=stamp.nonce,
        next_at=_first(record.plan, moment),
        last_at=moment,
        last_job=record.job_id(moment),
        missed=record.missed + max(len(passed) - 1, 0),
    )
    return after, moment
