"""The queues, one for each lane. A lost message delays a job, but never loses it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chalicelib.aws.errors import unavailable
from chalicelib.domain.job import Hint, JobRecord
from chalicelib.domain.values import encode

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True)
class JobsQueue:
    """Implements ports.MessageQueue. `queues` maps a lane to its queue's URL, or to its name, which
    is looked up once per process."""

    client: Callable[[], SQSClient]
    queues: Mapping[str, str]
    _urls: dict[str, str] = field(default_factory=dict)

    def send(self, record: JobRecord, delay_seconds: int) -> None:
        with unavailable("queue"):
            self.client().send_message(
                QueueUrl=self._url(record.lane),
                MessageBody=encode(Hint(record.id, record.generation)),
                DelaySeconds=delay_seconds,
                MessageGroupId=_group(record.owner),
            )

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
