"""Deliver a webhook: an internal task that reports a finished job. Signatures and pauses follow
Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from standardwebhooks import Webhook

from chalicelib.domain.errors import PermanentError, RetryLater, Unavailable
from chalicelib.domain.handle import Job
from chalicelib.domain.internal import LANE
from chalicelib.domain.job import SECOND
from chalicelib.domain.response import HttpResponse
from chalicelib.domain.retry import retry_after
from chalicelib.domain.task import task
from chalicelib.domain.webhooks import PAUSES, TASK, TIME_LIMIT, WebhookParams, pause_seconds

if TYPE_CHECKING:
    from chalicelib.service.run import Run

TIMEOUT = 15.0  # seconds
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class NotDelivered(RetryLater):
    """`headline` is this attempt's outcome in the job's events."""

    def __init__(self, delay: float, headline: str, detail: str) -> None:
        super().__init__(delay, detail)
        self.headline = headline


class NotWanted(PermanentError):
    headline = "answered 410"


@task(TASK, lane=LANE, max_attempts=len(PAUSES) + 1, timeout=TIME_LIMIT / SECOND)
def send_webhook(job: Job, webhook: WebhookParams) -> dict[str, int]:
    """Post a webhook's body to its URL. Only the answer's status counts; its body is not read."""
    from chalicelib.service.run import Run  # which the API does not need

    assert isinstance(job, Run)
    headers = signed(job, webhook.body)
    try:
        answer = job.request(
            "POST",
            webhook.url,
            headers=headers,
            body=webhook.body.encode(),
            timeout=TIMEOUT,
            max_bytes=0,
        )
    except OSError as error:
        raise not_delivered(job, "no answer", str(error)) from error
    if 200 <= answer.status < 300:
        return {"status": answer.status}
    said = f"The receiver answered {answer.status}."
    if answer.status == 410:
        raise NotWanted(f"{said} 410 stops further attempts.")
    raise not_delivered(job, f"answered {answer.status}", said, answer)


def signed(job: Run, body: str) -> dict[str, str]:
    """The headers of an attempt: the same id each time, and a signature by each valid secret, so
    that a receiver can switch secrets at any time during a rotation."""
    now = job.system.clock.now()
    try:
        secrets = job.system.signing_secrets.of(job.record.owner, now)
    except Unavailable as error:
        raise not_delivered(job, "not signed", error.detail) from error
    if not secrets:
        raise not_delivered(job, "not signed", "The owner no longer has a signing secret.")
    at = EPOCH + timedelta(seconds=now // SECOND)
    return {
        "content-type": "application/json",
        "webhook-id": job.id,
        "webhook-timestamp": str(now // SECOND),
        "webhook-signature": " ".join(Webhook(one).sign(job.id, at, body) for one in secrets),
    }


def not_delivered(
    job: Run, headline: str, detail: str, answer: HttpResponse | None = None
) -> NotDelivered:
    requested = answer.headers.get("retry-after", "") if answer else ""
    after = retry_after(requested, job.system.clock.now() / SECOND)
    pause = pause_seconds(job.attempt, after, job.system.random)
    return NotDelivered(pause, headline, detail)
