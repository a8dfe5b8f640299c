"""DELETE /jobs/{id}: a finished job and all that it left behind is gone."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.errors import Unavailable
from chalicelib.tasks import Job, task
from tests.api.harness import Service, is_problem


def finished(service: Service) -> str:
    """A job with something everywhere: large params and result, artifact, log, once."""

    @task("all")
    def all_(job: Job, params: dict[str, str]) -> str:
        job.log("begun")
        job.attach("file.txt", "file")
        job.once("step", lambda: 1)
        return "x" * 40_000

    service.does(all_)
    job_id = service.submitted("all", {"text": "x" * 5_000})
    service.work()
    assert (len(service.objects()), len(service.items())) == (3, 3)
    return job_id


def test_nothing_is_left_of_an_erased_job(service: Service) -> None:
    job_id = finished(service)
    answer = service.delete(f"/jobs/{job_id}")
    assert (answer.status_code, answer.body) == (204, b"")
    assert service.nothing_is_stored()


def test_an_erased_job_is_404_to_every_call(service: Service) -> None:
    job_id = finished(service)
    service.delete(f"/jobs/{job_id}")
    for path in ("", "/result", "/events", "/artifacts/file.txt"):
        assert is_problem(service.get(f"/jobs/{job_id}{path}"), 404, "not-found")
    for action in ("cancel", "retry"):
        assert is_problem(service.post(f"/jobs/{job_id}/{action}"), 404, "not-found")
    assert is_problem(service.delete(f"/jobs/{job_id}"), 404, "not-found")


def test_others_keep_theirs(service: Service) -> None:
    goes = finished(service)
    stays = service.submitted("busy")
    service.work()
    before = service.job(stays)
    service.delete(f"/jobs/{goes}")
    assert service.job(stays) == before
    assert service.get(f"/jobs/{stays}/artifacts/half.txt").status_code == 303
    assert len(service.get(f"/jobs/{stays}/events").json_body["events"]) == 4


@pytest.mark.parametrize("task_name", ["echo", "patient"])
def test_a_job_that_is_not_finished_cannot_be_erased(service: Service, task_name: str) -> None:
    job_id = service.submitted(task_name)
    if task_name == "patient":
        service.work()
    before = service.job(job_id)
    assert is_problem(service.delete(f"/jobs/{job_id}"), 409, "job-not-finished")
    assert service.job(job_id) == before


def test_failed_and_canceled_jobs_can_be_erased(service: Service) -> None:
    ids = [service.submitted("hopeless"), service.submitted()]
    service.post(f"/jobs/{ids[1]}/cancel")
    service.work()
    assert [service.delete(f"/jobs/{job_id}").status_code for job_id in ids] == [204, 204]
    assert service.nothing_is_stored()


def test_an_erase_that_was_cut_off_hides_the_job_and_is_finished_by_the_sweeper(
    service: Service,
) -> None:
    job_id = finished(service)
    payloads = service.system.payloads

    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise Unavailable("The bucket did not answer.")

    service.replace(payloads=Broken())
    assert is_problem(service.delete(f"/jobs/{job_id}"), 503, "unavailable")
    assert len(service.objects()) == 3
    assert is_problem(service.get(f"/jobs/{job_id}"), 404, "not-found")
    assert service.get("/jobs").json_body["jobs"] == []
    service.replace(payloads=payloads)
    service.sweep()
    assert service.nothing_is_stored()
