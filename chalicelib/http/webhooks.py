"""A webhook's body, as Standard Webhooks defines it: event type, time, and the job."""

from __future__ import annotations

from typing import Annotated

import msgspec

from chalicelib.domain.job import TERMINAL, JobRecord
from chalicelib.http.fields import Time, rfc3339
from chalicelib.http.representation import JobView, job_view

ENDS = sorted(TERMINAL)
BODY_AT_MOST = 20 * 1024  # bytes: Standard Webhooks' recommendation; every attempt pays for it


class WebhookView(msgspec.Struct, frozen=True):
    """The body that is posted to a webhook's URL."""

    type: Annotated[str, msgspec.Meta(extra_json_schema={"enum": [f"job.{end}" for end in ENDS]})]
    timestamp: Time
    data: JobView


def webhook_body(record: JobRecord) -> str:
    """JSON text. Params and result are left out if the body would be too long with them."""
    assert record.webhook is not None
    body = b""
    for payloads in (True, False):
        job = job_view(record, record.webhook.base, payloads=payloads)
        view = WebhookView(f"job.{record.status}", rfc3339(record.updated_at), job)
        body = msgspec.json.encode(view)
        if len(body) <= BODY_AT_MOST:
            break
    return body.decode()
