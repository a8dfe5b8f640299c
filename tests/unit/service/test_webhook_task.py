"""Delivering a webhook, to a real server that checks it with the specification's own library."""

from __future__ import annotations

import base64
import json
import threading
import time
from ipaddress import ip_network
from typing import Any

import pytest
from msgspec.structs import replace
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.handle import Job
from chalicelib.domain.job import DAY, HOUR, MINUTE, SECOND, TERMINAL, Hint, JobRecord, Webhook
from chalicelib.domain.task import task
from chalicelib.domain.values import encode
from chalicelib.domain.webhooks import webhook_job_ids
from chalicelib.outbound.client import OutboundClient
from chalicelib.outbound.guard import Guard
from chalicelib.service import webhook_task
from chalicelib.service.submit import Submission, submit
from chalicelib.service.worker import process_messages
from chalicelib.testing import OWNER, Bench
from tests.receiver import Receiver, dripping, receiving, response


def secret(number: int) -> str:
    return f"whsec_{base64.b64encode(bytes([number]) * 32).decode()}"


def bench() -> Bench:
    """Under the real time, which receivers hold signatures to; and on the real network."""
    made = Bench()
    made.clock.time = time.time_ns() // 1_000_000
    made.system.signing_secrets.replace(OWNER, None, secret(1), 0)
    guard = Guard(networks=(ip_network("127.0.0.0/8"),))
    web = OutboundClient(guard, "overtime/test")
    made.system = replace(made.system, web=web, random=lambda: 0.5)
    made.tasks[webhook_task.send_webhook.name] = webhook_task.send_webhook
    return made


@task("adds")
def adds(job: Job) -> int:
    return 3


def ended(bench: Bench, url: str) -> JobRecord:
    """The delivery of a job that has ended."""
    bench.tasks[adds.name] = adds
    asked = Submission(
        owner=OWNER,
        task="adds",
        params={},
        webhook=Webhook(url, tuple(sorted(TERMINAL)), "https://jobs.example"),
    )
    bench.system = replace(bench.system, web=_Accepting(bench.system.web))
    job = submit(bench.system, asked).job
    work(bench, job)
    return bench.jobs.records[webhook_job_ids(job)[0]]


class _Accepting:
    """Lets a test's local URLs pass by their looks."""

    def __init__(self, web: Any) -> None:
        self.request, self.open = web.request, web.open

    def check(self, url: str) -> None: ...


def work(bench: Bench, record: JobRecord) -> JobRecord:
    bench._steps.begin_invocation()
    process_messages(bench.system, [encode(Hint(record.id, 0))], bench.clock.time + HOUR)
    return bench.jobs.records[record.id]


def tried(bench: Bench, answer: bytes) -> tuple[JobRecord, Receiver]:
    with receiving(answer) as receiver:
        return work(bench, ended(bench, f"{receiver.url}/hook?a=b")), receiver


def parts(request: bytes) -> tuple[dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    lines = (line.partition(": ") for line in head.decode().split("\r\n")[1:])
    return {name.lower(): value for name, _, value in lines}, body


def pause(delivery: JobRecord) -> int:
    return delivery.not_before - delivery.updated_at


# ── what is sent ──────────────────────────────────────────────────────────────────────────


def test_a_webhook_is_posted_and_verifies() -> None:
    delivered, receiver = tried(bench(), response(204))
    [request] = receiver.requests
    headers, body = parts(request)
    told = Verifier(secret(1)).verify(body, headers)
    assert told["type"] == "job.succeeded"
    assert told["data"]["result"] == 3
    assert told["timestamp"] == told["data"]["finished_at"]
    assert told["data"]["links"]["self"] == f"https://jobs.example/jobs/{told['data']['id']}"
    assert request.startswith(b"POST /hook?a=b HTTP/1.1\r\n")
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == delivered.id
    assert (delivered.status, delivered.attempt) == ("succeeded", 1)


def test_a_changed_body_does_not_verify() -> None:
    _, receiver = tried(bench(), response(204))
    headers, body = parts(receiver.requests[0])
    verifier = Verifier(secret(1))
    other_time = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}
    for changed, text in (
        (headers, body.replace(b"succeeded", b"failed")),
        ({**headers, "webhook-id": "other"}, body),
        (other_time, body),
    ):
        with pytest.raises(WebhookVerificationError):
            verifier.verify(text, changed)
    with pytest.raises(WebhookVerificationError):
        Verifier(secret(2)).verify(body, headers)


def test_during_a_rotation_either_secret_verifies() -> None:
    at = bench()
    at.system.signing_secrets.replace(OWNER, secret(1), secret(2), at.clock.time + MINUTE)
    _, receiver = tried(at, response(204))
    headers, body = parts(receiver.requests[0])
    assert headers["webhook-signature"].count("v1,") == 2
    for number in (1, 2):
        assert Verifier(secret(number)).verify(body, headers)


def test_after_a_rotation_only_the_new_secret_verifies() -> None:
    at = bench()
    at.system.signing_secrets.replace(OWNER, secret(1), secret(2), at.clock.time - 1)
    _, receiver = tried(at, response(204))
    headers, body = parts(receiver.requests[0])
    assert Verifier(secret(2)).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(secret(1)).verify(body, headers)


def test_each_attempt_has_the_same_id_and_body_and_a_time_of_its_own() -> None:
    at = bench()
    with receiving(response(503)) as receiver:
        delivery = ended(at, receiver.url)
        work(at, delivery)
        at.clock.sleep(10)
        at.system.signing_secrets.replace(OWNER, secret(1), secret(2), 0)
        work(at, delivery)
    (first, body), (second, same_body) = map(parts, receiver.requests)
    assert first["webhook-id"] == second["webhook-id"] == delivery.id
    assert body == same_body
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) >= 10
    assert Verifier(secret(1)).verify(body, first)
    assert Verifier(secret(2)).verify(body, second)


