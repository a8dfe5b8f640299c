"""The handler that a team writes first, behind the same events as Overtime."""

from __future__ import annotations

import json
from typing import Any

from bench.events import CONTEXT, http, sqs
from bench.participant import Measure, Work, each, serve
from bench.queues import running
from bench.sides import naive_app

BODY = {"task": "bench", "params": {"number": 1}}


def call(event: dict[str, Any]) -> Any:
    return naive_app.app(event, CONTEXT)


def submitted(operations: int) -> list[str]:
    answers = [call(http("POST", "/jobs", body=BODY)) for _ in range(operations)]
    return [json.loads(answer["body"])["id"] for answer in answers]


def submit(operations: int) -> Work:
    submitted(1)
    return each([http("POST", "/jobs", body=BODY)] * operations, call)


def read(operations: int) -> Work:
    return each([http("GET", "/jobs/{job_id}", job_id=one) for one in submitted(operations)], call)


def listed(operations: int) -> Work:
    submitted(20)
    return each([http("GET", "/jobs")] * operations, call)


def handle(message: Any) -> None:
    naive_app.worker(sqs(message), CONTEXT)


measures: dict[str, Measure] = {
    "submit": submit,
    "replay": submit,  # it has no idempotency: a repeated request is another job
    "read": read,
    "304": read,
    "list": listed,
}

if __name__ == "__main__":
    client = naive_app.client("sqs")
    serve(measures | running(client, naive_app.queue_url(), submitted, handle))
