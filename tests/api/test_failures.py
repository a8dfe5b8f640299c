"""When we are at fault: what the client is told, and what the log."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.domain.errors import ConditionFailed, PermanentError
from tests.api.harness import Context, Service, is_problem
from tests.aws import ENVIRONMENT
from tests.lines import lines


class Raises:
    """A port of which every call raises this."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getattr__(self, name: str) -> Any:
        raise self.error


SECRET = "password=hunter2"


def calls(service: Service, job_id: str = "0" * 32) -> list[Any]:
    """Every call that needs the store."""
    return [
        service.submit(),
        service.submit(Idempotency_Key="k"),
        service.get("/jobs"),
        service.get(f"/jobs/{job_id}"),
        service.get(f"/jobs/{job_id}/result"),
        service.get(f"/jobs/{job_id}/events"),
        service.get(f"/jobs/{job_id}/artifacts/x"),
        service.post(f"/jobs/{job_id}/cancel"),
        service.post(f"/jobs/{job_id}/retry"),
        service.delete(f"/jobs/{job_id}"),
    ]


def test_a_500_tells_no_internals(service: Service) -> None:
    service.replace(jobs=Raises(RuntimeError(SECRET)))
    for answer in calls(service):
        assert is_problem(answer, 500, "internal-error")
        assert set(answer.json_body) == {"type", "title", "status", "detail", "request_id"}
        assert "hunter2" not in answer.body.decode()
        assert "RuntimeError" not in answer.body.decode()
        assert answer.headers["Cache-Control"] == "no-store"


def test_the_traceback_is_in_the_log_under_the_id_that_the_client_was_told(
    service: Service,
) -> None:
    service.replace(jobs=Raises(RuntimeError(SECRET)))
    with lines() as said:
        answer = service.through_api_gateway("GET", "/jobs")
    assert answer.json_body["request_id"] == Context.aws_request_id
    [line] = [line for line in said if line["level"] == "ERROR"]
    assert line["event"] == "request_failed"
    assert (line["route"], line["request_id"]) == ("/jobs", Context.aws_request_id)
    assert line["traceback"].endswith(f"RuntimeError: {SECRET}")


def test_only_a_500_bears_an_id_and_is_logged_as_an_error(
    service: Service,
) -> None:
    with lines() as said:
        for answer in (service.get("/jobs?x=1"), service.get("/jobs/x"), service.post("/jobs", [])):
            assert "request_id" not in answer.json_body
    assert [line["event"] for line in said] == ["request"] * 3
    assert {line["level"] for line in said} == {"INFO"}


@pytest.mark.parametrize("error", [ConditionFailed(None), PermanentError(SECRET)])
def test_our_own_errors_that_no_client_should_see_are_a_500_too(
    service: Service, error: Exception
) -> None:
    service.replace(jobs=Raises(error))
    answer = service.get("/jobs")
    assert is_problem(answer, 500, "internal-error")
    assert "hunter2" not in answer.body.decode()


def test_when_aws_refuses_the_answer_is_503_and_says_when_to_repeat(service: Service) -> None:
    wiring.client("dynamodb").delete_table(TableName=ENVIRONMENT["TABLE"])
    for answer in calls(service):
        assert is_problem(answer, 503, "unavailable")
        assert answer.headers["Retry-After"] == "2"
        assert "Exception" not in answer.json_body["detail"]
    assert service.messages() == []


def test_when_the_bucket_refuses_nothing_is_accepted(service: Service) -> None:
    wiring.client("s3").delete_bucket(Bucket=ENVIRONMENT["BUCKET"])
    answer = service.submit("echo", {"text": "x" * 5_000})
    assert is_problem(answer, 503, "unavailable")
    assert service.items() == []
    assert service.messages() == []


def test_without_credentials_an_upload_is_refused_for_now_and_not_as_a_bug(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring.client("s3")._request_signer, "_credentials", None)
    answer = service.post("/uploads", {"size": 1})
    assert is_problem(answer, 503, "unavailable")
    assert answer.headers["Retry-After"]


def test_when_the_queue_refuses_the_job_is_accepted_all_the_same(service: Service) -> None:
    wiring.client("sqs").delete_queue(QueueUrl=ENVIRONMENT["QUEUE_DEFAULT"])
    answer = service.submit()
    assert answer.status_code == 202
    assert len(service.items()) == 1


def test_health_needs_nothing(service: Service) -> None:
    service.replace(jobs=Raises(RuntimeError()), payloads=Raises(RuntimeError()))
    answer = service.get("/health")
    assert (answer.status_code, answer.json_body["status"]) == (200, "ok")
    assert json.dumps(answer.json_body["version"])
