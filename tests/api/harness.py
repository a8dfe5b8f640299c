"""The whole service on one bench: HTTP goes in by Chalice's test client or as API Gateway's own
events, messages by the worker's handlers; AWS is moto, and time stands still until it is moved."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from chalice.test import Client, HTTPResponse
from msgspec import structs

from tests.api import gateway
from tests.api import tasks as test_tasks
from tests.api.description import check
from tests.aws import ENVIRONMENT, ROOT, create_all

os.environ.update(ENVIRONMENT)
os.environ.pop("AWS_ENDPOINT_URL", None)
sys.path.insert(0, str(ROOT))

import app as app_module
from chalicelib import wiring
from chalicelib.domain.job import JobRecord
from chalicelib.domain.task import Task
from chalicelib.memory.stores import MemorySecrets, MemorySigningSecrets
from chalicelib.ports.runtime import Beats
from chalicelib.ports.system import System
from chalicelib.service.webhook_task import send_webhook
from chalicelib.testing.steps import VirtualClock

Answer = HTTPResponse
BASE = ENVIRONMENT["PUBLIC_URL"]


class Context:
    """What a handler needs of Lambda's."""

    aws_request_id = "6f1d4c1e-request"
    function_name = "overtime-local"

    def __init__(self, seconds: float = 300) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1_000)


