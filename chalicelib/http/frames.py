"""What a WebSocket brings and gets: a ticket; a job as it is now, or why a message was refused."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import msgspec

from chalicelib.domain.errors import OvertimeError
from chalicelib.domain.job import JobRecord
from chalicelib.http.problems import ProblemView, problem_view
from chalicelib.http.representation import JobView, job_view


class Updated(msgspec.Struct, frozen=True, tag="job.updated"):
    job: JobView


class Refused(msgspec.Struct, frozen=True, tag="error", omit_defaults=True):
    problem: ProblemView
    job: str | None = None


def updated(record: JobRecord, base: str) -> str:
    """At most some 80 KB, with all the artifacts that a job may have: API Gateway takes 128."""
    return msgspec.json.encode(Updated(job_view(record, base, payloads=False))).decode()


def refused(error: OvertimeError, job: str | None) -> str:
    """`job` where the message named one."""
    return msgspec.json.encode(Refused(problem_view(error), job)).decode()


def ticket_in(event: Mapping[str, Any]) -> str | None:
    """Of API Gateway's $connect event, which has the query only where there was one."""
    ticket: str | None = (event.get("queryStringParameters") or {}).get("ticket")
    return ticket


def message_in(event: Mapping[str, Any]) -> str | bytes:
    """Of a $default event: the text of a message, or the bytes of a binary one."""
    body: str = event.get("body") or ""
    return base64.b64decode(body) if event.get("isBase64Encoded") else body


def operation_in(event: Mapping[str, Any]) -> dict[str, str]:
    """Of the question that AppSync asks its Lambda authorizer."""
    asked = event["requestContext"]
    return {
        "ticket": event.get("authorizationToken") or "",
        "operation": asked["operation"],
        "channel": asked.get("channel") or "",
    }


def may(allowed: bool) -> dict[str, Any]:
    """The answer to it. Kept for no time at all: AppSync would give it to another channel."""
    return {"isAuthorized": allowed, "ttlOverride": 0}
