"""What DynamoDB answers besides yes and no."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chalicelib.aws.conditional import PAUSES
from chalicelib.aws.items import item_of
from chalicelib.aws.jobs_table import JobsTable
from chalicelib.domain import verbs
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.job import JobRecord
from tests.records import LEASE, NOW, fresh, queued


class Client:
    """Answers an update with these errors, one after another, and then with a record."""

    def __init__(self, record: JobRecord, *errors: Exception) -> None:
        self.record, self.errors, self.calls = record, list(errors), 0

    def update_item(self, **_: Any) -> dict[str, Any]:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return {"Attributes": item_of(self.record, JobsTable(lambda: None, "t").shards)}  # type: ignore[arg-type,return-value]


def claimed(client: Client, pause: Callable[[float], None]) -> JobRecord:
    table = JobsTable(lambda: client, "jobs", pause=pause)  # type: ignore[arg-type,return-value]
    return table.apply(client.record.id, verbs.claim(0, fresh(), NOW + LEASE, NOW))


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "UpdateItem")


def test_a_transaction_under_way_is_waited_for_and_is_no_lost_lease() -> None:
    record = queued()
    paused: list[float] = []
    client = Client(record, *[error("TransactionConflictException")] * 3)
    assert claimed(client, paused.append) == record
    assert paused == list(PAUSES[:3])


def test_a_transaction_that_does_not_end_is_unavailable_in_the_end() -> None:
    client = Client(queued(), *[error("TransactionConflictException")] * 99)
    with pytest.raises(Unavailable):
        claimed(client, lambda _: None)
    assert client.calls == len(PAUSES) + 1


@pytest.mark.parametrize(
    "failure",
    [
        error("ProvisionedThroughputExceededException"),
        error("InternalServerError"),
        error("AccessDeniedException"),
        EndpointConnectionError(endpoint_url="http://127.0.0.1"),
    ],
)
def test_whatever_else_goes_wrong_is_unavailable(failure: Exception) -> None:
    with pytest.raises(Unavailable):
        claimed(Client(queued(), failure), lambda _: None)
