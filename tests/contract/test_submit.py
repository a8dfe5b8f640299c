"""JobStore.submit: a record is stored where its id does not exist, and nowhere else."""

from __future__ import annotations

import pytest
from msgspec.structs import fields, replace

from chalicelib.domain import verbs
from chalicelib.domain.errors import ConditionFailed
from chalicelib.domain.job import (
    Artifact,
    DuePartition,
    JobRecord,
    Problem,
    Progress,
    ScheduleRef,
    Status,
    Stored,
    WaitReason,
    Webhook,
)
from chalicelib.ports.stores import JobStore
from tests.records import (
    NOW,
    OPEN_MAP,
    PARENT,
    QUESTION,
    failed,
    new_id,
    queued,
    running,
    stamp,
    succeeded,
)


def full() -> JobRecord:
    """A record with something in every field."""
    return replace(
        queued(),
        run_at=NOW,
        base="https://jobs.example",
        schedule=ScheduleRef("nightly", new_id()),
        wait=QUESTION,
        webhook=Webhook("https://ada.example/hook", (Status.FAILED,), "https://jobs.example"),
        watched=True,
        wait_reason=WaitReason.BACKOFF,
        generation=3,
        attempt=2,
        cancel_requested=True,
        lease_token=new_id(),
        due=DuePartition.MUST,
        due_at=NOW + 1,
        reminders=4,
        started_at=NOW,
        finished_at=NOW + 2,
        expires_at=NOW + 3,
        progress=Progress(12.5, 'half "way" ✓'),
        checkpoint=Stored(key="a/b"),
        result=Stored(text='{"number":1e300,"text":"\\u0001"}'),
        parent=PARENT,
        maps=(OPEN_MAP,),
        artifacts=(Artifact("a.csv", "text/csv", 5 * 1024**3, "k"),),
        error=Problem("/problems/x", "T", "d" * 2_000),
    )


def test_what_was_submitted_is_read_back_whole(jobs: JobStore) -> None:
    record = full()
    left_out = [one.name for one in fields(record) if getattr(record, one.name) == one.default]
    assert left_out == []
    jobs.submit(record)
    assert jobs.read(record.id) == record


def test_a_read_straight_after_finds_the_job(jobs: JobStore) -> None:
    record = queued()
    jobs.submit(record)
    assert jobs.read(record.id) == record


def test_an_unknown_id_reads_as_none(jobs: JobStore) -> None:
    assert jobs.read(new_id()) is None


@pytest.mark.parametrize("status", list(Status))
def test_an_id_that_exists_is_refused_with_what_exists(jobs: JobStore, status: Status) -> None:
    existing = replace(running(), status=status)
    jobs.submit(existing)
    with pytest.raises(ConditionFailed) as refused:
        jobs.submit(replace(queued(), id=existing.id))
    assert refused.value.current == existing
    assert jobs.read(existing.id) == existing


def test_an_expired_record_counts_as_present_until_it_is_gone(jobs: JobStore) -> None:
    expired = replace(succeeded(), expires_at=1_000)
    jobs.submit(expired)
    with pytest.raises(ConditionFailed) as refused:
        jobs.submit(replace(queued(), id=expired.id))
    assert refused.value.current == expired


def test_a_submit_repeated_because_its_answer_was_lost_succeeds(jobs: JobStore) -> None:
    record = queued()
    jobs.submit(record)
    jobs.submit(record)
    assert jobs.read(record.id) == record


def test_a_record_near_the_limit_of_an_item_is_stored(jobs: JobStore) -> None:
    record = replace(queued(), result=Stored(text='"' + "x" * 390_000 + '"'))
    jobs.submit(record)
    assert jobs.read(record.id) == record


def test_a_half_erased_record_still_takes_its_id(jobs: JobStore) -> None:
    record = failed()
    jobs.submit(record)
    erasing = jobs.apply(record.id, verbs.erase(record, stamp()))
    with pytest.raises(ConditionFailed) as refused:
        jobs.submit(replace(queued(), id=record.id))
    assert refused.value.current == erasing
    assert erasing.status is Status.ERASING
