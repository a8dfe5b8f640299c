"""Messages over a WebSocket: in, a ticket or a message; out, a job or the reason of a refusal."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import msgspec

from chalicelib.domain.errors import OvertimeError
from chalicelib.domain.job import JobRecord
from chalicelib.domain.task import Tasks
from chalicelib.http.problems import ProblemView, problem_view
from chalicelib.http.representation import JobView, job_view


class Updated(msgspec.Struct, frozen=True, tag="job.updated"):
    job: JobView


class Refused(msgspec.Struct, frozen=True, tag="error", omit_defaults=True):
    problem: ProblemView
    job: str | None = None


def updated(record: JobRecord, base: str, tasks: Tasks) -> str:
    """About 80 KB at most, with as many artifacts as a job may have; API Gateway allows 128."""
    return msgspec.json.encode(Updated(job_view(record, base, tasks, payloads=False))).decode()


def refused(error: OvertimeError, job: str | None) -> str:
    """`job`: its id, if the message named one."""
    return msgspec.json.encode(Refused(problem_view(error), job)).decode()


def ticket_in(event: Mapping[str, Any]) -> str | None:
    """From API Gateway's $connect event, which has the query only if there was one."""
    ticket: str | None = (event.get("queryStringParameters") or {}).get("ticket")
    return ticket


def message_in(event: Mapping[str, Any]) -> str | bytes:
    """From a $default event: the text of a message, or the bytes of a binary one."""
    body: str = event.get("body") or ""
    return base64.b64decode(body) if event.get("isBase64Encoded") else body


def operation_in(event: Mapping[str, Any]) -> dict[str, str]:
    """From the event of AppSync's Lambda authorizer."""
    asked = event["requestContext"]
    return {
        "ticket": event.get("authorizationToken") or "",
        "operation": asked["operation"],
        "channel": asked.get("channel") or "",
    }


def may(allowed: bool) -> dict[str, Any]:
    """The authorizer's answer. Not cached: AppSync would use it for other channels too."""
    return {"isAuthorized": allowed, "ttlOverride": 0}
