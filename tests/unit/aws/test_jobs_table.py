"""What DynamoDB answers besides yes and no."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chalicelib.aws.batches import write_many
from chalicelib.aws.conditional import PAUSES
from chalicelib.aws.items import Shards, item_of
from chalicelib.aws.jobs_table import JobsTable
from chalicelib.domain import verbs
from chalicelib.domain.errors import ConditionFailed, Unavailable
from chalicelib.domain.job import JobRecord
from chalicelib.domain.writes import NewJob, Write
from tests.records import LEASE, NOW, new_id, queued, running, stamp


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
    return table.apply(client.record.id, verbs.claim(0, new_id(), NOW + LEASE, NOW))


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


# ── transactions ──────────────────────────────────────────────────────────────────────────


class Transacting:
    """Answers a transaction with these errors, one after another, and then well."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.calls = list(errors), 0

    def transact_write_items(self, **_: Any) -> dict[str, Any]:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return {}


def canceled(*reasons: dict[str, Any]) -> ClientError:
    response: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "no"},
        "CancellationReasons": list(reasons),
    }
    return ClientError(response, "TransactWriteItems")


NONE, FAILED = {"Code": "None"}, {"Code": "ConditionalCheckFailed"}
CONFLICT = {"Code": "TransactionConflict"}


def both(client: Transacting, record: JobRecord, write: Write) -> JobRecord:
    table = JobsTable(lambda: client, "jobs", pause=lambda _: None)  # type: ignore[arg-type,return-value]
    return table.apply(record.id, write.held_to(record, NewJob(queued())))


@pytest.mark.parametrize(
    "conflict",
    [
        canceled(CONFLICT, NONE),
        canceled(NONE, CONFLICT),
        canceled(CONFLICT, CONFLICT),
        canceled({"Code": "ThrottlingError"}, NONE),
        canceled(NONE, {"Code": "ProvisionedThroughputExceeded"}),
        error("TransactionInProgressException"),
        error("TransactionConflictException"),
    ],
)
def test_a_transaction_that_meets_another_is_tried_again(conflict: ClientError) -> None:
    record = running()
    write = verbs.cancel(record, stamp())
    client = Transacting(conflict, conflict)
    assert both(client, record, write) == write.applied_to(record)
    assert client.calls == 3
    with pytest.raises(Unavailable):
        both(Transacting(*[conflict] * 99), record, write)


def test_a_transaction_that_fails_by_its_own_effect_has_succeeded() -> None:
    record = running()
    write = verbs.cancel(record, stamp())
    after = write.applied_to(record)
    own = {**FAILED, "Item": item_of(after, Shards())}
    assert both(Transacting(canceled(own, FAILED)), record, write) == after


@pytest.mark.parametrize("second", [NONE, FAILED, CONFLICT])
def test_a_transaction_whose_condition_fails_tells_by_what(second: dict[str, Any]) -> None:
    record, other = running(), running()
    theirs = {**FAILED, "Item": item_of(other, Shards())}
    with pytest.raises(ConditionFailed) as lost:
        both(Transacting(canceled(theirs, second)), record, verbs.cancel(record, stamp()))
    assert lost.value.current == other
    with pytest.raises(ConditionFailed) as gone:
        both(Transacting(canceled(FAILED, second)), record, verbs.cancel(record, stamp()))
    assert gone.value.current is None


@pytest.mark.parametrize(
    "failure",
    [
        canceled(NONE, FAILED),
        error("InternalServerError"),
        error("AccessDeniedException"),
        EndpointConnectionError(endpoint_url="http://127.0.0.1"),
    ],
)
def test_a_transaction_that_fails_otherwise_is_unavailable(failure: Exception) -> None:
    record = running()
    client = Transacting(failure)
    with pytest.raises(Unavailable):
        both(client, record, verbs.cancel(record, stamp()))
    assert client.calls == 1


# ── batches ───────────────────────────────────────────────────────────────────────────────


class Busy:
    """Writes but one item of each batch, `times` times."""

    def __init__(self, times: int) -> None:
        self.times, self.written = times, list[Any]()

    def batch_write_item(self, RequestItems: Any) -> dict[str, Any]:  # noqa: N803
        [(table, requests)] = RequestItems.items()
        left = requests[1:] if self.times > 0 else []
        self.times -= 1
        self.written += requests[:1] if left else requests
        return {"UnprocessedItems": {table: left} if left else {}}


def test_what_a_busy_table_left_of_a_batch_is_written_after_a_pause() -> None:
    client, paused = Busy(times=2), list[float]()
    requests = [{"DeleteRequest": {"Key": number}} for number in range(30)]
    write_many(paused.append, client, "jobs", requests)  # type: ignore[arg-type]
    assert client.written == requests
    assert paused == list(PAUSES[:2])


def test_a_table_that_stays_busy_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        write_many(lambda _: None, Busy(times=99), "jobs", [{}, {}] * 9)  # type: ignore[arg-type]
