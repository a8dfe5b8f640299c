"""The transitions of a job, all in `TABLE`. Below it is what the verbs (verbs.py) share: when a
waiting job is due, and what all verbs do that end in `queued` or in a terminal status.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec
from msgspec.structs import replace

from chalicelib.domain.job import MINUTE, SECOND, DuePartition, Entry, JobRecord, Status, WaitReason
from chalicelib.domain.writes import Clause, Is, OneOf, Verb, Write

REMIND_AFTER = 2 * MINUTE
LONGEST_MESSAGE_DELAY = 15 * MINUTE  # SQS quota on DelaySeconds
DISPATCH_AHEAD = 90 * SECOND  # a sweep every minute then finds a scheduled job in time
HISTORY_HEAD, HISTORY_TAIL = 8, 24
DETAIL_AT_MOST = 300  # characters of an error in the history: every write pays for the whole record


class Mark(StrEnum):
    """What a metric counts or measures at a transition."""

    SUBMITTED = "submitted"
    CLAIMED = "claimed"
    RAN = "ran"  # a run ended, if there was one
    RESCUED = "rescued"


class Transition(msgspec.Struct, frozen=True):
    """The facts about a verb that the code needs wherever it carries one out."""

    start: frozenset[Status]
    end: frozenset[Status]  # empty: the status stays
    by: str
    logged: bool
    visible: bool
    """It changes what clients see of the job, so it is pushed."""
    enqueues: bool
    """It sends the job's message, if it leaves the job queued."""
    mark: Mark | None


def _row(
    start: set[Status],
    end: set[Status],
    by: str,
    *,
    logged: bool = True,
    visible: bool = True,
    enqueues: bool = False,
    mark: Mark | None = None,
) -> Transition:
    return Transition(frozenset(start), frozenset(end), by, logged, visible, enqueues, mark)


_Q, _R = Status.QUEUED, Status.RUNNING
_S, _F, _C = Status.SUCCEEDED, Status.FAILED, Status.CANCELED
_RAN = Mark.RAN

# A heartbeat is not logged, and pushes by itself if it changes something that clients see.
TABLE: Mapping[Verb, Transition] = {
    Verb.SUBMIT: _row(set(), {_Q}, "API", enqueues=True, mark=Mark.SUBMITTED),
    Verb.CLAIM: _row({_Q}, {_R}, "worker", mark=Mark.CLAIMED),
    Verb.HEARTBEAT: _row({_R}, {_R}, "worker", logged=False, visible=False),
    Verb.SUCCEED: _row({_R}, {_S}, "worker", mark=_RAN),
    Verb.FAIL: _row({_R}, {_F}, "worker", mark=_RAN),
    Verb.RETRY_LATER: _row({_R}, {_Q}, "worker", enqueues=True, mark=_RAN),
    Verb.CONTINUE: _row({_R}, {_Q}, "worker", enqueues=True, mark=_RAN),
    Verb.SLEEP: _row({_R}, {_Q}, "worker", enqueues=True, mark=_RAN),
    Verb.SUSPEND: _row({_R}, {_Q}, "worker", mark=_RAN),
    Verb.WAKE: _row({_Q}, {_Q}, "worker, API", enqueues=True),
    Verb.ABANDON: _row({_R}, {_C}, "worker", mark=_RAN),
    Verb.CANCEL: _row({_Q}, {_C}, "API"),
    Verb.REQUEST_CANCEL: _row({_R}, {_R}, "API"),
    Verb.ACKNOWLEDGE_CANCEL: _row({_R}, {_C}, "worker", mark=_RAN),
    Verb.RESCUE: _row({_R}, {_Q, _F, _C}, "sweeper", enqueues=True, mark=Mark.RESCUED),
    Verb.REMIND: _row({_Q}, {_Q}, "sweeper", visible=False, enqueues=True),
    Verb.POSTPONE: _row({_Q}, {_Q}, "sweeper", visible=False),
    Verb.EXPIRE: _row({_Q, _R}, {_F}, "sweeper, worker, a read that notices", mark=_RAN),
    Verb.RETRY: _row({_F, _C}, {_Q}, "API, the parent's worker", enqueues=True),
    Verb.ERASE: _row({_S, _F, _C}, {Status.ERASING}, "API", visible=False),
    Verb.OPEN_MAP: _row({_R}, {_R}, "worker", logged=False, visible=False),
    Verb.ADOPT: _row({_Q, _R, _S}, set(), "the parent's worker", logged=False),
    Verb.WATCH: _row({_Q, _R, _S, _F, _C}, set(), "API", logged=False, visible=False),
}


class Stamp(msgspec.Struct, frozen=True):
    """The time of a write, and the nonce by which its author recognises it."""

    now: int
    nonce: str


