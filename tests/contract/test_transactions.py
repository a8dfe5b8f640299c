"""A verb's write together with another job: both or none, and who loses is told why as ever."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from chalicelib.domain import verbs
from chalicelib.domain.errors import ConditionFailed, Unavailable
from chalicelib.domain.job import JobRecord, Status, Webhook
from chalicelib.domain.webhooks import webhook_job, webhook_job_ids
from chalicelib.domain.writes import NewJob, Write
from chalicelib.ports.stores import JobStore
from tests.contract.conftest import Stores
from tests.records import LEASE, NOW, PROBLEM, new_id, queued, running, stamp

WEBHOOK = Webhook(
    "https://ada.example/hook", (Status.FAILED, Status.SUCCEEDED), "https://jobs.test"
)


def failing(record: JobRecord) -> tuple[Write, JobRecord]:
    """A write with its companion, and the companion's record."""
    write = verbs.fail(record, stamp(), verbs.PendingOutput(), PROBLEM)
    webhook = webhook_job(write.applied_to(record), '{"type":"job.failed"}', new_id())
    return write.held_to(record, NewJob(webhook)), webhook


def test_both_happen_and_the_record_after_it_is_known(jobs: JobStore) -> None:
    record = running(webhook=WEBHOOK)
    jobs.submit(record)
    write, webhook = failing(record)
    after = jobs.apply(record.id, write)
    assert after == write.applied_to(record)
    assert jobs.read(record.id) == after
    assert jobs.read(webhook.id) == webhook
    assert jobs.read_many(webhook_job_ids(after)) == [webhook]


def test_neither_happens_where_the_lease_is_lost(jobs: JobStore) -> None:
    slow = running(webhook=WEBHOOK)
    jobs.submit(slow)
    rescued = jobs.apply(slow.id, verbs.rescue(slow, stamp(NOW + LEASE)))
    write, webhook = failing(slow)
    with pytest.raises(ConditionFailed) as lost:
        jobs.apply(slow.id, write)
    assert lost.value.current == rescued
    assert jobs.read(slow.id) == rescued
    assert jobs.read(webhook.id) is None


def test_neither_happens_where_the_record_is_not_as_it_was_read(jobs: JobStore) -> None:
    """The verb alone would be allowed: but what the webhook tells would not be so."""
    record = running(webhook=WEBHOOK)
    jobs.submit(record)
    canceled = jobs.apply(record.id, verbs.request_cancel(record, stamp()))
    write, _ = failing(record)
    with pytest.raises(ConditionFailed) as lost:
        jobs.apply(record.id, write)
    assert lost.value.current == canceled
    assert jobs.read(record.id) == canceled


def test_neither_happens_where_the_job_is_gone(jobs: JobStore) -> None:
    record = running(webhook=WEBHOOK)
    write, webhook = failing(record)
    with pytest.raises(ConditionFailed) as lost:
        jobs.apply(record.id, write)
    assert lost.value.current is None
    assert jobs.read(webhook.id) is None


def test_neither_happens_where_the_other_job_exists(jobs: JobStore) -> None:
    record = running(webhook=WEBHOOK)
    jobs.submit(record)
    write, webhook = failing(record)
    another = structs.replace(webhook, uid=new_id(), nonce=new_id())
    jobs.submit(another)
    with pytest.raises(Unavailable):
        jobs.apply(record.id, write)
    assert jobs.read(record.id) == record
    assert jobs.read(another.id) == another


def test_an_author_knows_its_own_write(jobs: JobStore) -> None:
    """Its answer was lost, and the SDK repeated it."""
    record = running(webhook=WEBHOOK)
    jobs.submit(record)
    write, webhook = failing(record)
    first = jobs.apply(record.id, write)
    assert jobs.apply(record.id, write) == first
    assert jobs.read(record.id) == first
    assert jobs.read(webhook.id) == webhook


def test_a_webhook_is_due_like_any_job_and_not_listed(jobs: JobStore) -> None:
    record = running(webhook=WEBHOOK)
    jobs.submit(record)
    write, webhook = failing(record)
    jobs.apply(record.id, write)
    assert webhook.due is not None
    assert webhook.due_at is not None
    assert list(jobs.due(webhook.due, webhook.due_at)) == [webhook.id]
    assert [job_id for _, job_id in jobs.owned("ada", None, 10)] == [record.id]


def test_it_is_no_item_of_the_owners_index(tables: Stores) -> None:
    record = running(webhook=WEBHOOK)
    _, webhook = failing(record)
    tables.jobs.submit(webhook)
    [item] = tables.table_client.scan(TableName=tables.table)["Items"]
    assert item["pk"]["S"] == webhook.id
    assert not {"owner_shard", "owner_key"} & set(item)


def test_a_webhook_is_kept_as_it_was_given(jobs: JobStore) -> None:
    record: Any = queued(webhook=WEBHOOK)
    jobs.submit(record)
    assert jobs.read(record.id) == record
