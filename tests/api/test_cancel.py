"""POST /jobs/{id}/cancel."""

from __future__ import annotations

from typing import Any

from chalicelib.tasks import Job, task
from tests.api.harness import Service, is_problem


def canceling(service: Service, times: int = 1) -> tuple[str, list[Any]]:
    """The id of a job that was canceled while it ran, and the answers."""
    answers: list[Any] = []

    @task("walk")
    def walk(job: Job) -> None:
        answers.extend(service.post(f"/jobs/{job.id}/cancel") for _ in range(times))
        job.attach("kept.txt", "what was done so far")
        service.beat()
        raise AssertionError("it was told to stop before")

    service.does(walk)
    job_id = service.submitted("walk")
    service.work()
    return job_id, answers


def test_a_queued_job_is_canceled_at_once(service: Service) -> None:
    job_id = service.submitted()
    answer = service.post(f"/jobs/{job_id}/cancel")
    assert (answer.status_code, answer.json_body["status"]) == (200, "canceled")
    assert answer.json_body == service.job(job_id)
    assert answer.headers["ETag"] == service.etag(job_id)
    assert "Retry-After" not in answer.headers
    service.work()
    assert service.record(job_id).attempt == 0


def test_a_running_job_is_told_and_stops(service: Service) -> None:
    job_id, [answer] = canceling(service)
    assert answer.status_code == 202
    told = answer.json_body
    assert (told["status"], told["cancel_requested"]) == ("running", True)
    assert answer.headers["Retry-After"] == "1"
    job = service.job(job_id)
    assert (job["status"], job["error"]) == ("canceled", None)
    assert [artifact["name"] for artifact in job["artifacts"]] == ["kept.txt"]


def test_telling_it_twice_changes_nothing(service: Service) -> None:
    _, [first, second] = canceling(service, times=2)
    assert second.status_code == 202
    assert second.json_body == first.json_body


def test_a_job_that_waits_for_another_attempt_is_canceled_at_once(service: Service) -> None:
    job_id = service.submitted("patient")
    service.work()
    assert service.post(f"/jobs/{job_id}/cancel").status_code == 200
    service.clock.sleep(600)
    service.run(job_id)
    assert service.job(job_id)["status"] == "canceled"


def test_a_task_that_fails_after_a_cancel_is_canceled_not_retried(service: Service) -> None:
    @task("stubborn")
    def stubborn(job: Job) -> None:
        service.post(f"/jobs/{job.id}/cancel")
        raise ValueError("before it could be told")

    service.does(stubborn)
    job_id = service.submitted("stubborn")
    service.work()
    assert service.job(job_id)["status"] == "canceled"


def test_a_task_that_is_done_before_it_hears_of_it_has_succeeded(service: Service) -> None:
    @task("quick")
    def quick(job: Job) -> str:
        service.post(f"/jobs/{job.id}/cancel")
        return "done"

    service.does(quick)
    job_id = service.submitted("quick")
    service.work()
    job = service.job(job_id)
    assert (job["status"], job["result"]) == ("succeeded", "done")


def test_a_canceled_job_can_be_canceled_again(service: Service) -> None:
    job_id = service.submitted()
    first = service.post(f"/jobs/{job_id}/cancel")
    service.clock.sleep(1)
    again = service.post(f"/jobs/{job_id}/cancel")
    assert (again.status_code, again.json_body) == (200, first.json_body)


def test_what_has_succeeded_or_failed_cannot_be_canceled(service: Service) -> None:
    ids = [service.submitted("echo"), service.submitted("hopeless")]
    service.work()
    for job_id in ids:
        before = service.job(job_id)
        answer = service.post(f"/jobs/{job_id}/cancel")
        assert is_problem(answer, 409, "job-finished")
        assert service.job(job_id) == before


def test_a_job_whose_deadline_has_passed_cannot_be_canceled(service: Service) -> None:
    job_id = service.submitted(Cancel_After="5s")
    service.clock.sleep(5)
    assert is_problem(service.post(f"/jobs/{job_id}/cancel"), 409, "job-finished")
