"""A webhook's deliveries. Each tells of one end of a job, and is itself a job: stored together with
that end, with its body as of that moment."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec

from chalicelib.domain import verbs
from chalicelib.domain.job import DAY, INTERNAL, JobRecord, Status, Stored
from chalicelib.domain.task import Lane
from chalicelib.domain.values import encode

TASK = f"{INTERNAL}webhook"
LANE: Lane = "webhooks"
MINUTES, HOURS = 60.0, 3_600.0
PAUSES = (  # seconds: Standard Webhooks' schedule, with a day more
    *(5.0, 5 * MINUTES, 30 * MINUTES),
    *(2 * HOURS, 5 * HOURS, 10 * HOURS, 14 * HOURS, 20 * HOURS, 24 * HOURS),
)
JITTER = 0.2  # of a pause, so that deliveries that failed together come back apart
TIME_LIMIT = 12 * DAY  # the longest pause after each attempt, and some


class WebhookParams(msgspec.Struct, frozen=True):
    """The params of the task that delivers. `body` is JSON text: the same bytes each time."""

    url: str
    body: str


def wanted(record: JobRecord) -> bool:
    """Whether this state of a job is an end that somebody wants to be told of."""
    return record.webhook is not None and record.status in record.webhook.events


def webhook_job_id(record: JobRecord, generation: int) -> str:
    """Follows from the job, so that its deliveries are found without an index, and from its
    uid, which nobody can guess. A generation ends once."""
    name = f"{TASK} {record.id} {record.uid} {generation}"
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def webhook_job_ids(record: JobRecord) -> list[str]:
    """Of all deliveries that there can be, oldest first."""
    if record.webhook is None:
        return []
    return [webhook_job_id(record, generation) for generation in range(record.generation + 1)]


def webhook_job(record: JobRecord, body: str, uid: str) -> JobRecord:
    """That tells of `record`, as it is at its end."""
    assert record.webhook is not None
    now = record.updated_at
    return verbs.submit(
        JobRecord(
            id=webhook_job_id(record, record.generation),
            uid=uid,
            nonce=uid,
            owner=record.owner,
            task=TASK,
            lane=LANE,
            created_at=now,
            updated_at=now,
            params=Stored(text=encode(WebhookParams(record.webhook.url, body))),
            request_digest="",
            not_before=now,
            deadline=now + TIME_LIMIT,
            time_limit=TIME_LIMIT,
            retention=record.retention,
            max_attempts=len(PAUSES) + 1,
            status=Status.QUEUED,
        ),
        now,
    )


def pause_seconds(attempt: int, asked: float | None, random: Callable[[], float]) -> float:
    """Until the next attempt, after `attempt` (1, 2, …) failed: not before the receiver asked for
    it (`Retry-After`). `random` draws from [0, 1)."""
    scheduled = PAUSES[min(attempt, len(PAUSES)) - 1]
    jitter = 1 + JITTER * (random() - 0.5)
    return max(scheduled * jitter, asked or 0.0)
