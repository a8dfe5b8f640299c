"""What SQS refuses of a batch is sent again."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from chalicelib.aws.conditional import PAUSES
from chalicelib.aws.jobs_queue import JobsQueue
from chalicelib.domain.errors import Unavailable
from tests.records import queued


class Sqs:
    """Refuses the message of one job so many times."""

    def __init__(self, refused: str, times: int) -> None:
        self.refused, self.times = refused, times
        self.batches: list[list[str]] = []

    def send_message_batch(self, QueueUrl: str, Entries: list[Any]) -> dict[str, Any]:  # noqa: N803
        jobs = {one["Id"]: msgspec.json.decode(one["MessageBody"])["job"] for one in Entries}
        self.batches.append(list(jobs.values()))
        failed = [{"Id": id} for id, job in jobs.items() if job == self.refused]
        self.times -= bool(failed)
        return {"Failed": failed if self.times >= 0 else []}


def queue(sqs: Sqs) -> JobsQueue:
    client: Any = sqs
    return JobsQueue(lambda: client, {"default": "https://sqs/q"}, lambda _: None)


def test_only_the_messages_that_were_refused_are_sent_again() -> None:
    records = [queued() for _ in range(12)]
    sqs = Sqs(records[3].id, 2)
    queue(sqs).send_many(records)
    ids = [record.id for record in records]
    assert sqs.batches == [ids[:10], [ids[3]], [ids[3]], ids[10:]]


def test_a_message_that_is_refused_each_time_is_reported() -> None:
    record = queued()
    sqs = Sqs(record.id, 99)
    with pytest.raises(Unavailable):
        queue(sqs).send_many([record])
    assert len(sqs.batches) == len(PAUSES) + 1
