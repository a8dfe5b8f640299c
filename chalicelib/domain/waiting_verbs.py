"""The verbs of jobs that wait, as those in verbs.py."""

from __future__ import annotations

from typing import Any

from chalicelib.domain.job import SUSPENDED, JobRecord, Problem, Status, Wait, WaitReason
from chalicelib.domain.transitions import Stamp, finish, requeue
from chalicelib.domain.verbs import NO_CANCEL, PendingOutput, lease_is_mine
from chalicelib.domain.writes import Is, OneOf, Verb, Write


def sleep(record: JobRecord, stamp: Stamp, found: PendingOutput, wait: Wait) -> Write:
    """Go on at `wait.until`, as a scheduled job begins. Not a new attempt."""
    changes = {**_stopping_at(record, found, wait), "not_before": wait.until}
    guard = (lease_is_mine(record), NO_CANCEL)
    return requeue(Verb.SLEEP, wait.reason, record, stamp, guard, changes)


def suspend(record: JobRecord, stamp: Stamp, found: PendingOutput, wait: Wait) -> Write:
    """Stop running until `wake`. Not a new attempt, and no message is sent. Whatever the job waits
    for may have happened before this write, so look at it afterwards."""
    changes = _stopping_at(record, found, wait)
    guard = (lease_is_mine(record), NO_CANCEL)
    return requeue(Verb.SUSPEND, wait.reason, record, stamp, guard, changes, wait.until)


def _stopping_at(record: JobRecord, found: PendingOutput, wait: Wait) -> dict[str, Any]:
    return {**found.fields(), "attempt": record.attempt - 1, "wait": wait}


def abandon(record: JobRecord, stamp: Stamp, why: Problem) -> Write:
    """For a worker that finds that this job may not run."""
    guard = (lease_is_mine(record),)
    return finish(Verb.ABANDON, Status.CANCELED, record, stamp, guard, {"error": why})


def wake(record: JobRecord, stamp: Stamp) -> Write:
    """Let a suspended job run again."""
    it_is_suspended = OneOf("wait_reason", sorted(SUSPENDED))
    by_the_wait_that_came_true = Is("nonce", record.nonce)
    guard = (it_is_suspended, by_the_wait_that_came_true)
    return requeue(Verb.WAKE, WaitReason.BACKLOG, record, stamp, guard, {})
