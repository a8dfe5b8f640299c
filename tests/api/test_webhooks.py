"""A webhook tells of every end of a job, once: with the very write that makes it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from chalicelib.domain.errors import RetryLater
from chalicelib.domain.job import DAY, HOUR, MINUTE, TERMINAL, JobRecord
from chalicelib.domain.transitions import TABLE
from chalicelib.domain.webhooks import webhook_job_ids
from chalicelib.outbound.client import OutboundClient
from chalicelib.outbound.guard import Guard
from chalicelib.tasks import Job, task
from chalicelib.testing import Bench
from tests.api.harness import BASE, Answer, Service, is_problem, pointers
from tests.receiver import receiving, response

SECRET = "whsec_c2VjcmV0IGZvciB0ZXN0cw=="
URL = "http://127.0.0.1:9/hook"


@pytest.fixture
def service(service: Service) -> Service:
    service.system.signing_secrets.replace("local", None, SECRET, 0)
    return service


def submit(service: Service, name: str = "echo", **changes: Any) -> Answer:
    webhook = changes.pop("webhook", {"url": URL})
    given = {"Idempotency_Key", "Cancel_After"} & changes.keys()
    headers = {header: changes.pop(header) for header in given}
    body = {"task": name, "params": {}, "webhook": webhook, **changes}
    return service.post("/jobs", body, **headers)


def submitted(service: Service, name: str = "echo", **changes: Any) -> str:
    answer = submit(service, name, **changes)
    assert answer.status_code == 202, answer.body
    return str(answer.json_body["id"])


def deliveries(service: Service, job_id: str) -> list[JobRecord]:
    return service.system.jobs.read_many(webhook_job_ids(service.record(job_id)))


def body_of(delivery: JobRecord) -> dict[str, Any]:
    params = json.loads(delivery.params.text or "")
    return dict(json.loads(params["body"]))


# ── every end, whichever verb makes it ────────────────────────────────────────────────────


def succeeds(service: Service, name: str = "echo") -> str:
    job_id = submitted(service, name)
    service.work()
    return job_id


def is_canceled_while_queued(service: Service) -> str:
    job_id = submitted(service)
    service.post(f"/jobs/{job_id}/cancel")
    return job_id


def is_canceled_while_it_runs(service: Service) -> str:
    @task("runs")
    def runs(job: Job) -> None:
        service.post(f"/jobs/{job.id}/cancel")
        service.beat()
        job.time_left()
        raise RetryLater(60)

    service.does(runs)
    return succeeds(service, "runs")


def loses_its_worker(service: Service, *, canceled: bool = False) -> str:
    @task("dies", max_attempts=1)
    def dies(job: Job) -> None:
        if canceled:
            service.post(f"/jobs/{job.id}/cancel")
        raise SystemError("no finish")

    def gone(*_: Any) -> None:
        raise KeyboardInterrupt

    service.does(dies)
    job_id = submitted(service, "dies")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("chalicelib.service.worker._finish", gone)
        with pytest.raises(KeyboardInterrupt):
            service.work()
    service.clock.sleep(2 * MINUTE / 1_000)
    service.sweep()
    return job_id


def runs_out_of_time(service: Service) -> str:
    job_id = submitted(service, Cancel_After="5m")
    service.clock.sleep(301)
    service.sweep()
    return job_id


def is_seen_to_have_run_out_of_time(service: Service) -> str:
    job_id = submitted(service, Cancel_After="5m")
    service.clock.sleep(301)
    service.job(job_id)
    return job_id


ENDS: list[tuple[Callable[[Service], str], str, str]] = [
    (succeeds, "succeed", "succeeded"),
    (lambda service: succeeds(service, "hopeless"), "fail", "failed"),
    (is_canceled_while_queued, "cancel", "canceled"),
    (is_canceled_while_it_runs, "acknowledge_cancel", "canceled"),
    (loses_its_worker, "rescue", "failed"),
    (lambda service: loses_its_worker(service, canceled=True), "rescue", "canceled"),
    (runs_out_of_time, "expire", "failed"),
    (is_seen_to_have_run_out_of_time, "expire", "failed"),
]


def test_every_end_that_a_verb_makes_is_among_them() -> None:
    made = {(verb, end) for verb, row in TABLE.items() for end in row.end & TERMINAL}
    assert {(verb, told) for _, verb, told in ENDS} == made


@pytest.mark.parametrize(("end", "verb", "told"), ENDS)
def test_every_end_has_its_delivery_with_the_job_as_it_was(
    service: Service, end: Callable[[Service], str], verb: str, told: str
) -> None:
    job_id = end(service)
    record = service.record(job_id)
    assert (record.history[-1].verb, record.status) == (verb, told)
    [delivery] = deliveries(service, job_id)
    body = body_of(delivery)
    assert (body["type"], body["timestamp"]) == (f"job.{told}", body["data"]["updated_at"])
    assert body["data"] == service.job(job_id)
    assert json.loads(service.messages("webhooks")[0])["job"] == delivery.id


def test_only_the_ends_that_were_asked_for_are_told(service: Service) -> None:
    webhook = {"url": URL, "events": ["failed"]}
    good, bad = (submitted(service, name, webhook=webhook) for name in ("echo", "hopeless"))
    service.work()
    assert (len(deliveries(service, good)), len(deliveries(service, bad))) == (0, 1)


def test_a_step_on_the_way_is_not_told(service: Service) -> None:
    job_id = submitted(service, "broken")
    service.work()
    assert service.job(job_id)["wait_reason"] == "backoff"
    assert deliveries(service, job_id) == []
    service.run(job_id)
    assert len(deliveries(service, job_id)) == 1


def test_the_end_of_a_retry_is_told_anew_under_another_id(service: Service) -> None:
    job_id = succeeds(service, "hopeless")
    service.post(f"/jobs/{job_id}/retry")
    service.work()
    first, second = deliveries(service, job_id)
    assert first.id != second.id
    assert body_of(second)["timestamp"] >= body_of(first)["timestamp"]


def test_a_long_body_leaves_out_params_and_result(service: Service) -> None:
    size = 1_000

    @task("gives")
    def gives(job: Job) -> str:
        return "x" * size

    service.does(gives)
    [delivery] = deliveries(service, succeeds(service, "gives"))
    data = body_of(delivery)["data"]
    assert (data["params"], data["result"]) == ({}, "x" * 1_000)
    size = 25_000
    [delivery] = deliveries(service, succeeds(service, "gives"))
    data = body_of(delivery)["data"]
    assert (data["params"], data["result"]) == (None, None)
    assert data["links"]["result"].startswith(BASE)


# ── delivered, whatever is lost ───────────────────────────────────────────────────────────


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
    assert told["data"] == service.job(job_id)


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


# ── what a client sees of it ──────────────────────────────────────────────────────────────


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


# ── submit ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nowhere",
        "ftp://ada.example/",
        "https://user:pass@ada.example/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::ffff:10.0.0.1]/",
        "https://2130706433/",
        "https://ada.example../",
        "https://ada.example\\@evil.example/",
        "https://ada.example/" + "x" * 2_048,
    ],
)
def test_a_url_that_may_not_be_called_is_refused(service: Service, url: str) -> None:
    answer = submit(service, webhook={"url": url})
    assert is_problem(answer, 422, "invalid-request")
    assert pointers(answer) == ["/webhook/url"]
    assert service.nothing_is_stored()


@pytest.mark.parametrize("url", ["HTTPS://Ada.Example/hook", "https://ada.example.:443/hook"])
def test_a_url_may_be_written_as_urls_are(service: Service, url: str) -> None:
    service.replace(web=OutboundClient(Guard(), "overtime/test"))
    assert submit(service, webhook={"url": url}).status_code == 202


@pytest.mark.parametrize(
    "url", ["http://ada.example/", "https://127.0.0.1/", "https://a.example:8080/"]
)
def test_a_stage_that_opens_no_network_takes_public_https_only(service: Service, url: str) -> None:
    service.replace(web=OutboundClient(Guard(), "overtime/test"))
    answer = submit(service, webhook={"url": url})
    assert is_problem(answer, 422, "invalid-request")
    assert pointers(answer) == ["/webhook/url"]
    assert submit(service, webhook={"url": "https://ada.example/hook"}).status_code == 202


@pytest.mark.parametrize(
    ("webhook", "pointer"),
    [
        ({}, "/webhook/url"),
        ("https://ada.example/", "/webhook"),
        ({"url": URL, "events": []}, "/webhook/events"),
        ({"url": URL, "events": ["started"]}, "/webhook/events/0"),
        ({"url": URL, "secret": "x"}, "/webhook/secret"),
    ],
)
def test_what_is_no_webhook_is_refused(service: Service, webhook: Any, pointer: str) -> None:
    answer = submit(service, webhook=webhook)
    assert is_problem(answer, 422, "invalid-request")
    assert pointers(answer) == [pointer]


def test_without_a_secret_the_owner_is_told_how_one_is_made(service: Service) -> None:
    service.replace(signing_secrets=Bench().system.signing_secrets)
    answer = submit(service)
    assert is_problem(answer, 422, "invalid-request")
    assert pointers(answer) == ["/webhook"]
    assert "make webhook-secret STAGE=… OWNER=local" in answer.json_body["detail"]
    assert service.nothing_is_stored()


def test_null_is_none(service: Service) -> None:
    assert service.record(submitted(service, webhook=None)).webhook is None


def test_a_webhook_belongs_to_what_an_idempotency_key_stands_for(service: Service) -> None:
    first = submitted(service, Idempotency_Key="k")
    every = ["canceled", "failed", "succeeded", "failed"]
    same = submit(service, Idempotency_Key="k", webhook={"url": URL, "events": every})
    assert (same.status_code, same.json_body["id"]) == (202, first)
    for webhook, pointer in (
        ({"url": URL + "2"}, "/webhook/url"),
        ({"url": URL, "events": ["failed"]}, "/webhook/events"),
        (None, "/webhook"),
    ):
        other = submit(service, Idempotency_Key="k", webhook=webhook)
        assert is_problem(other, 422, "idempotency-key-reused")
        assert pointers(other) == [pointer]


# ── erase ─────────────────────────────────────────────────────────────────────────────────


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