class Clock(VirtualClock):
    """Sleeping moves it on, and lets happen what was to happen meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.began = self.time
        self.meanwhile: list[Callable[[], Any]] = []

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if self.meanwhile:
            self.meanwhile.pop(0)()

    @property
    def elapsed(self) -> float:
        """Seconds since the test began."""
        return (self.time - self.began) / 1_000


@dataclass
class Service:
    client: Client
    clock: Clock
    system: System
    tasks: dict[str, Task]
    monkeypatch: pytest.MonkeyPatch
    heartbeats: list[Beats] = field(default_factory=list)

    # ── HTTP ──

    def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: Any = None
    ) -> Answer:
        """`path` may be an absolute URL, as links are. A body that is not bytes is sent as JSON."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        path = path.removeprefix(BASE)
        answer = self.client.http.request(method, path, headers=sent, body=body or b"")
        check(app_module.app, method, path, answer)
        return answer

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, _dashed(headers))

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.request("POST", path, _dashed(headers), body)

    def delete(self, path: str) -> Answer:
        return self.request("DELETE", path)

    def submit(self, task: str = "echo", params: Any = None, **headers: str) -> Answer:
        return self.post("/jobs", {"task": task, "params": params or {}}, **headers)

    def submitted(self, task: str = "echo", params: Any = None, **headers: str) -> str:
        """The id of a job that was accepted."""
        answer = self.submit(task, params, **headers)
        assert answer.status_code == 202, answer.body
        return str(answer.json_body["id"])

    def job(self, job_id: str) -> dict[str, Any]:
        answer = self.get(f"/jobs/{job_id}")
        assert answer.status_code == 200, answer.body
        return dict(answer.json_body)

    def etag(self, job_id: str) -> str:
        return self.get(f"/jobs/{job_id}").headers["ETag"]

    def through_api_gateway(
        self,
        method: str,
        url: str,
        headers: gateway.Headers = (("Content-Type", "application/json"),),
        body: Any = None,
    ) -> Answer:
        """With the event that API Gateway sends: repeated headers, request context and all."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        event = gateway.event(app_module.app.routes, method, url, headers, body)
        answer = HTTPResponse.create_from_dict(app_module.app(event, Context()))
        check(app_module.app, method, url, answer)
        return answer

    # ── workers and sweeper ──

    def messages(self, lane: str = "default") -> list[str]:
        """Takes what waits in a lane's queue."""
        url, sqs, bodies = ENVIRONMENT[f"QUEUE_{lane.upper()}"], wiring.client("sqs"), []
        while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                bodies.append(message["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def work(self, lane: str = "default") -> None:
        """Deliver all messages of a lane, as its event source mapping would."""
        for body in self.messages(lane):
            self.deliver(body, lane)

    def deliver(self, body: str, lane: str = "default", seconds: float = 300) -> None:
        handler: Callable[[Any, Any], Any] = getattr(app_module, f"{lane}_worker")
        record = {"body": body, "receiptHandle": "r", "messageId": "m", "eventSourceARN": "arn"}
        handler({"Records": [record]}, Context(seconds))

    def run(self, job_id: str, lane: str = "default") -> None:
        """As if its message came now, however long it was to be delayed."""
        self.messages(lane)
        generation = self.record(job_id).generation
        self.deliver(json.dumps({"job": job_id, "generation": generation}), lane)

    def sweep(self) -> None:
        event = self.client.events.generate_cw_event("aws.events", "Scheduled Event", {}, [])
        app_module.sweep(event, Context(60))

    def beat(self) -> None:
        """The heartbeat of the task that runs; there is no thread that would."""
        self.heartbeats[-1].beat()

    def does(self, task: Task) -> None:
        """Registers a task of the test's own."""
        self.tasks[task.name] = task

    # ── what lies beneath ──

    def record(self, job_id: str) -> JobRecord:
        record = self.system.jobs.read(job_id)
        assert record is not None
        return record

    def items(self) -> list[dict[str, Any]]:
        found = wiring.client("dynamodb").scan(TableName=ENVIRONMENT["TABLE"])["Items"]
        return list(found)

    def objects(self) -> list[str]:
        listing = wiring.client("s3").list_objects_v2(Bucket=ENVIRONMENT["BUCKET"])
        return [one["Key"] for one in listing.get("Contents", [])]

    def upload(self, data: bytes, **made: Any) -> str:
        """The id of an upload whose bytes have been put where its URL says."""
        made = {"size": len(data), **made}
        answer = self.post("/uploads", made).json_body
        bucket, _, key = urlsplit(answer["upload"]["url"]).path[1:].partition("/")
        if bucket != ENVIRONMENT["BUCKET"]:  # the host names it
            key = f"{bucket}/{key}"
        wiring.client("s3").put_object(Bucket=ENVIRONMENT["BUCKET"], Key=key, Body=data)
        return str(answer["id"])

    def nothing_is_stored(self) -> bool:
        lanes = [self.messages(lane) for lane in ("default", "heavy", "webhooks")]
        return not (self.items() or self.objects() or any(lanes))

    def replace(self, **ports: Any) -> None:
        """Puts something else in the place of a port."""
        self.system = structs.replace(self.system, **ports)

    def set(self, **settings: Any) -> None:
        changed = msgspec.structs.replace(app_module.settings, **settings)
        self.monkeypatch.setattr(app_module, "settings", changed)


def begin(monkeypatch: pytest.MonkeyPatch) -> Service:
    """Inside moto's mock: fresh tables, queues and bucket, the clock at its beginning."""
    create_all(wiring.client("dynamodb"), wiring.client("sqs"), wiring.client("s3"))
    clock, tasks = Clock(), {**test_tasks.all_tasks(), send_webhook.name: send_webhook}
    heartbeats: list[Beats] = []

    @contextmanager
    def beating_when_told(heartbeat: Beats) -> Iterator[None]:
        heartbeats.append(heartbeat)
        yield

    system = structs.replace(
        wiring.system(app_module.settings),
        clock=clock,
        tasks=lambda: tasks,
        beating=beating_when_told,
        secrets=MemorySecrets(),  # as in a warm process, which has read the stage's own
        answer_secrets=MemorySecrets(),
        signing_secrets=MemorySigningSecrets(),
    )
    client = Client(app_module.app, stage_name="local", project_dir=str(ROOT))
    service = Service(client, clock, system, tasks, monkeypatch, heartbeats)
    monkeypatch.setattr(app_module, "system", lambda: service.system)
    monkeypatch.setattr(app_module, "tasks", lambda: tasks)
    return service


def is_problem(answer: Answer, status: int, slug: str) -> bool:
    """Whether it is a whole problem document (RFC 9457) of this kind; asserts, to say why not."""
    assert answer.status_code == status, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    document = answer.json_body
    assert document["type"] == f"/problems/{slug}", document
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    for error in document.get("errors", []):
        assert re.fullmatch(r"(/([^~]|~[01])*)*", error["pointer"])
        assert error["detail"]
    return True


def pointers(answer: Answer) -> list[str]:
    return [error["pointer"] for error in answer.json_body.get("errors", [])]


def _dashed(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
