"""The dead-letter queues: what lies in them, why, and the ways out of them.

A message that is looked at is hidden for a while, never taken: whatever is not dealt with is given
back, and comes back by itself where this process dies. Sent on, a message is deleted only once its
queue has acknowledged it: cut off in between there are two, which does no harm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.job import Hint, JobRecord, Status
from ops.cli.stage import Stage
from ops.template.compose import own_template, static

HIDDEN_SECONDS = 1_800  # time enough to read and to answer
AT_ONCE = 10  # SQS's quota on a receive
LONG_POLL_SECONDS = 1  # asks all of SQS's servers, not some
AT_MOST = 1_000  # of a queue: the rest is for the next time
DEAD = "-dead"


class Cause(StrEnum):
    UNREADABLE = "is not a message of ours"
    GONE = "its job is gone"
    FINISHED = "its job is finished"
    OLDER = "its job was retried since, with a message of its own"
    WAITING = "its job waits; the sweeper sends a message in its time, too"
    RUNNING = "its job runs"

    @property
    def hopeless(self) -> bool:
        """Sent back it would do nothing at all, or come here again."""
        return self not in (Cause.WAITING, Cause.RUNNING)


@dataclass(frozen=True)
class DeadLetter:
    id: str
    body: str
    receipt: str
    group: str | None

    @property
    def hint(self) -> Hint | None:
        try:
            return msgspec.json.decode(self.body, type=Hint)
        except (msgspec.MsgspecError, UnicodeError):
            return None


@dataclass(frozen=True)
class Diagnosis:
    letter: DeadLetter
    cause: Cause
    job: JobRecord | None = None

    def __str__(self) -> str:
        if self.job is None:
            return f"message {self.letter.id}: {self.letter.body[:100]!r}"
        error = self.job.error
        last = f"; last error: {error.title}: {error.detail[:200]}" if error else ""
        attempts = f"attempt {self.job.attempt} of {self.job.max_attempts}"
        return f"job {self.job.id}, {self.job.task}, {self.job.status}, {attempts}{last}"


def lanes(stage: Stage) -> list[str]:
    names = [
        static(stage, resource["Properties"]["QueueName"])
        for resource in own_template()["Resources"].values()
        if resource.get("Type") == "AWS::SQS::Queue"
    ]
    dead = (name for name in names if name.endswith(DEAD))
    return [name.removeprefix(stage.queue("")).removesuffix(DEAD) for name in dead]


def cause_of(hint: Hint | None, job: JobRecord | None, now: int) -> Cause:
    """`now` in epoch milliseconds."""
    if hint is None:
        return Cause.UNREADABLE
    if job is None or not job.visible(now):
        return Cause.GONE
    if job.finished:
        return Cause.FINISHED
    if job.generation != hint.generation:
        return Cause.OLDER
    return Cause.WAITING if job.status is Status.QUEUED else Cause.RUNNING


def diagnose(
    letters: Iterable[DeadLetter], jobs: Mapping[str, JobRecord], now: int
) -> list[Diagnosis]:
    """`jobs` by id."""
    found = []
    for letter in letters:
        hint = letter.hint
        job = jobs.get(hint.job) if hint else None
        found.append(Diagnosis(letter, cause_of(hint, job, now), job))
    return found


class DeadLetters:
    """Those of one lane."""

    def __init__(self, sqs: Any, stage: Stage, lane: str) -> None:
        self.sqs = sqs
        self.name = stage.queue(lane) + DEAD
        self._dead = sqs.get_queue_url(QueueName=self.name)["QueueUrl"]
        self._lane = sqs.get_queue_url(QueueName=stage.queue(lane))["QueueUrl"]

    def look(self) -> list[DeadLetter]:
        """All of them, hidden from others for half an hour."""
        found: dict[str, DeadLetter] = {}
        while len(found) < AT_MOST:
            received = self.sqs.receive_message(
                QueueUrl=self._dead,
                MaxNumberOfMessages=AT_ONCE,
                VisibilityTimeout=HIDDEN_SECONDS,
                WaitTimeSeconds=LONG_POLL_SECONDS,
                AttributeNames=["All"],
            ).get("Messages", [])
            if not received:
                break
            for message in received:
                found[message["MessageId"]] = DeadLetter(
                    id=message["MessageId"],
                    body=message["Body"],
                    receipt=message["ReceiptHandle"],
                    group=message.get("Attributes", {}).get("MessageGroupId"),
                )
        return list(found.values())

    def send_back(self, letter: DeadLetter) -> None:
        group = {} if letter.group is None else {"MessageGroupId": letter.group}
        self.sqs.send_message(QueueUrl=self._lane, MessageBody=letter.body, **group)
        self.delete(letter)

    def delete(self, letter: DeadLetter) -> None:
        self.sqs.delete_message(QueueUrl=self._dead, ReceiptHandle=letter.receipt)

    def give_back(self, letters: Sequence[DeadLetter]) -> int:
        """How many could not be, and stay hidden for as long as they were to be."""
        failed = 0
        for letter in letters:
            try:
                self.sqs.change_message_visibility(
                    QueueUrl=self._dead, ReceiptHandle=letter.receipt, VisibilityTimeout=0
                )
            except (BotoCoreError, ClientError):
                failed += 1
        return failed