# ── what comes of the answer ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_success(status: int) -> None:
    delivery, _ = tried(bench(), response(status, b"" if status == 204 else b"thanks"))
    assert delivery.status == "succeeded"
    assert delivery.result is not None
    assert delivery.result.text == f'{{"status":{status}}}'


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 400, 401, 404, 409, 429, 500, 503])
def test_anything_else_is_tried_again(status: int) -> None:
    delivery, receiver = tried(bench(), response(status, b"secret", "Location: http://127.0.0.1/"))
    assert (delivery.status, delivery.wait_reason) == ("queued", "backoff")
    assert pause(delivery) == 5 * SECOND
    assert delivery.error is not None
    assert delivery.error.title == f"answered {status}"
    assert delivery.error.detail == f"The receiver answered {status}."
    assert len(receiver.requests) == 1


def test_410_stops_it() -> None:
    delivery, _ = tried(bench(), response(410))
    assert delivery.status == "failed"
    assert delivery.error is not None
    assert delivery.error.title == "answered 410"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("3", 5),
        ("999999999", 86_400),
        ("soon", 5),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", 5),
    ],
)
def test_a_pause_that_the_receiver_asks_for_is_kept(header: str, seconds: int) -> None:
    delivery, _ = tried(bench(), response(503, b"", f"Retry-After: {header}"))
    assert pause(delivery) == seconds * SECOND


def test_it_is_given_up_after_the_tenth_attempt() -> None:
    at = bench()
    with receiving(response(500)) as receiver:
        delivery = ended(at, receiver.url)
        pauses = []
        while not delivery.finished:
            at.clock.time = max(at.clock.time, delivery.not_before)
            delivery = work(at, delivery)
            pauses.append(pause(delivery))
    assert len(receiver.requests) == 10
    hours = [round(one / HOUR, 3) for one in pauses[:-1]]
    assert hours == [0.001, 0.083, 0.5, 2, 5, 10, 14, 20, 24]
    assert (delivery.status, delivery.attempt) == ("failed", 10)
    assert delivery.updated_at < delivery.deadline


def test_a_receiver_that_refuses_the_connection_is_tried_again() -> None:
    at = bench()
    with receiving(response(204)) as receiver:
        url = receiver.url
    delivery = work(at, ended(at, url))
    assert delivery.wait_reason == "backoff"
    assert delivery.error is not None
    assert delivery.error.title == "no answer"


def test_a_receiver_that_takes_too_long_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert webhook_task.TIMEOUT == 15
    monkeypatch.setattr(webhook_task, "TIMEOUT", 0.3)
    stopped = threading.Event()
    with receiving(dripping(response(204), 0.1, stopped)) as receiver:
        delivery = work(bench_ := bench(), ended(bench_, receiver.url))
        stopped.set()
    assert delivery.wait_reason == "backoff"
    assert delivery.error is not None
    assert "timed out" in delivery.error.detail or "too long" in delivery.error.detail


def test_however_much_is_answered_the_status_counts_and_nothing_of_it_is_kept() -> None:
    huge = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n" + b"secret" * 100_000
    delivery, _ = tried(bench(), huge)
    assert delivery.status == "succeeded"
    assert "secret" not in json.dumps([str(delivery.result), str(delivery.error)])


@pytest.mark.parametrize(
    "rest",
    ["", "no header\r\n\r\n", "X: y\r\n" * 500, f"X: {'x' * 300_000}\r\n\r\n"],
    ids=["ends", "malformed", "many-and-cut", "huge"],
)
@pytest.mark.parametrize("before", ["", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"])
def test_a_webhook_that_was_taken_is_never_sent_again(before: str, rest: str) -> None:
    """Whatever comes before and after the status line."""
    delivery, receiver = tried(bench(), f"{before}HTTP/1.1 202 Accepted\r\n{rest}".encode())
    assert (delivery.status, len(receiver.requests)) == ("succeeded", 1)


def test_a_receiver_that_has_moved_inside_is_not_called() -> None:
    at = bench()
    at.system = replace(at.system, web=OutboundClient(Guard(), "overtime/test"))
    with receiving(response(204)) as receiver:
        delivery = work(at, ended(at, receiver.url))
    assert receiver.requests == []
    assert delivery.status == "failed"
    assert delivery.error is not None
    assert "ALLOWED_NETWORKS" in delivery.error.detail


def test_a_store_that_does_not_answer_costs_one_attempt_of_the_schedule() -> None:
    class Away:
        def of(self, owner: str, now: int) -> tuple[str, ...]:
            raise Unavailable("The jobs table could not be reached.")

    at = bench()
    with receiving(response(500)) as receiver:
        delivery = work(at, ended(at, receiver.url))
        at.clock.time = delivery.not_before
        at.system = replace(at.system, signing_secrets=Away())
        delivery = work(at, delivery)
    assert pause(delivery) == 5 * 60 * SECOND
    assert delivery.error is not None
    assert delivery.error.title == "not signed"


def test_without_a_secret_it_waits_for_one() -> None:
    at = bench()
    with receiving(response(204)) as receiver:
        delivery = ended(at, receiver.url)
        secrets = at.system.signing_secrets
        at.system = replace(at.system, signing_secrets=Bench().system.signing_secrets)
        waiting = work(at, delivery)
        assert receiver.requests == []
        assert waiting.error is not None
        assert waiting.error.title == "not signed"
        at.system = replace(at.system, signing_secrets=secrets)
        at.clock.sleep(DAY / SECOND)
        assert work(at, delivery).status == "succeeded"
