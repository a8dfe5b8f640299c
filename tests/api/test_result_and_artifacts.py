"""What came of a job: its result, and the files that it attached."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib import wiring
from chalicelib.tasks import Job, task
from tests.api.harness import BASE, Service, is_problem
from tests.aws import ENVIRONMENT


def fetched(url: str) -> bytes:
    """The object that a presigned URL names, once it has been seen to be signed."""
    parts = urlsplit(url)
    assert "X-Amz-Signature" in parse_qs(parts.query)
    bucket = ENVIRONMENT["BUCKET"]
    key = parts.path.removeprefix(f"/{bucket}").removeprefix("/")
    body: bytes = wiring.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def returning(service: Service, value: Any) -> Any:
    @task("give")
    def give(job: Job) -> Any:
        return value

    service.does(give)
    job_id = service.submitted("give")
    service.work()
    return service.get(f"/jobs/{job_id}/result")


@pytest.mark.parametrize("value", [None, 0, "", [], {"a": [1, {"b": None}]}, "ü\u2028", 1.5, False])
def test_a_result_is_answered_as_the_json_it_is(service: Service, value: Any) -> None:
    answer = returning(service, value)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.json_body == value


def test_a_result_over_32_kib_is_fetched_from_the_bucket(service: Service) -> None:
    at_most = returning(service, "x" * (32 * 1024 - 2))
    assert at_most.status_code == 200
    answer = returning(service, "x" * (32 * 1024 - 1))
    assert (answer.status_code, answer.body) == (303, b"")
    assert fetched(answer.headers["Location"]) == b'"' + b"x" * (32 * 1024 - 1) + b'"'
    assert query(answer.headers["Location"])["response-content-type"] == "application/json"


@pytest.mark.parametrize("task_name", ["echo", "patient"])
def test_a_job_that_is_not_finished_has_no_result_yet(service: Service, task_name: str) -> None:
    job_id = service.submitted(task_name)
    if task_name == "patient":
        service.work()  # and it is to be tried again
    answer = service.get(f"/jobs/{job_id}/result")
    assert is_problem(answer, 409, "job-not-finished")
    assert int(answer.headers["Retry-After"]) > 0


def test_a_failed_job_has_no_result_but_an_error(service: Service) -> None:
    job_id = service.submitted("hopeless")
    service.work()
    answer = service.get(f"/jobs/{job_id}/result")
    assert is_problem(answer, 409, "job-not-succeeded")
    assert answer.json_body["error"] == service.job(job_id)["error"]
    assert answer.json_body["error"]["detail"] == "there is no such file"
    assert "Retry-After" not in answer.headers


def test_a_canceled_job_has_neither(service: Service) -> None:
    job_id = service.submitted()
    service.post(f"/jobs/{job_id}/cancel")
    answer = service.get(f"/jobs/{job_id}/result")
    assert is_problem(answer, 409, "job-not-succeeded")
    assert "error" not in answer.json_body


def test_artifacts_are_listed_with_the_job_and_fetched_from_the_bucket(service: Service) -> None:
    job_id = service.submitted("busy")
    service.work()
    [artifact] = service.job(job_id)["artifacts"]
    assert artifact == {
        "name": "half.txt",
        "content_type": "text/plain",
        "size": 4,
        "url": f"{BASE}/jobs/{job_id}/artifacts/half.txt",
    }
    answer = service.get(artifact["url"])
    assert (answer.status_code, answer.body) == (303, b"")
    location = answer.headers["Location"]
    assert fetched(location) == b"half"
    assert query(location)["X-Amz-Expires"] == "900"
    assert query(location)["response-content-type"] == "text/plain"
    assert (
        query(location)["response-content-disposition"] == "attachment; filename*=UTF-8''half.txt"
    )


def test_a_presigned_url_is_not_to_be_kept(service: Service) -> None:
    job_id = service.submitted("busy")
    service.work()
    answer = service.get(f"/jobs/{job_id}/artifacts/half.txt")
    assert answer.headers["Cache-Control"] == "no-store"


def test_artifacts_of_a_running_job_can_be_fetched_already(service: Service) -> None:
    seen = []

    @task("walk")
    def walk(job: Job) -> None:
        job.attach("part.csv", "a,b")
        service.beat()
        seen.append(service.get(f"/jobs/{job.id}/artifacts/part.csv"))

    service.does(walk)
    service.submitted("walk")
    service.work()
    assert fetched(seen[0].headers["Location"]) == b"a,b"


@pytest.mark.parametrize(
    "name", ["other.txt", "HALF.TXT", "half.txt%00", "..", "..%2f..%2fparams", "%20", "x" * 2_000]
)
def test_an_artifact_that_there_is_not_is_404(service: Service, name: str) -> None:
    job_id = service.submitted("busy")
    service.work()
    answer = service.get(f"/jobs/{job_id}/artifacts/{name}")
    assert is_problem(answer, 404, "not-found")
    assert "half.txt" in answer.json_body["detail"]
