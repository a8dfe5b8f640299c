"""What a request and a job leave in the log: who, which, how long; and nothing secret."""

from __future__ import annotations

import logging

from chalicelib.tasks import Job, task
from tests.api.harness import Context, Service
from tests.lines import lines


def test_a_request_is_one_line_that_says_how_it_was_answered(service: Service) -> None:
    for method, path, route, status in (
        ("GET", "/health", "/health", 200),
        ("GET", f"/jobs/{'0' * 32}", "/jobs/{job_id}", 404),
        ("POST", "/jobs", "/jobs", 400),
    ):
        with lines() as said:
            service.through_api_gateway(method, path, body=b"{" if method == "POST" else None)
        [line] = said
        assert (line["event"], line["level"]) == ("request", "INFO")
        assert (line["method"], line["route"], line["http_status"]) == (method, route, status)
        assert line["request_id"] == Context.aws_request_id
        assert line["function"] == Context.function_name
        assert line["ms"] >= 0
        assert ("owner" in line) == (path != "/health")


def test_the_line_of_a_request_names_its_job(service: Service) -> None:
    with lines() as said:
        job_id = service.submitted()
        service.get(f"/jobs/{job_id}")
        service.post(f"/jobs/{job_id}/cancel")
    requests = [line for line in said if line["event"] == "request"]
    assert [line["http_status"] for line in requests] == [202, 200, 200]
    for line in requests:
        assert (line["job"], line["task"], line["owner"], line["attempt"]) == (
            job_id,
            "echo",
            "local",
            0,
        )


def test_every_line_of_a_run_names_the_job_a_librarys_and_the_tasks_own_too(
    service: Service,
) -> None:
    @task("talk")
    def talk(job: Job) -> None:
        logging.getLogger("some.library").warning("shaky")
        logging.info("the task's own")
        job.log("to the client")
        raise ValueError("no")

    service.does(talk)
    job_id = service.submitted("talk")
    with lines() as said:
        service.work()
    events = [line["event"] for line in said]
    assert events == [
        "claim",
        "shaky",
        "the task's own",
        "job_log",
        "attempt_failed",
        "retry_later",
    ]
    for line in said:
        assert (line["job"], line["task"], line["attempt"]) == (job_id, "talk", 1)
        assert (line["owner"], line["request_id"]) == ("local", Context.aws_request_id)


def test_a_message_that_finds_nothing_to_do_says_so(service: Service) -> None:
    job_id = service.submitted()
    service.run(job_id)
    with lines() as said:
        service.run(job_id)
    [line] = said
    assert (line["event"], line["job"]) == ("nothing_to_claim", job_id)


def test_nothing_secret_is_logged(service: Service) -> None:
    with lines() as said:
        answer = service.submit(
            "echo",
            {"text": "hunter2"},
            Authorization="Bearer ovt_hunter2",
            Idempotency_Key="hunter2",
        )
        job_id = answer.json_body["id"]
        service.work()
        service.get(f"/jobs/{job_id}", Authorization="Bearer ovt_hunter2")
        service.post("/jobs", {"task": "echo", "params": {"texts": "hunter2"}})
        service.post("/uploads", {"size": 5, "filename": "hunter2.csv"})
    assert len(said) > 6
    assert not [line for line in said if "hunter2" in str(line)]
