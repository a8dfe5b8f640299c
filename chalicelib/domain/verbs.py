"""The verbs: each builds the one conditional write that makes its transition, every clause of
its condition spelled out.

The caller decides on a record that may be stale. The write's condition checks what the decision
was based on. If it fails, the store returns the record as it is now, and the caller decides again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from chalicelib.domain.job import (
    HOUR,
    MINUTE,
    SUSPENDED,
    Artifact,
    DuePartition,
    Entry,
    JobRecord,
    Problem,
    Progress,
    Status,
    Stored,
    WaitReason,
)
from chalicelib.domain.transitions import (
    REMIND_AFTER,
    Stamp,
    due_while_queued,
    finish,
    requeue,
    starts,
    write,
)
from chalicelib.domain.writes import AtLeast, AtMost, Clause, Is, OneOf, Verb, Write

REMIND_AT_MOST = HOUR
LOOK_AT_MOST = 15 * MINUTE  # between two looks at what a suspended job waits for
CLAIMABLE = sorted(set(WaitReason) - SUSPENDED)
NO_CANCEL = Is("cancel_requested", False)


def lease_is_mine(record: JobRecord) -> Clause:
    return Is("lease_token", record.lease_token)


class PendingOutput(msgspec.Struct, frozen=True):
    """What an attempt has produced since the last write; part of its next write, whichever that
    is. None leaves the record's value."""

    progress: Progress | None = None
    checkpoint: Stored | None = None
    artifacts: tuple[Artifact, ...] | None = None

    def fields(self) -> dict[str, Any]:
        found = {
            "progress": self.progress,
            "checkpoint": self.checkpoint,
            "artifacts": self.artifacts,
        }
        return {name: value for name, value in found.items() if value is not None}

    def visible_on(self, record: JobRecord) -> bool:
        """Whether a client would see a difference (clients do not see checkpoints)."""
        shown = {name: value for name, value in self.fields().items() if name != "checkpoint"}
        return any(getattr(record, name) != value for name, value in shown.items())


# ── the way into the queue and out of it ──────────────────────────────────────────────────


def submit(record: JobRecord, now: int) -> JobRecord:
    """The record of a new job; the store keeps it only if its id does not exist."""
    scheduled = record.not_before > now
    return replace(
        record,
        status=Status.QUEUED,
        wait_reason=WaitReason.SCHEDULED if scheduled else WaitReason.BACKLOG,
        history=(Entry(at=now, verb=Verb.SUBMIT, status=Status.QUEUED),),
        **due_while_queued(record.not_before, record.deadline, now),
    )


def claim(generation: int, lease_token: str, lease_until: int, now: int) -> Write:
    """Take a queued job, knowing only what its message says.

    The lease token is fresh, so it serves as the nonce. The lease may not end after the deadline:
    the sweeper then finds a dead worker at the deadline, not later.
    """
    same_generation = Is("generation", generation)
    its_time_has_come = AtMost("not_before", now)
    it_is_not_suspended = OneOf("wait_reason", CLAIMABLE)
    lease_ends_by_the_deadline = AtLeast("deadline", lease_until)
    return write(
        Verb.CLAIM,
        Status.RUNNING,
        Stamp(now, lease_token),
        (
            same_generation,
            its_time_has_come,
            it_is_not_suspended,
            NO_CANCEL,
            lease_ends_by_the_deadline,
        ),
        {
            "wait_reason": None,
            "lease_token": lease_token,
            "due": DuePartition.MUST,
            "due_at": lease_until,
            "reminders": 0,
        },
        put_if_absent={"started_at": now},
        increment={"attempt": 1},
    )


# ── the lease holder's side ───────────────────────────────────────────────────────────────


def heartbeat(record: JobRecord, stamp: Stamp, found: PendingOutput, lease_until: int) -> Write:
    """Renew the lease and store new output, in one write; the record it returns shows a cancel.

    The other verbs cannot be applied twice. A heartbeat could, and push the same change again, so
    it checks the nonce of the last write.
    """
    unchanged_since_the_last = Is("nonce", record.nonce)
    seen = {"updated_at": stamp.now} if found.visible_on(record) else {}
    return Write(
        verb=Verb.HEARTBEAT,
        nonce=stamp.nonce,
        when=(starts(Verb.HEARTBEAT), lease_is_mine(record), unchanged_since_the_last),
        put={"due": DuePartition.MUST, "due_at": lease_until, **found.fields(), **seen},
    )


def succeed(record: JobRecord, stamp: Stamp, found: PendingOutput, result: Stored) -> Write:
    progress = found.progress or record.progress
    complete = {"progress": replace(progress, percent=100.0)} if progress else {}
    outcome = {"result": result, "error": None, "checkpoint": None}
    changes = {**found.fields(), **complete, **outcome}
    return finish(Verb.SUCCEED, Status.SUCCEEDED, record, stamp, (lease_is_mine(record),), changes)


def fail(record: JobRecord, stamp: Stamp, found: PendingOutput, error: Problem) -> Write:
    changes = {**found.fields(), "error": error}
    return finish(Verb.FAIL, Status.FAILED, record, stamp, (lease_is_mine(record),), changes)


def retry_later(
    record: JobRecord, stamp: Stamp, found: PendingOutput, error: Problem, not_before: int
) -> Write:
    """For a record with attempts left; only the lease holder can change their number."""
    changes = {**found.fields(), "error": error, "not_before": not_before}
    guard = (lease_is_mine(record), NO_CANCEL)
    return requeue(Verb.RETRY_LATER, WaitReason.BACKOFF, record, stamp, guard, changes)


