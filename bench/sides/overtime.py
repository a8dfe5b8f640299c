"""Overtime itself: app.py's handlers, with the events that Lambda gives them."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import Any

import app
from bench.events import CONTEXT, http, sqs
from bench.participant import Measure, Work, each, serve
from bench.queues import running
from chalicelib import wiring
from chalicelib.domain.handle import Job
from chalicelib.domain.task import task

BODY = {"task": "bench", "params": {"number": 1}}
keys = itertools.count()


@dataclass
class Params:
    number: int


@task("bench")
def bench(job: Job, params: Params) -> dict[str, int]:
    return {"number": params.number + 1}


loaded = wiring.tasks
wiring.tasks = lambda skip_broken: {**loaded(skip_broken), bench.name: bench}  # type: ignore[assignment]


def call(event: dict[str, Any], expected: int = 0) -> Any:
    answer = app.app(event, CONTEXT)
    if expected and answer["statusCode"] != expected:
        raise SystemExit(f"{answer['statusCode']} in place of {expected}: {answer['body']}")
    return answer


def submitted(operations: int, **headers: str) -> list[str]:
    answers = [call(http("POST", "/jobs", headers, BODY), 202) for _ in range(operations)]
    return [json.loads(answer["body"])["id"] for answer in answers]


def submit(operations: int) -> Work:
    submitted(1)
    return each([http("POST", "/jobs", body=BODY)] * operations, call)


def replay(operations: int) -> Work:
    key = {"Idempotency-Key": f"key-{next(keys)}"}
    submitted(1, **key)
    return each([http("POST", "/jobs", key, BODY)] * operations, call)


def read(operations: int) -> Work:
    return each([http("GET", "/jobs/{job_id}", job_id=one) for one in submitted(operations)], call)


def unchanged(operations: int) -> Work:
    events = []
    for one in submitted(operations):
        etag = call(http("GET", "/jobs/{job_id}", job_id=one), 200)["headers"]["ETag"]
        events.append(http("GET", "/jobs/{job_id}", {"If-None-Match": etag}, job_id=one))
    call(events[0], 304)
    return each(events, call)


def listed(operations: int) -> Work:
    submitted(20)
    event = http("GET", "/jobs", query={"limit": "20"})
    call(event, 200)
    return each([event] * operations, call)


def handle(message: Any) -> None:
    app.default_worker(sqs(message), CONTEXT)


measures: dict[str, Measure] = {
    "submit": submit,
    "replay": replay,
    "read": read,
    "304": unchanged,
    "list": listed,
}

if __name__ == "__main__":
    client = wiring.client("sqs")
    url = app.settings.queues["default"]
    serve(measures | running(client, url, submitted, handle))
