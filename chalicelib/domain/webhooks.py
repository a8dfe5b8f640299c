"""Webhook deliveries. Each reports that a job finished, and is itself a job: one write stores it
and finishes the other job, so its body shows that job at that moment."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from chalicelib.domain.internal import internal_job, internal_job_ids
from chalicelib.domain.job import DAY, INTERNAL, JobRecord

TASK = f"{INTERNAL}webhook"
MINUTES, HOURS = 60.0, 3_600.0
PAUSES = (  # seconds: Standard Webhooks' schedule, and one day more
    *(5.0, 5 * MINUTES, 30 * MINUTES),
    *(2 * HOURS, 5 * HOURS, 10 * HOURS, 14 * HOURS, 20 * HOURS, 24 * HOURS),
)
JITTER = 0.2  # of a pause, so that deliveries that failed together do not retry together
TIME_LIMIT = 12 * DAY  # the longest pause after each attempt, and some


class WebhookParams(msgspec.Struct, frozen=True):
    """The params of the delivering task. `body` is JSON text: each attempt sends the same bytes."""

    url: str
    body: str


def wanted(record: JobRecord) -> bool:
    """Whether the job has a webhook for its present status."""
    return record.webhook is not None and record.status in record.webhook.events


def webhook_job_ids(record: JobRecord) -> list[str]:
    """Of all possible deliveries, oldest first."""
    return [] if record.webhook is None else internal_job_ids(record, TASK)


def webhook_job(record: JobRecord, body: str, uid: str) -> JobRecord:
    """The job that delivers the webhook of the finished `record`."""
    assert record.webhook is not None
    params = WebhookParams(record.webhook.url, body)
    return internal_job(
        record, uid, TASK, params, time_limit=TIME_LIMIT, max_attempts=len(PAUSES) + 1
    )


def pause_seconds(attempt: int, asked: float | None, random: Callable[[], float]) -> float:
    """The pause after `attempt` (1, 2, …) failed: at least `asked`, the receiver's Retry-After.
    `random` draws from [0, 1)."""
    scheduled = PAUSES[min(attempt, len(PAUSES)) - 1]
    jitter = 1 + JITTER * (random() - 0.5)
    return max(scheduled * jitter, asked or 0.0)