# ── what the verbs share ──────────────────────────────────────────────────────────────────


def message_delay(not_before: int, now: int) -> int | None:
    """The delay of a job's message in whole seconds; None if SQS does not allow one that long,
    and the sweeper will send the message."""
    wait = max(not_before - now, 0)
    return None if wait > LONGEST_MESSAGE_DELAY else -(-wait // SECOND)


def due_while_queued(
    not_before: int, ends: int, now: int, wait: int = REMIND_AFTER
) -> dict[str, Any]:
    """`ends`: when the job must be looked at in any case, such as its deadline."""
    if message_delay(not_before, now) is None:
        due, due_at = DuePartition.MUST, not_before - DISPATCH_AHEAD
    else:
        due, due_at = DuePartition.REMIND, max(not_before, now) + wait
    if ends <= due_at:
        due, due_at = DuePartition.MUST, ends
    return {"due": due, "due_at": due_at}


def starts(verb: Verb) -> Clause:
    start = TABLE[verb].start
    return Is("status", *start) if len(start) == 1 else OneOf("status", sorted(start))


def requeue(
    verb: Verb,
    reason: WaitReason,
    record: JobRecord,
    stamp: Stamp,
    guard: tuple[Clause, ...],
    changes: Mapping[str, Any],
    until: int | None = None,
) -> Write:
    """For every verb that ends in `queued`; the caller that applies it also sends the message, if
    the verb's row says so. The job is due at `until` at the latest."""
    not_before = changes.get("not_before", stamp.now)
    ends = record.deadline if until is None else min(until, record.deadline)
    queued = {
        "wait_reason": reason,
        "not_before": not_before,
        "lease_token": None,
        "reminders": 0,
        **due_while_queued(not_before, ends, stamp.now),
    }
    return write(verb, Status.QUEUED, stamp, guard, {**changes, **queued}, record)


def finish(
    verb: Verb,
    end: Status,
    record: JobRecord,
    stamp: Stamp,
    guard: tuple[Clause, ...],
    changes: Mapping[str, Any],
) -> Write:
    """For every verb that ends in a terminal status: only the TTL is left. An internal job began
    when another job finished, and holds its content, so it expires together with that job. A child
    is kept for its parent. What its parent or its children need depends on both fields, so they
    must be as they were read."""
    kept_from = record.created_at if record.internal else stamp.now
    kept_until = record.parent.kept_until if record.parent else kept_from + record.retention
    maps_as_decided_on, parent_as_decided_on = Is("maps", record.maps), Is("parent", record.parent)
    finished = {
        "wait_reason": None,
        "lease_token": None,
        "due": None,
        "due_at": None,
        "finished_at": stamp.now,
        "expires_at": kept_until,
    }
    guard = (*guard, maps_as_decided_on, parent_as_decided_on)
    return write(verb, end, stamp, guard, {**changes, **finished}, record)


def write(
    verb: Verb,
    end: Status,
    stamp: Stamp,
    guard: tuple[Clause, ...],
    changes: Mapping[str, Any],
    record: JobRecord | None = None,
    *,
    put_if_absent: Mapping[str, Any] | None = None,
    increment: Mapping[str, int] | None = None,
) -> Write:
    """A transition: guarded by its row of the table, and added to the history."""
    if end not in TABLE[verb].end:
        raise AssertionError(f"the table has no {verb} to {end}")
    put = {**changes, "status": end, "updated_at": stamp.now}
    error = changes.get("error")
    entry = Entry(
        at=stamp.now,
        verb=verb,
        status=end,
        attempt=record.attempt if record else None,
        error=replace(error, detail=error.detail[:DETAIL_AT_MOST]) if error else None,
    )
    if record is not None and len(record.history) >= HISTORY_HEAD + HISTORY_TAIL:
        # The list is replaced by a shorter one, which must not lose an entry appended meanwhile.
        # Comparing lengths would not show it: a list shortened and appended to has the same one.
        unchanged_since_it_was_read = Is("nonce", record.nonce)
        guard = (*guard, unchanged_since_it_was_read)
        put["history"] = _shortened(record.history)
    return Write(
        verb=verb,
        nonce=stamp.nonce,
        when=(starts(verb), *guard),
        put=put,
        put_if_absent=put_if_absent or {},
        increment=increment or {},
        append=entry,
    )


def _shortened(history: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Makes room for one more: the first and last entries, and how many were dropped between."""
    keep_from = len(history) + 1 - HISTORY_TAIL
    out, tail = history[HISTORY_HEAD:keep_from], history[keep_from:]
    left_out = tail[0].left_out + sum(1 + entry.left_out for entry in out)
    return (*history[:HISTORY_HEAD], replace(tail[0], left_out=left_out), *tail[1:])
