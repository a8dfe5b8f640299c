"""POST /jobs/{id}/retry: a failed or canceled job begins again."""

from __future__ import annotations

import json

import pytest

from chalicelib.http.fields import rfc3339
from chalicelib.tasks import Job, PermanentError, task
from tests.api.harness import Service, is_problem


def failed(service: Service) -> str:
    job_id = service.submitted("broken")
    service.work()
    service.run(job_id)
    assert service.job(job_id)["status"] == "failed"
    return job_id


def test_a_failed_job_is_queued_again_with_all_its_attempts(service: Service) -> None:
    job_id = failed(service)
    service.clock.sleep(60)
    answer = service.post(f"/jobs/{job_id}/retry")
    job = answer.json_body
    assert (answer.status_code, job["status"], job["attempt"]) == (202, "queued", 0)
    assert (job["error"], job["started_at"], job["finished_at"], job["expires_at"]) == (None,) * 4
    assert job == service.job(job_id)
    assert answer.headers["ETag"] == service.etag(job_id)
    assert answer.headers["Retry-After"]
    service.work()
    assert service.job(job_id)["attempt"] == 1


def test_its_deadline_begins_anew(service: Service) -> None:
    job_id = service.submitted("hopeless", Cancel_After="60s")
    service.work()
    service.clock.sleep(600)
    answer = service.post(f"/jobs/{job_id}/retry")
    assert answer.json_body["deadline"] == rfc3339(service.clock.time + 60_000)


def test_a_canceled_job_can_be_retried_and_is_not_canceled_any_more(service: Service) -> None:
    job_id = service.submitted()
    service.post(f"/jobs/{job_id}/cancel")
    assert service.post(f"/jobs/{job_id}/retry").json_body["cancel_requested"] is False
    service.work()
    assert service.job(job_id)["status"] == "succeeded"


def test_what_the_job_saved_is_still_there(service: Service) -> None:
    charged = []

    @task("charge")
    def charge(job: Job) -> int:
        job.once("charge", lambda: charged.append(1))
        if job.state is None:
            job.checkpoint({"row": 7})
            raise PermanentError("the printer is on fire")
        return int(job.state["row"])

    service.does(charge)
    job_id = service.submitted("charge")
    service.work()
    service.post(f"/jobs/{job_id}/retry")
    service.work()
    job = service.job(job_id)
    assert (job["status"], job["result"], charged) == ("succeeded", 7, [1])


def test_a_message_from_before_the_retry_means_nothing(service: Service) -> None:
    job_id = service.submitted()
    [old] = service.messages()
    service.post(f"/jobs/{job_id}/cancel")
    service.post(f"/jobs/{job_id}/retry")
    service.deliver(old)
    assert service.job(job_id)["status"] == "queued"
    [new] = service.messages()
    assert json.loads(new)["generation"] == 1


@pytest.mark.parametrize("done", [False, True])
def test_what_is_neither_failed_nor_canceled_cannot_be_retried(
    service: Service, done: bool
) -> None:
    job_id = service.submitted()
    if done:
        service.work()
    before = service.job(job_id)
    assert is_problem(service.post(f"/jobs/{job_id}/retry"), 409, "job-not-retryable")
    assert service.job(job_id) == before


# ── If-Match ──


@pytest.mark.parametrize("expected", ["{0}", "W/{0}", '"other", {0}', "*"])
def test_a_retry_can_be_bound_to_the_state_that_was_seen(service: Service, expected: str) -> None:
    job_id = failed(service)
    tag = expected.format(service.etag(job_id))
    assert service.post(f"/jobs/{job_id}/retry", If_Match=tag).status_code == 202


def test_a_job_that_has_changed_since_is_left_alone(service: Service) -> None:
    job_id = failed(service)
    seen = service.etag(job_id)
    service.post(f"/jobs/{job_id}/retry")
    service.post(f"/jobs/{job_id}/cancel")
    before = service.job(job_id)
    answer = service.post(f"/jobs/{job_id}/retry", If_Match=seen)
    assert is_problem(answer, 412, "job-changed")
    assert service.job(job_id) == before


def test_of_two_retries_of_the_same_state_one_is_refused(service: Service) -> None:
    job_id = failed(service)
    seen = service.etag(job_id)
    assert service.post(f"/jobs/{job_id}/retry", If_Match=seen).status_code == 202
    assert service.post(f"/jobs/{job_id}/retry", If_Match=seen).status_code == 412
    assert service.record(job_id).generation == 1


def test_a_change_between_look_and_write_is_noticed(service: Service) -> None:
    """The condition of the write has the last word, not the read before it."""
    job_id = failed(service)
    stored = service.system.jobs
    seen = service.etag(job_id)

    class Overtaken:
        read = stored.read

        def apply(self, id: str, write: object) -> object:
            service.replace(jobs=stored)
            service.post(f"/jobs/{job_id}/retry")
            service.post(f"/jobs/{job_id}/cancel")
            return stored.apply(id, write)  # type: ignore[arg-type]

    service.replace(jobs=Overtaken())
    answer = service.post(f"/jobs/{job_id}/retry", If_Match=seen)
    assert is_problem(answer, 412, "job-changed")
    assert service.record(job_id).generation == 1


def test_what_is_no_tag_is_refused(service: Service) -> None:
    job_id = failed(service)
    answer = service.post(f"/jobs/{job_id}/retry", If_Match="abc")
    assert is_problem(answer, 400, "malformed-request")
    assert service.job(job_id)["status"] == "failed"
