"""The queues, one for each lane. A lost message delays a job, but never loses it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from chalicelib.aws.conditional import PAUSES, pause_or_give_up
from chalicelib.aws.errors import unavailable
from chalicelib.domain.job import Hint, JobRecord
from chalicelib.domain.values import encode

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

SEND_AT_ONCE = 10  # messages: SQS's limit on SendMessageBatch


class JobsQueue(msgspec.Struct, frozen=True):
    """Implements ports.MessageQueue. `queues` maps a lane to its queue's URL, or to its name, which
    is looked up once per process."""

    client: Callable[[], SQSClient]
    queues: Mapping[str, str]
    pause: Callable[[float], None] = time.sleep
    _urls: dict[str, str] = {}

    def send(self, record: JobRecord, delay_seconds: int) -> None:
        with unavailable("queue"):
            self.client().send_message(
                QueueUrl=self._url(record.lane),
                MessageBody=encode(Hint(record.id, record.generation)),
                DelaySeconds=delay_seconds,
                MessageGroupId=_group(record.owner),
            )

    def send_many(self, records: Sequence[JobRecord]) -> None:
        rest = iter(records)
        while batch := list(islice(rest, SEND_AT_ONCE)):
            entries = {
                str(number): {
                    "Id": str(number),
                    "MessageBody": encode(Hint(record.id, record.generation)),
                    "MessageGroupId": _group(record.owner),
                }
                for number, record in enumerate(batch)
            }
            for seconds in (*PAUSES, None):
                with unavailable("queue"):
                    answer = self.client().send_message_batch(
                        QueueUrl=self._url(batch[0].lane),
                        Entries=list(entries.values()),  # type: ignore[arg-type]
                    )
                failed = [one["Id"] for one in answer.get("Failed", [])]
                if not failed:
                    break
                entries = {name: entries[name] for name in failed}
                pause_or_give_up(self.pause, seconds)

    def waiting(self, lane: str) -> int:
        with unavailable("queue"):
            attributes = self.client().get_queue_attributes(
                QueueUrl=self._url(lane),
                AttributeNames=[
                    "ApproximateNumberOfMessages",
                    "ApproximateNumberOfMessagesDelayed",
                ],
            )["Attributes"]
        return sum(int(count) for count in attributes.values())

    def _url(self, lane: str) -> str:
        # A job of another deployment may have a lane without a queue here; use the default one.
        queue = self.queues.get(lane, self.queues["default"])
        if "://" in queue:
            return queue
        if queue not in self._urls:
            self._urls[queue] = self.client().get_queue_url(QueueName=queue)["QueueUrl"]
        return self._urls[queue]


def _group(owner: str) -> str:
    """SQS's fair queues keep one busy group from delaying the others. A group's name may have 128
    characters of a restricted set (SQS quota), so the owner is hashed."""
    return hashlib.sha256(owner.encode()).hexdigest()[:32]
