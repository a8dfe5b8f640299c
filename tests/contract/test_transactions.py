"""A verb's write together with another job: both or none, and who loses is told why as ever."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from chalicelib.domain import verbs
from chalicelib.domain.errors import ConditionFailed, Unavailable
from chalicelib.domain.job import JobRecord, Status, Webhook
from chalicelib.domain.webhooks import webhook_job, webhook_job_ids
from chalicelib.domain.writes import Write
from chalicelib.ports.stores import JobStore
from tests.contract.conftest import Stores
from tests.records import LEASE, NOW, PROBLEM, new_id, queued, running, stamp

WEBHOOK = Webhook(
    "https://ada.example/hook", (Status.FAILED, Status.SUCCEEDED), "https://jobs.test"
)


def failing(record: JobRecord) -> Write:
    return verbs.fail(record, stamp(), verbs.PendingOutput(), PROBLEM).held_to(record)


def told(record: JobRecord, write: Write) -> JobRecord:
    return webhook_job(write.applied_to(record), '{"type":"job.failed"}', new_id())


def test_both_happen_and_the_record_after_it_is_known(jobs: JobStore) -> None:
    record = running(webhook=WEBHOOK)
    jobs.submit(record)
    write = failing(record)
    delivery = told(record, write)
    after = jobs.apply_and_submit(record, write, delivery)
    assert after == write.applied_to(record)
    assert jobs.read(record.id) == after
    assert jobs.read(delivery.id) == delivery
    assert jobs.read_many(webhook_job_ids(after)) == [delivery]


def test_neither_happens_where_the_lease_is_lost(jobs: JobStore) -> None:
    slow = running(webhook=WEBHOOK)
    jobs.submit(slow)
    rescued = jobs.apply(slow.id, verbs.rescue(slow, stamp(NOW + LEASE)))
    write = failing(slow)
    delivery = told(slow, write)
    with pytest.raises(ConditionFailed) as lost:
        jobs.apply_and_submit(slow, write, delivery)
    assert lost.value.current == rescued
    assert jobs.read(slow.id) == rescued
    assert jobs.read(delivery.id) is None


def test_neither_happens_where_the_record_is_not_as_it_was_read(jobs: JobStore) -> None:
    """The verb alone would be allowed: but what the delivery tells would not be so."""
    record = running(webhook=WEBHOOK)
    jobs.submit(record)
    canceled = jobs.apply(record.id, verbs.request_cancel(record, stamp()))
    write = failing(record)
    with pytest.raises(ConditionFailed) as lost:
        jobs.apply_and_submit(record, write, told(record, write))
    assert lost.value.current == canceled
    assert jobs.read(record.id) == canceled


def test_neither_happens_where_the_job_is_gone(jobs: JobStore) -> None:
    record = running(webhook=WEBHOOK)
    write = failing(record)
    delivery = told(record, write)
    with pytest.raises(ConditionFailed) as lost:
        jobs.apply_and_submit(record, write, delivery)
    assert lost.value.current is None
    assert jobs.read(delivery.id) is None


def test_neither_happens_where_the_other_job_exists(jobs: JobStore) -> None:
    record = running(webhook=WEBHOOK)
    jobs.submit(record)
    write = failing(record)
    another = dataclasses.replace(told(record, write), uid=new_id(), nonce=new_id())
    jobs.submit(another)
    with pytest.raises(Unavailable):
        jobs.apply_and_submit(record, write, told(record, write))
    assert jobs.read(record.id) == record
    assert jobs.read(another.id) == another


def test_an_author_knows_its_own_write(jobs: JobStore) -> None:
    """Its answer was lost, and the SDK repeated it."""
    record = running(webhook=WEBHOOK)
    jobs.submit(record)
    write = failing(record)
    delivery = told(record, write)
    first = jobs.apply_and_submit(record, write, delivery)
    assert jobs.apply_and_submit(record, write, delivery) == first
    assert jobs.read(record.id) == first
    assert jobs.read(delivery.id) == delivery


def test_a_delivery_is_due_like_any_job_and_nobodys_to_list(jobs: JobStore) -> None:
    record = running(webhook=WEBHOOK)
    jobs.submit(record)
    write = failing(record)
    delivery = told(record, write)
    jobs.apply_and_submit(record, write, delivery)
    assert delivery.due is not None
    assert delivery.due_at is not None
    assert list(jobs.due(delivery.due, delivery.due_at)) == [delivery.id]
    assert [job_id for _, job_id in jobs.owned("ada", None, 10)] == [record.id]


def test_it_is_no_item_of_the_owners_index(tables: Stores) -> None:
    record = running(webhook=WEBHOOK)
    write = failing(record)
    delivery = told(record, write)
    tables.jobs.submit(delivery)
    [item] = tables.table_client.scan(TableName=tables.table)["Items"]
    assert item["pk"]["S"] == delivery.id
    assert not {"owner_shard", "owner_key"} & set(item)


def test_a_webhook_is_kept_as_it_was_given(jobs: JobStore) -> None:
    record: Any = queued(webhook=WEBHOOK)
    jobs.submit(record)
    assert jobs.read(record.id) == record
