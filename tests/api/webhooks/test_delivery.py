"""A webhook is delivered whatever is lost, seen in the events of its job, and erased with it."""

from __future__ import annotations

import time
from typing import Any

from standardwebhooks import Webhook as Verifier

from chalicelib.domain.job import DAY, HOUR
from tests.api.harness import Service, is_problem

# ── delivered, whatever is lost ──
from tests.api.webhooks.harness import (
    SECRET,
    URL,
    deliveries,
    is_canceled_while_queued,
    submitted,
    succeeds,
)
from tests.receiver import receiving, response


def test_it_is_received_and_verifies(service: Service) -> None:
    service.clock.time = time.time_ns() // 1_000_000
    with receiving(response(200)) as receiver:
        job_id = submitted(service, webhook={"url": receiver.url})
        service.work()
        service.work("webhooks")
    [request] = receiver.requests
    head, _, body = request.partition(b"\r\n\r\n")
    lines = (line.partition(": ") for line in head.decode().split("\r\n")[1:])
    told = Verifier(SECRET).verify(body, {name: value for name, _, value in lines})
    assert told["data"] | {"children": None} == service.job(job_id)


def test_a_worker_killed_between_finish_and_delivery_loses_nothing(service: Service) -> None:
    with receiving(response(200)) as receiver:
        submitted(service, webhook={"url": receiver.url})
        service.work()
        assert len(service.messages("webhooks")) == 1  # and it is lost
        service.clock.sleep(121)
        service.sweep()
        service.work("webhooks")
        service.clock.sleep(10_000)
        service.sweep()
        service.work("webhooks")
    assert len(receiver.requests) == 1


def test_a_message_that_comes_twice_delivers_once(service: Service) -> None:
    with receiving(response(200)) as receiver:
        submitted(service, webhook={"url": receiver.url})
        service.work()
        [message] = service.messages("webhooks")
        service.deliver(message, "webhooks")
        service.deliver(message, "webhooks")
    assert len(receiver.requests) == 1


# ── what a client sees of it ──


def test_the_events_tell_what_became_of_it(service: Service) -> None:
    with receiving(response(503)) as receiver:
        job_id = submitted(service, webhook={"url": receiver.url})
        service.work()
        service.work("webhooks")
    service.clock.sleep(60)
    with receiving(response(200)) as receiver:
        [delivery] = deliveries(service, job_id)
        service.run(delivery.id, "webhooks")
    events = service.get(f"/jobs/{job_id}/events").json_body["events"]
    told = [e for e in events if e["type"] == "webhook"]
    assert [(e["verb"], e["status"], e.get("attempt")) for e in told] == [
        ("submit", "queued", None),
        ("claim", "running", 1),
        ("retry_later", "queued", 1),
        ("claim", "running", 2),
        ("retry_later", "queued", 2),
    ]
    assert told[2]["error"]["title"] == "answered 503"
    assert told[4]["error"]["detail"].startswith("POST http://127.0.0.1:")
    own = [e["verb"] for e in events if e["type"] == "transition"]
    assert own == ["submit", "claim", "succeed"]
    assert [e["at"] for e in events] == sorted(e["at"] for e in events)


def test_of_a_job_that_was_retried_often_the_last_deliveries_are_told(service: Service) -> None:
    job_id = is_canceled_while_queued(service)
    for _ in range(12):
        service.post(f"/jobs/{job_id}/retry")
        service.post(f"/jobs/{job_id}/cancel")
    assert len(deliveries(service, job_id)) == 13
    events = service.get(f"/jobs/{job_id}/events?limit=100").json_body["events"]
    assert sum(e["type"] == "webhook" for e in events) == 10


def test_a_delivery_is_nobodys_job(service: Service) -> None:
    job_id = succeeds(service)
    [delivery] = deliveries(service, job_id)
    assert [job["id"] for job in service.get("/jobs").json_body["jobs"]] == [job_id]
    for path in ("", "/result", "/events"):
        assert is_problem(service.get(f"/jobs/{delivery.id}{path}"), 404, "not-found")
    for action in ("cancel", "retry"):
        assert is_problem(service.post(f"/jobs/{delivery.id}/{action}"), 404, "not-found")
    assert is_problem(service.delete(f"/jobs/{delivery.id}"), 404, "not-found")
    body = {"task": "overtime.webhook", "params": {"url": URL, "body": "{}"}}
    assert is_problem(service.post("/jobs", body), 422, "invalid-request")
    tasks = service.get("/tasks").json_body["tasks"]
    assert not any(one["name"].startswith("overtime.") for one in tasks)


# ── erase ──


def test_an_erase_takes_the_deliveries_with_it(service: Service) -> None:
    job_id = succeeds(service, "hopeless")
    service.work("webhooks")
    service.post(f"/jobs/{job_id}/retry")
    service.work()
    assert [d.wait_reason for d in deliveries(service, job_id)] == ["backoff", "backlog"]
    assert service.delete(f"/jobs/{job_id}").status_code == 204
    service.messages("webhooks")
    assert service.nothing_is_stored()


def test_a_delivery_under_way_is_called_off_first(service: Service) -> None:
    seen: list[Any] = []

    def erase_meanwhile(connection: Any) -> None:
        seen.append(service.delete(f"/jobs/{job_id}").status_code)
        seen.append(is_problem(service.get(f"/jobs/{job_id}"), 404, "not-found"))
        seen.append(service.record(job_id).status)
        seen.append(service.record(delivery.id).cancel_requested)
        service.sweep()
        seen.append(service.record(job_id).status)
        connection.sendall(response(503))

    with receiving(erase_meanwhile) as receiver:
        job_id = submitted(service, webhook={"url": receiver.url})
        service.work()
        [delivery] = deliveries(service, job_id)
        service.work("webhooks")
    assert seen == [204, True, "erasing", True, "erasing"]
    assert service.record(delivery.id).status == "canceled"
    service.sweep()
    assert service.nothing_is_stored()


def test_a_delivery_outlives_its_job_where_nobody_erases_it(service: Service) -> None:
    job_id = succeeds(service)
    [delivery] = deliveries(service, job_id)
    assert delivery.deadline - service.clock.time < service.record(job_id).retention
    assert delivery.expires_at is None
    service.work("webhooks")
    assert service.record(delivery.id).deadline > service.clock.time + 11 * DAY + HOUR
