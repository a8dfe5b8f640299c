"""HEAD wherever GET is; the params of a job by themselves; a submit that leaves them out."""

from __future__ import annotations

from typing import Any

import pytest

import app as app_module
from chalicelib.http import representation
from tests.api.harness import Service, is_problem, pointers

LARGE = {"text": "x" * 5_000}  # stored apart


def test_head_is_declared_wherever_get_is() -> None:
    for path, methods in app_module.app.routes.items():
        assert ("HEAD" in methods) is ("GET" in methods), path


def test_head_answers_as_get_does_but_for_the_body(service: Service) -> None:
    job_id = service.submitted("busy")
    service.work()
    job = f"/jobs/{job_id}"
    paths = [job, f"{job}/params", f"{job}/result", f"{job}/events", f"{job}/artifacts/half.txt"]
    for path in [
        *paths,
        "/jobs",
        "/health",
        "/client.js",
        "/",
        "/docs",
        "/tasks",
        "/openapi.json",
        "/jobs/nothing",
    ]:
        found, head = service.get(path), service.request("HEAD", path)
        assert head.status_code == found.status_code, path
        assert head.headers.keys() == found.headers.keys()
        assert head.body == b""
    tag = service.etag(job_id)
    assert service.request("HEAD", job, {"If-None-Match": tag}).status_code == 304


def test_params_are_fetched_from_the_record_or_from_where_they_lie(service: Service) -> None:
    small, large = service.submitted("echo", {"number": 1.5}), service.submitted("echo", LARGE)
    answer = service.get(service.job(small)["links"]["params"])
    assert (answer.status_code, answer.body) == (200, b'{"number":1.5}\n')
    shown = service.job(large)
    assert shown["params"] is None
    answer = service.get(shown["links"]["params"])
    assert (answer.status_code, answer.body) == (303, b"")
    assert f"/jobs/{large}/" in answer.headers["Location"]
    assert "/params" in answer.headers["Location"]


def test_params_may_be_left_out_where_the_task_takes_none(service: Service) -> None:
    headers = {"Idempotency_Key": "one"}
    answer = service.post("/jobs", {"task": "busy"}, **headers)
    assert (answer.status_code, answer.json_body["params"]) == (202, {})
    again = service.post("/jobs", {"task": "busy", "params": {}}, **headers)
    assert again.json_body["id"] == answer.json_body["id"]


def test_params_may_not_be_left_out_where_the_task_takes_some(service: Service) -> None:
    answer = service.post("/jobs", {"task": "echo"})
    assert is_problem(answer, 422, "invalid-request")
    assert pointers(answer) == ["/params"]
    assert service.nothing_is_stored()


@pytest.mark.parametrize(
    "rest",
    [{}, {"params": 1}, {"params": {}, "run_at": "soon"}, {"params": {}, "other": 1}],
)
def test_an_unknown_task_is_named_before_anything_else(
    service: Service, rest: dict[str, Any]
) -> None:
    answer = service.post("/jobs", {"task": "ehco", **rest})
    assert is_problem(answer, 422, "invalid-request")
    assert pointers(answer) == ["/task"]
    assert answer.json_body["detail"].startswith("There is no task 'ehco'")


def test_a_finished_job_no_longer_says_what_it_was_doing(service: Service) -> None:
    job_id = service.submitted("busy")
    service.work()
    assert service.record(job_id).progress is not None
    assert service.job(job_id)["progress"] == {"percent": 100.0, "message": ""}


def test_the_view_of_a_job_is_built_once_a_request(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = service.submitted()
    built, job_view = [], representation.job_view

    def counted(*args: Any, **kwargs: Any) -> Any:
        built.append(args)
        return job_view(*args, **kwargs)

    monkeypatch.setattr(representation, "job_view", counted)
    service.work()
    answer = service.get(f"/jobs/{job_id}", If_None_Match='"other"', Prefer="wait=3")
    assert answer.status_code == 200
    assert len(built) == 1
