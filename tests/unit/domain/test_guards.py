"""What each verb's condition holds it to: each clause, violated alone, makes the write fail.

The table below says it a second time, so that no clause can be dropped or made weaker unnoticed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.domain.errors import ConditionFailed
from chalicelib.domain.job import DAY, SUSPENDED, TERMINAL, JobRecord, Status, WaitReason
from chalicelib.domain.transitions import TABLE
from chalicelib.domain.writes import Verb, Write
from chalicelib.memory.stores import MemoryJobs
from tests.clauses import LONG, Weakness, weakened, weaknesses, written
from tests.records import LATER, LEASE, NOW, OPEN_MAP, PARENT, queued

Values = tuple[Collection[Any], Collection[Any]]
"""Values of a field that allow the write, and others that do not."""
Guard = Callable[[Any], Values]
"""Made of the value that the verb was decided on."""


def as_read(value: Any) -> Values:
    match value:
        case bool():
            return [value], [not value, None]
        case int():
            return [value], [value - 1, value + 1, None]
        case _:
            return [value], [f"{value}0", None]


def exactly(value: Any) -> Guard:
    return lambda _: as_read(value)


def only(*statuses: Status) -> Guard:
    return lambda _: (statuses, set(Status).difference(statuses))


def among(*reasons: WaitReason) -> Guard:
    return lambda _: (reasons, set(WaitReason).difference(reasons))


def at_most(limit: int) -> Guard:
    return lambda _: ([limit, limit - DAY], [limit + 1, None])


def at_least(limit: int) -> Guard:
    return lambda _: ([limit, limit + DAY], [limit - 1, None])


QUEUED, RUNNING = {"status": only(Status.QUEUED)}, {"status": only(Status.RUNNING)}
HOLDER = {**RUNNING, "lease_token": as_read}
FAMILY: dict[str, Guard] = {
    "maps": lambda value: ([value], [(OPEN_MAP,)]),
    "parent": lambda value: ([value], [PARENT]),
}
NO_CANCEL = {"cancel_requested": exactly(False)}

GUARDS: dict[Verb, dict[str, Guard]] = {
    Verb.CLAIM: {
        **QUEUED,
        **NO_CANCEL,
        "generation": exactly(0),
        "not_before": at_most(NOW),
        "deadline": at_least(NOW + LEASE),
        "wait_reason": among(*set(WaitReason) - SUSPENDED),
    },
    Verb.HEARTBEAT: {**HOLDER, "nonce": as_read},
    Verb.SUCCEED: HOLDER,
    Verb.FAIL: HOLDER,
    Verb.RETRY_LATER: {**HOLDER, **NO_CANCEL},
    Verb.CONTINUE: {**HOLDER, **NO_CANCEL},
    Verb.SLEEP: {**HOLDER, **NO_CANCEL},
    Verb.SUSPEND: {**HOLDER, **NO_CANCEL},
    Verb.WAKE: {**QUEUED, "wait_reason": among(*SUSPENDED), "nonce": as_read},
    Verb.ABANDON: HOLDER,
    Verb.CANCEL: QUEUED,
    Verb.REQUEST_CANCEL: {**RUNNING, **NO_CANCEL},
    Verb.ACKNOWLEDGE_CANCEL: {**HOLDER, "cancel_requested": exactly(True)},
    Verb.RESCUE: {**HOLDER, "due_at": at_most(LATER), "cancel_requested": as_read},
    Verb.REMIND: {**QUEUED, "due_at": as_read},
    Verb.POSTPONE: {**QUEUED, "due_at": as_read},
    Verb.EXPIRE: {"status": only(Status.QUEUED, Status.RUNNING), "deadline": at_most(NOW + DAY)},
    Verb.RETRY: {"status": only(Status.FAILED, Status.CANCELED), "nonce": as_read},
    Verb.ERASE: {"status": only(*TERMINAL), "uid": as_read},
    Verb.OPEN_MAP: HOLDER,
    Verb.ADOPT: {
        "status": only(Status.QUEUED, Status.RUNNING, Status.SUCCEEDED),
        "nonce": as_read,
    },
    Verb.WATCH: {"status": only(*set(Status) - {Status.ERASING}), "uid": as_read},
}
CUT_SHORT = {"nonce": as_read}  # of a write that shortens the history
WRITTEN = list(written())


def guards_of(record: JobRecord, write: Write) -> dict[str, Guard]:
    shortens = record.history == LONG and "history" in write.put
    ends = write.put.get("status") in TERMINAL
    return {
        **GUARDS[Verb(write.verb)],
        **(CUT_SHORT if shortens else {}),
        **(FAMILY if ends else {}),
    }


def surprises(record: JobRecord, write: Write) -> list[str]:
    """Where a write is allowed or refused otherwise than the table says."""
    found = []
    for field, guard in guards_of(record, write).items():
        for values, allowed in zip(guard(getattr(record, field)), (True, False), strict=True):
            for value in values:
                jobs = MemoryJobs()
                jobs.submit(replace(record, **{field: value}))
                if happens(jobs, record.id, write) is not allowed:
                    found.append(f"{write.verb} where {field} is {value!r}")
    return found


def happens(jobs: MemoryJobs, job_id: str, write: Write) -> bool:
    before = jobs.records[job_id]
    try:
        jobs.apply(job_id, write)
    except ConditionFailed:
        assert jobs.records[job_id] is before
        return False
    return True


def test_every_verb_but_submit_which_is_a_put_has_its_guards() -> None:
    assert set(GUARDS) == {Verb(write.verb) for _, write in WRITTEN} == set(Verb) - {Verb.SUBMIT}


def test_every_verb_stands_in_the_table_and_leads_where_it_says() -> None:
    assert set(TABLE) == set(Verb)
    assert queued().status in TABLE[Verb.SUBMIT].end
    for record, write in WRITTEN:
        row, after = TABLE[Verb(write.verb)], write.applied_to(record)
        assert record.status in row.start
        assert after.status in (row.end or {record.status})


@pytest.mark.parametrize(("record", "write"), WRITTEN, ids=[write.verb for _, write in WRITTEN])
def test_a_verb_is_held_to_its_guards_and_to_nothing_else(record: JobRecord, write: Write) -> None:
    assert {clause.field for clause in write.when} == set(guards_of(record, write))
    assert surprises(record, write) == []


@pytest.mark.parametrize("weakness", weaknesses(), ids=str)
def test_a_clause_that_is_dropped_or_made_weaker_is_noticed(weakness: Weakness) -> None:
    assert noticed(weakness)


def noticed(weakness: Weakness) -> list[str]:
    with weakened(weakness):
        return [
            surprise
            for record, write in WRITTEN
            if write.verb == weakness.verb
            for surprise in surprises(record, write)
        ]
