"""What is due, and what is whose: the two indexes."""

from __future__ import annotations

import random

from chalicelib.domain import verbs
from chalicelib.domain.job import DAY, MINUTE, DuePartition, JobRecord
from chalicelib.ports.stores import JobStore
from tests.contract.conftest import Stores
from tests.lines import lines
from tests.records import LEASE, NOW, PARENT, failed, new_id, queued, running, stamp, succeeded


def stored(jobs: JobStore, *records: JobRecord) -> tuple[JobRecord, ...]:
    for record in records:
        jobs.submit(record)
    return records


def due(jobs: JobStore, partition: DuePartition, now: int) -> set[str]:
    return set(jobs.due(partition, now))


def test_a_queued_job_comes_due_for_a_reminder_two_minutes_on(jobs: JobStore) -> None:
    (job,) = stored(jobs, queued())
    assert due(jobs, DuePartition.REMIND, NOW + 2 * MINUTE - 1) == set()
    assert due(jobs, DuePartition.REMIND, NOW + 2 * MINUTE) == {job.id}
    assert due(jobs, DuePartition.MUST, NOW + DAY) == set()


def test_a_running_job_comes_due_when_its_lease_ends(jobs: JobStore) -> None:
    (job,) = stored(jobs, running())
    assert due(jobs, DuePartition.MUST, NOW + LEASE - 1) == set()
    assert due(jobs, DuePartition.MUST, NOW + LEASE) == {job.id}
    assert due(jobs, DuePartition.REMIND, NOW + DAY) == set()


def test_a_claim_moves_a_job_from_reminders_to_leases(jobs: JobStore) -> None:
    (job,) = stored(jobs, queued())
    jobs.apply(job.id, verbs.claim(0, new_id(), NOW + LEASE, NOW))
    assert due(jobs, DuePartition.REMIND, NOW + DAY) == set()
    assert due(jobs, DuePartition.MUST, NOW + DAY) == {job.id}


def test_a_finished_job_is_never_due(jobs: JobStore) -> None:
    stored(jobs, succeeded(), failed())
    assert (
        due(jobs, DuePartition.MUST, NOW + DAY)
        == due(jobs, DuePartition.REMIND, NOW + DAY)
        == set()
    )


def test_an_erasure_is_due_at_once(jobs: JobStore) -> None:
    (job,) = stored(jobs, failed())
    jobs.apply(job.id, verbs.erase(job, stamp()))
    assert due(jobs, DuePartition.ERASE, NOW) == {job.id}
    assert due(jobs, DuePartition.MUST, NOW) == due(jobs, DuePartition.REMIND, NOW) == set()


def test_what_is_due_is_told_oldest_first_over_all_shards(jobs: JobStore) -> None:
    many = stored(jobs, *(queued(NOW + age) for age in random.Random(3).sample(range(60), 60)))
    oldest_first = sorted(many, key=lambda job: job.due_at or 0)
    assert list(jobs.due(DuePartition.REMIND, NOW + DAY)) == [job.id for job in oldest_first]


def test_a_long_backlog_is_told_whole(jobs: JobStore) -> None:
    many = stored(jobs, *(queued() for _ in range(60)))
    assert due(jobs, DuePartition.REMIND, NOW + DAY) == {job.id for job in many}


def test_an_owners_jobs_are_listed_newest_first_page_by_page(jobs: JobStore) -> None:
    mine = stored(jobs, *(queued(NOW + age, owner="grace") for age in range(7)))
    stored(jobs, queued(owner="somebody else"))
    newest_first = [job.id for job in reversed(mine)]
    seen: list[str] = []
    before = None
    while page := jobs.owned("grace", before, 3):
        seen.extend(job_id for _, job_id in page)
        before = page[-1][0]
    assert seen == newest_first


def test_jobs_of_one_moment_are_listed_once_each(jobs: JobStore) -> None:
    same = stored(jobs, *(queued(owner="grace") for _ in range(5)))
    first = jobs.owned("grace", None, 2)
    rest = jobs.owned("grace", first[-1][0], 10)
    assert sorted(job_id for _, job_id in [*first, *rest]) == sorted(job.id for job in same)


def test_a_job_being_erased_is_listed_no_more(jobs: JobStore) -> None:
    (job,) = stored(jobs, failed(owner="grace"))
    jobs.apply(job.id, verbs.erase(job, stamp()))
    assert jobs.owned("grace", None, 10) == []


def test_an_owner_whose_name_begins_anothers_sees_only_his_own(jobs: JobStore) -> None:
    stored(jobs, queued(owner="a#0"), queued(owner="a"))
    assert len(jobs.owned("a", None, 10)) == len(jobs.owned("a#0", None, 10)) == 1


def test_many_records_are_read_in_the_order_asked_for(jobs: JobStore) -> None:
    many = stored(jobs, *(queued() for _ in range(130)))
    ids = [job.id for job in reversed(many)]
    asked = [*ids[:50], new_id(), *ids[50:]]
    assert [record.id for record in jobs.read_many(asked)] == ids


def test_a_record_that_cannot_be_read_hides_no_other(tables: Stores) -> None:
    before, broken, after = stored(tables.jobs, running(), running(), running())
    tables.table_client.update_item(
        TableName=tables.table,
        Key={"pk": {"S": broken.id}, "sk": {"S": "job"}},
        UpdateExpression="SET progress = :what",
        ExpressionAttributeValues={":what": {"S": '{"percent":null,"message":""}'}},
    )
    with lines() as said:
        found = tables.jobs.read_many([before.id, broken.id, after.id])
    assert found == [before, after]
    assert [(line["event"], line["job"]) for line in said] == [("record_unreadable", broken.id)]
    assert "traceback" in said[0]


def test_children_are_not_among_their_owners_jobs(jobs: JobStore) -> None:
    _, other = stored(jobs, queued(parent=PARENT), queued())
    assert [job_id for _, job_id in jobs.owned("ada", None, 10)] == [other.id]
