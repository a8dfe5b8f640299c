"""JobStore.apply: a write happens whole where all of its clauses hold, and not at all elsewhere.

Every verb is applied by the store and by `Write.applied_to`, and both must agree.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from chalicelib.domain import verbs
from chalicelib.domain.errors import ConditionFailed
from chalicelib.domain.job import Entry, JobRecord, Status
from chalicelib.domain.transitions import HISTORY_HEAD, HISTORY_TAIL, TABLE
from chalicelib.domain.writes import AtLeast, AtMost, Clause, Is, OneOf, Verb, Write
from chalicelib.ports.stores import JobStore
from tests.records import (
    FOUND,
    LEASE,
    NOW,
    PROBLEM,
    examples,
    failed,
    new_id,
    queued,
    running,
    stamp,
)

EXAMPLES = range(len(examples()))


def example(case: int) -> tuple[JobRecord, Write]:
    record, make = examples()[case]
    return record, make(record)


def test_there_is_an_example_of_every_verb() -> None:
    assert {example(case)[1].verb for case in EXAMPLES} == set(Verb) - {Verb.SUBMIT}


@pytest.mark.parametrize("case", EXAMPLES)
def test_a_write_that_is_allowed_makes_the_record_it_says(jobs: JobStore, case: int) -> None:
    record, write = example(case)
    jobs.submit(record)
    expected = write.applied_to(record)
    assert jobs.apply(record.id, write) == expected
    assert jobs.read(record.id) == expected


@pytest.mark.parametrize("case", EXAMPLES)
def test_a_write_repeated_because_its_answer_was_lost_succeeds_once(
    jobs: JobStore, case: int
) -> None:
    record, write = example(case)
    jobs.submit(record)
    once = jobs.apply(record.id, write)
    assert jobs.apply(record.id, write) == once


@pytest.mark.parametrize("case", EXAMPLES)
def test_a_write_from_any_other_status_changes_nothing(jobs: JobStore, case: int) -> None:
    record, write = example(case)
    others = set(Status) - TABLE[Verb(write.verb)].start
    assert others
    for status in others:
        other = replace(record, id=new_id(), status=status)
        jobs.submit(other)
        with pytest.raises(ConditionFailed) as refused:
            jobs.apply(other.id, write)
        assert refused.value.current == other
        assert jobs.read(other.id) == other


def test_a_write_to_a_job_that_is_not_there_makes_none(jobs: JobStore) -> None:
    missing = new_id()
    with pytest.raises(ConditionFailed) as refused:
        jobs.apply(missing, verbs.claim(0, new_id(), NOW + LEASE, NOW))
    assert refused.value.current is None
    assert jobs.read(missing) is None


Case = tuple[str, JobRecord, Callable[[JobRecord], Clause], bool]
CLAUSES: list[Case] = [
    ("equal", queued(), lambda r: Is("generation", 0), True),
    ("not equal", queued(), lambda r: Is("generation", 1), False),
    ("equal truth", queued(), lambda r: Is("cancel_requested", False), True),
    ("absent", queued(), lambda r: Is("lease_token", None), True),
    ("not absent", running(), lambda r: Is("lease_token", None), False),
    ("equal text", running(), lambda r: Is("lease_token", r.lease_token), True),
    ("one of", queued(), lambda r: OneOf("status", ["failed", "queued"]), True),
    ("none of", queued(), lambda r: OneOf("status", ["failed", "canceled"]), False),
    ("at most, at it", queued(), lambda r: AtMost("not_before", NOW), True),
    ("at most, over it", queued(), lambda r: AtMost("not_before", NOW - 1), False),
    ("at most, of nothing", queued(), lambda r: AtMost("finished_at", NOW), False),
    ("at least, at it", queued(), lambda r: AtLeast("not_before", NOW), True),
    ("at least, under it", queued(), lambda r: AtLeast("not_before", NOW + 1), False),
    ("at least, of nothing", queued(), lambda r: AtLeast("finished_at", NOW), False),
]


@pytest.mark.parametrize(
    ("record", "clause", "holds"), [case[1:] for case in CLAUSES], ids=[c[0] for c in CLAUSES]
)
def test_every_kind_of_clause_is_asked_as_in_memory(
    jobs: JobStore, record: JobRecord, clause: Callable[[JobRecord], Clause], holds: bool
) -> None:
    record = replace(record, id=new_id())
    jobs.submit(record)
    write = Write(verb=Verb.WATCH, nonce=new_id(), when=(clause(record),), put={"updated_at": NOW})
    if holds:
        assert jobs.apply(record.id, write) == write.applied_to(record)
    else:
        with pytest.raises(ConditionFailed):
            jobs.apply(record.id, write)


@pytest.mark.parametrize("canceled", [False, True])
def test_a_worker_that_lost_its_lease_can_write_nothing(jobs: JobStore, canceled: bool) -> None:
    slow = running(cancel_requested=canceled)
    taken = replace(slow, id=new_id(), lease_token=new_id())
    jobs.submit(taken)
    theirs = {verb for verb, row in TABLE.items() if row.by == "worker"} - {Verb.CLAIM}
    tried = {write.verb: write for _, make in examples() if (write := make(slow)).verb in theirs}
    assert set(tried) == theirs
    for write in tried.values():
        with pytest.raises(ConditionFailed) as refused:
            jobs.apply(taken.id, write)
        assert refused.value.current == taken


def test_a_claim_of_another_generation_changes_nothing(jobs: JobStore) -> None:
    broken = failed()
    jobs.submit(broken)
    again = jobs.apply(broken.id, verbs.retry(broken, stamp()))
    with pytest.raises(ConditionFailed):
        jobs.apply(broken.id, verbs.claim(0, new_id(), NOW + LEASE, NOW))
    assert jobs.apply(broken.id, verbs.claim(1, new_id(), NOW + LEASE, NOW)).attempt == 1
    assert again.generation == 1


def test_a_long_history_keeps_its_beginning_and_its_end(jobs: JobStore) -> None:
    record = queued()
    jobs.submit(record)
    for _ in range(30):
        busy = jobs.apply(record.id, verbs.claim(0, new_id(), NOW + LEASE, NOW))
        record = jobs.apply(record.id, verbs.continue_(busy, stamp(), FOUND))
    assert len(record.history) == HISTORY_HEAD + HISTORY_TAIL
    assert record.history[0].verb == "submit"
    assert record.history[-1].verb == "continue"
    assert sum(1 + entry.left_out for entry in record.history) == 61


def test_a_history_cut_short_loses_nothing_that_was_added_meanwhile(jobs: JobStore) -> None:
    entries = tuple(Entry(NOW, "claim", Status.RUNNING) for _ in range(HISTORY_HEAD + HISTORY_TAIL))
    busy = replace(running(), history=entries)
    jobs.submit(busy)
    told = jobs.apply(busy.id, replace(verbs.request_cancel(running(), stamp()), append=entries[0]))
    with pytest.raises(ConditionFailed) as refused:
        jobs.apply(busy.id, verbs.fail(busy, stamp(), FOUND, PROBLEM))
    assert refused.value.current == told
