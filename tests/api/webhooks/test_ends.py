"""A webhook tells of every end of a job, once: with the very write that makes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.errors import RetryLater
from chalicelib.domain.job import MINUTE, TERMINAL
from chalicelib.domain.transitions import TABLE
from chalicelib.domain.waiting_verbs import abandon
from chalicelib.service.transition import carry_out
from chalicelib.tasks import Job, task
from tests.api.harness import BASE, Service
from tests.api.webhooks.harness import (
    URL,
    body_of,
    deliveries,
    is_canceled_while_queued,
    submitted,
    succeeds,
)
from tests.records import PROBLEM


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


def is_abandoned(service: Service) -> str:
    @task("runs")
    def runs(job: Job) -> None:
        record = service.system.jobs.read(job.id)
        assert record is not None
        carry_out(service.system, record, lambda now_is, at: abandon(now_is, at, PROBLEM))

    service.does(runs)
    return succeeds(service, "runs")


ENDS: list[tuple[Callable[[Service], str], str, str]] = [
    (succeeds, "succeed", "succeeded"),
    (lambda service: succeeds(service, "hopeless"), "fail", "failed"),
    (is_canceled_while_queued, "cancel", "canceled"),
    (is_canceled_while_it_runs, "acknowledge_cancel", "canceled"),
    (is_abandoned, "abandon", "canceled"),
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
    assert body["data"] | {"children": None} == service.job(job_id)
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
