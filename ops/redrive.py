"""Says why each message is in a dead-letter queue, sends back those of live jobs, and deletes the
rest: python -m ops.redrive STAGE [--yes]

SQS's own StartMessageMoveTask would also send back what no worker can read, and the local AWS lacks
it. A message that is looked at is hidden, not taken: without a yes it is given back, and it returns
by itself if this process dies. A message is deleted only after its queue acknowledged the copy. If
the process dies in between, there are two, which is harmless: a message is a hint.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.aws.jobs_table import JobsTable
from chalicelib.domain.job import Hint, JobRecord, Status
from chalicelib.domain.task import LANES
from ops.cli.command import asked, reaching, run
from ops.cli.confirm import confirm
from ops.cli.stage import Refusal, Stage, read_stage

HIDDEN_SECONDS = 1_800  # enough to read and to answer
AT_ONCE = 10  # SQS's quota on a receive
LONG_POLL_SECONDS = 1  # asks all of SQS's servers, not some
AT_MOST = 1_000  # of a queue; the next run takes the rest
EXAMPLES = 3
DEAD = "-dead"


class Cause(StrEnum):
    UNREADABLE = "not a message of this app"
    GONE = "the job no longer exists"
    FINISHED = "the job is finished"
    OLDER = "the job was retried later, with a newer message"
    WAITING = "the job waits; the sweeper would send a message later"
    RUNNING = "the job runs"


LIVE = (Cause.WAITING, Cause.RUNNING)  # the message of any other does nothing, or comes back here


@dataclass(frozen=True)
class DeadLetter:
    message: dict[str, Any]
    """As SQS delivers it."""
    cause: Cause
    job: JobRecord | None = None

    def __str__(self) -> str:
        if self.job is None:
            return f"message {self.message['MessageId']}: {self.message['Body'][:100]!r}"
        error = self.job.error
        last = f"; last error: {error.title}: {error.detail[:200]}" if error else ""
        attempts = f"attempt {self.job.attempt} of {self.job.max_attempts}"
        return f"job {self.job.id}, {self.job.task}, {self.job.status}, {attempts}{last}"


def redrive(stage: Stage, yes: bool) -> None:
    """Raises Refusal in the end for each lane that was left as it was."""
    jobs = JobsTable(lambda: stage.client("dynamodb"), stage.table)
    found, refusals = 0, list[str]()
    for lane in LANES:
        queue = DeadLetterQueue(stage, lane)
        messages = queue.look()
        found += len(messages)
        try:
            if messages:
                queue.empty(list(diagnose(messages, jobs)), yes)
        except Refusal as refusal:
            refusals.append(f"{queue.name}: {refusal}")
        finally:
            queue.give_back()
    if refusals:
        raise Refusal("\n".join(refusals))
    if not found:
        print(f"No dead letters in {stage.stack}.")


def diagnose(messages: Iterable[dict[str, Any]], jobs: JobsTable) -> Iterable[DeadLetter]:
    hints = [(message, _hint(message)) for message in messages]
    known = {one.id: one for one in jobs.read_many(sorted({hint.job for _, hint in hints if hint}))}
    now = time.time_ns() // 1_000_000
    for message, hint in hints:
        job = known.get(hint.job) if hint else None
        yield DeadLetter(message, cause_of(hint, job, now), job)


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


class DeadLetterQueue:
    """That of one lane."""

    def __init__(self, stage: Stage, lane: str) -> None:
        self.sqs = stage.client("sqs")
        self.name = stage.queue(lane) + DEAD
        self._dead = self.sqs.get_queue_url(QueueName=self.name)["QueueUrl"]
        self._lane = self.sqs.get_queue_url(QueueName=stage.queue(lane))["QueueUrl"]
        self._hidden: dict[str, str] = {}  # receipts by message id

    def look(self) -> list[dict[str, Any]]:
        """All of them, hidden from others for half an hour."""
        found: dict[str, dict[str, Any]] = {}
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
            found |= {message["MessageId"]: message for message in received}
        self._hidden = {name: message["ReceiptHandle"] for name, message in found.items()}
        return list(found.values())

    def empty(self, letters: list[DeadLetter], yes: bool) -> None:
        """Raises Refusal without a yes."""
        print(f"{self.name}, dead letters: {len(letters)}")
        for cause in Cause:
            alike = [one for one in letters if one.cause is cause]
            if alike:
                print(f"  {len(alike):4}  {cause}")
            for one in alike[:EXAMPLES]:
                print(f"          {one}")
        live = [one for one in letters if one.cause in LIVE]
        question = f"Send back {len(live)}, delete {len(letters) - len(live)}?"
        confirm(question, yes, otherwise="The dead letters stay.")
        for one in letters:
            if one.cause in LIVE:
                group = one.message.get("Attributes", {}).get("MessageGroupId")
                by_owner = {"MessageGroupId": group} if group else {}
                self.sqs.send_message(
                    QueueUrl=self._lane, MessageBody=one.message["Body"], **by_owner
                )
            receipt = self._hidden.pop(one.message["MessageId"])
            self.sqs.delete_message(QueueUrl=self._dead, ReceiptHandle=receipt)
        print(f"Sent back {len(live)}, deleted {len(letters) - len(live)}.")

    def give_back(self) -> None:
        """What was not dealt with; where SQS does not answer, it comes back after half an hour."""
        for receipt in self._hidden.values():
            with suppress(BotoCoreError, ClientError):
                self.sqs.change_message_visibility(
                    QueueUrl=self._dead, ReceiptHandle=receipt, VisibilityTimeout=0
                )


def _hint(message: dict[str, Any]) -> Hint | None:
    try:
        return msgspec.json.decode(message["Body"], type=Hint)
    except (msgspec.MsgspecError, UnicodeError):
        return None


def main(arguments: list[str]) -> None:
    chosen = asked("ops.redrive", __doc__, arguments, yes="do not ask")
    stage = read_stage(chosen.stage)
    with reaching(stage):
        redrive(stage, chosen.yes)


if __name__ == "__main__":
    run(main, sys.argv[1:])
