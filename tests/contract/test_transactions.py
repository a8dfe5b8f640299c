"""A verb's write within a transaction, beside the put of another job: all or nothing, and who
loses is told by which part, with the item as it is."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.aws.items import Expressions, item_of, record_of
from chalicelib.domain import verbs
from chalicelib.domain.job import JobRecord
from chalicelib.domain.writes import Write
from tests.contract.conftest import SHARDS, Stores
from tests.records import LEASE, NOW, PROBLEM, queued, running, stamp


def finish_and_submit(stores: Stores, record: JobRecord, write: Write, also: JobRecord) -> Any:
    update = Expressions(record.id, SHARDS).of(write)
    both: Any = [
        {
            "Update": {
                "TableName": stores.table,
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                **update,
            }
        },
        {
            "Put": {
                "TableName": stores.table,
                "Item": item_of(also, SHARDS),
                "ConditionExpression": "attribute_not_exists(pk)",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        },
    ]
    return stores.table_client.transact_write_items(TransactItems=both)


def failing(record: JobRecord) -> Write:
    return verbs.fail(record, stamp(), verbs.Findings(), PROBLEM)


def test_both_happen(tables: Stores) -> None:
    record, also = running(), queued()
    tables.jobs.submit(record)
    write = failing(record)
    finish_and_submit(tables, record, write, also)
    assert tables.jobs.read(record.id) == write.applied_to(record)
    assert tables.jobs.read(also.id) == also


def test_neither_happens_where_the_lease_is_lost_and_the_reason_holds_the_item(
    tables: Stores,
) -> None:
    slow, also = running(), queued()
    tables.jobs.submit(slow)
    rescued = tables.jobs.apply(slow.id, verbs.rescue(slow, stamp(NOW + LEASE)))
    with pytest.raises(ClientError) as canceled:
        finish_and_submit(tables, slow, failing(slow), also)
    response: Any = canceled.value.response
    first, second = response["CancellationReasons"]
    assert response["Error"]["Code"] == "TransactionCanceledException"
    assert (first["Code"], second["Code"]) == ("ConditionalCheckFailed", "None")
    assert record_of(first["Item"]) == rescued
    assert tables.jobs.read(also.id) is None


def test_neither_happens_where_the_other_job_exists(tables: Stores) -> None:
    record, also = running(), queued()
    tables.jobs.submit(record)
    tables.jobs.submit(also)
    with pytest.raises(ClientError) as canceled:
        finish_and_submit(tables, record, failing(record), also)
    response: Any = canceled.value.response
    first, second = response["CancellationReasons"]
    assert (first["Code"], second["Code"]) == ("None", "ConditionalCheckFailed")
    assert record_of(second["Item"]) == also
    assert tables.jobs.read(record.id) == record
