"""Cancel-After, the deadlines that tasks have anyway, and what becomes of jobs in the end."""

from __future__ import annotations

import pytest

from chalicelib.domain.job import DAY
from chalicelib.http.fields import rfc3339
from chalicelib.tasks import Job, task
from tests.api.harness import Service, is_problem, pointers


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("5s", 5), ("5m", 300), ("1h30m", 5_400), ("1h1m1s", 3_661), ("0h90s", 90), (" 30s ", 30)],
)
def test_cancel_after_counts_from_creation(service: Service, value: str, seconds: int) -> None:
    job = service.submit(Cancel_After=value).json_body
    assert job["deadline"] == rfc3339(service.clock.time + seconds * 1_000)


@pytest.mark.parametrize(
    "value",
    ["", "4s", "0s", "5", "s", "-5s", "1.5h", "5 m", "30m1h", "PT5M", "8761h", "1e3s", "٣m"],
)
def test_a_duration_that_is_none_is_refused(service: Service, value: str) -> None:
    assert is_problem(service.submit(Cancel_After=value), 400, "malformed-request")
    assert service.nothing_is_stored()


def test_without_it_the_deadline_is_the_tasks_own(service: Service) -> None:
    assert service.submit("slow").json_body["deadline"] == rfc3339(service.clock.time + 60_000)
    assert service.submit("order", {"lines": []}).json_body["deadline"] == rfc3339(
        service.clock.time + DAY
    )


def test_a_read_that_notices_a_passed_deadline_writes_it_down(service: Service) -> None:
    job_id = service.submitted(Cancel_After="30s")
    service.clock.sleep(29.999)
    assert service.job(job_id)["status"] == "queued"
    service.clock.sleep(0.001)
    job = service.job(job_id)
    assert job["status"] == "failed"
    assert job["error"]["type"] == "/problems/deadline-exceeded"
    assert job["finished_at"] == job["deadline"]
    assert service.record(job_id).status == "failed"


def test_the_sweeper_finds_a_passed_deadline_without_a_read(service: Service) -> None:
    job_id = service.submitted(Cancel_After="30s")
    service.clock.sleep(31)
    service.sweep()
    assert service.record(job_id).status == "failed"


def test_a_job_is_not_begun_after_its_deadline(service: Service) -> None:
    job_id = service.submitted(Cancel_After="30s")
    service.clock.sleep(31)
    service.work()
    record = service.record(job_id)
    assert (record.status, record.attempt) == ("failed", 0)


def test_a_running_job_is_stopped_at_its_deadline(service: Service) -> None:
    @task("endless")
    def endless(job: Job) -> None:
        service.clock.sleep(31)
        service.beat()
        job.progress(0.5)
        raise AssertionError("it was told to stop before")

    service.does(endless)
    job_id = service.submitted("endless", Cancel_After="30s")
    service.work()
    job = service.job(job_id)
    assert (job["status"], job["error"]["type"]) == ("failed", "/problems/deadline-exceeded")


def test_a_job_that_could_never_run_is_refused(service: Service) -> None:
    body = {"task": "echo", "params": {}, "run_at": rfc3339(service.clock.time + 60_000)}
    refused = service.post("/jobs", body, Cancel_After="60s")
    assert is_problem(refused, 422, "invalid-request")
    assert pointers(refused) == ["/run_at"]
    assert service.nothing_is_stored()
    assert service.post("/jobs", body, Cancel_After="61s").status_code == 202


# ── expiry of the record ──


def test_a_job_expires_only_once_it_is_finished(service: Service) -> None:
    job_id = service.submitted("order", {"lines": []})
    assert service.job(job_id)["expires_at"] is None
    service.work()
    job = service.job(job_id)
    assert job["expires_at"] == rfc3339(service.clock.time + 30 * DAY)
    assert all("ttl" in item for item in service.items())


def test_an_expired_job_is_gone_although_its_record_is_still_there(service: Service) -> None:
    job_id = service.submitted(params={"text": "x" * 5_000})
    service.work()
    service.clock.sleep(30 * DAY / 1_000 - 1)
    assert service.get(f"/jobs/{job_id}").status_code == 200
    service.clock.sleep(1)
    for path in ("", "/result", "/events", "/artifacts/x"):
        assert is_problem(service.get(f"/jobs/{job_id}{path}"), 404, "not-found")
    for action in ("cancel", "retry"):
        assert is_problem(service.post(f"/jobs/{job_id}/{action}"), 404, "not-found")
    assert is_problem(service.delete(f"/jobs/{job_id}"), 404, "not-found")
    assert service.get("/jobs").json_body["jobs"] == []
    assert len(service.items()) == 1