def continue_(record: JobRecord, stamp: Stamp, found: PendingOutput) -> Write:
    """Hand the job to a fresh invocation. Not a new attempt, since it saved a new checkpoint."""
    changes = {**found.fields(), "attempt": record.attempt - 1}
    guard = (lease_is_mine(record), NO_CANCEL)
    return requeue(Verb.CONTINUE, WaitReason.CONTINUING, record, stamp, guard, changes)


def acknowledge_cancel(record: JobRecord, stamp: Stamp, found: PendingOutput) -> Write:
    guard = (lease_is_mine(record), Is("cancel_requested", True))
    return finish(Verb.ACKNOWLEDGE_CANCEL, Status.CANCELED, record, stamp, guard, found.fields())


# ── the sweeper's side ────────────────────────────────────────────────────────────────────


def rescue(record: JobRecord, stamp: Stamp) -> Write:
    """Take a job from a worker whose lease expired, and queue or finish it."""
    lease_is_still_that_one = Is("lease_token", record.lease_token)
    lease_has_expired = AtMost("due_at", stamp.now)
    cancel_is_as_decided_on = Is("cancel_requested", record.cancel_requested)
    guard = (lease_is_still_that_one, lease_has_expired, cancel_is_as_decided_on)
    lost = {
        "error": Problem(
            type="/problems/worker-lost",
            title="The worker stopped without finishing",
            detail="It crashed, ran out of memory or ran into its time limit.",
        )
    }
    if record.cancel_requested:
        return finish(Verb.RESCUE, Status.CANCELED, record, stamp, guard, {})
    if record.attempt >= record.max_attempts:
        return finish(Verb.RESCUE, Status.FAILED, record, stamp, guard, lost)
    return requeue(Verb.RESCUE, WaitReason.RESCUED, record, stamp, guard, lost)


def remind(record: JobRecord, stamp: Stamp) -> Write:
    """Send the message once more; the next reminder is twice as far off."""
    return _due_later(Verb.REMIND, record, stamp)


def postpone(record: JobRecord, stamp: Stamp) -> Write:
    """As a reminder, but without the message: that one still waits, in all likelihood."""
    return _due_later(Verb.POSTPONE, record, stamp)


def _due_later(verb: Verb, record: JobRecord, stamp: Stamp) -> Write:
    due_as_decided_on = Is("due_at", record.due_at)
    at_most, ends = REMIND_AT_MOST, record.deadline
    if record.suspended and record.wait is not None:
        at_most = LOOK_AT_MOST
        if record.wait.until is not None and record.wait.until > stamp.now:
            ends = min(ends, record.wait.until)
    wait = min(REMIND_AFTER * 2 ** min(record.reminders + 1, 10), at_most)
    due = due_while_queued(record.not_before, ends, stamp.now, wait)
    changes = {"reminders": record.reminders + 1, **due}
    when = (starts(verb), due_as_decided_on)
    return Write(verb=verb, nonce=stamp.nonce, when=when, put=changes)


def expire(record: JobRecord, stamp: Stamp) -> Write:
    deadline_has_passed = AtMost("deadline", stamp.now)
    error = Problem(
        type="/problems/deadline-exceeded",
        title="The deadline has passed",
        detail=f"The job was {record.status} when its time was up.",
    )
    return finish(
        Verb.EXPIRE, Status.FAILED, record, stamp, (deadline_has_passed,), {"error": error}
    )


# ── the client's side ─────────────────────────────────────────────────────────────────────


def cancel(record: JobRecord, stamp: Stamp) -> Write:
    return finish(Verb.CANCEL, Status.CANCELED, record, stamp, (), {})


def request_cancel(record: JobRecord, stamp: Stamp) -> Write:
    """Set a flag that the worker reads with its next heartbeat."""
    changes = {"cancel_requested": True}
    return write(Verb.REQUEST_CANCEL, Status.RUNNING, stamp, (NO_CANCEL,), changes, record)


def retry(record: JobRecord, stamp: Stamp) -> Write:
    """Begin another generation: workers ignore messages of the old one."""
    return again(record, stamp, stamp.now + record.time_limit, {})


def again(record: JobRecord, stamp: Stamp, deadline: int, more: Mapping[str, Any]) -> Write:
    """A retry with this deadline, and further changes."""
    unchanged_since_it_was_read = Is("nonce", record.nonce)
    fresh = replace(record, not_before=stamp.now, deadline=deadline)
    changes = {
        **more,
        "generation": record.generation + 1,
        "attempt": 0,
        "not_before": fresh.not_before,
        "deadline": fresh.deadline,
        "cancel_requested": False,
        "error": None,
        "started_at": None,
        "finished_at": None,
        "expires_at": None,
    }
    guard = (unchanged_since_it_was_read,)
    return requeue(Verb.RETRY, WaitReason.BACKLOG, fresh, stamp, guard, changes)


def watch(record: JobRecord, stamp: Stamp) -> Write:
    """From now on every change is pushed to the job's subscribers. Clients do not see the flag."""
    same_record = Is("uid", record.uid)
    when = (starts(Verb.WATCH), same_record)
    return Write(verb=Verb.WATCH, nonce=stamp.nonce, when=when, put={"watched": True})


def erase(record: JobRecord, stamp: Stamp) -> Write:
    """Hide the job from every read. Deleting the rest is due like all other work, and TTL may not
    delete the record before that is done."""
    same_record = Is("uid", record.uid)
    changes = {"due": DuePartition.ERASE, "due_at": stamp.now, "expires_at": None}
    return Write(
        verb=Verb.ERASE,
        nonce=stamp.nonce,
        when=(starts(Verb.ERASE), same_record),
        put={**changes, "status": Status.ERASING},
    )
