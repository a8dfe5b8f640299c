"""What each call costs, in calls to AWS."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import app as app_module
from chalicelib import wiring
from chalicelib.aws.secrets import Secrets
from chalicelib.tasks import Job, RetryLater, task
from tests.api.harness import Service
from tests.aws import ENVIRONMENT, ROOT, counted

LARGE = {"text": "x" * 5_000}


@contextmanager
def calls() -> Iterator[list[str]]:
    with counted(*map(wiring.client, ("dynamodb", "sqs", "s3"))) as made:
        yield made


@pytest.mark.parametrize("headers", [{}, {"Idempotency_Key": "k"}, {"Cancel_After": "5m"}])
def test_a_submit_is_one_write_and_one_send(service: Service, headers: dict[str, str]) -> None:
    with calls() as made:
        service.submit(**headers)
    assert made == ["dynamodb.PutItem", "sqs.SendMessage"]


def test_a_process_reads_the_stages_secret_once_and_only_for_what_needs_it(
    service: Service,
) -> None:
    cold = wiring.system(app_module.settings).secrets
    assert isinstance(cold, Secrets)
    service.replace(secrets=dataclasses.replace(cold))
    with calls() as made:
        for _ in range(2):
            service.submit()
        service.get("/jobs")
    assert made == [
        *["dynamodb.PutItem", "sqs.SendMessage"] * 2,
        *["dynamodb.Query", "dynamodb.BatchGetItem"],
    ]
    of_a_fresh_stage = ["dynamodb.GetItem", "dynamodb.UpdateItem"]
    with calls() as made:
        service.submit(Idempotency_Key="k")
        service.get("/jobs?limit=1")
    assert made == [
        *[*of_a_fresh_stage, "dynamodb.PutItem", "sqs.SendMessage"],
        *["dynamodb.Query", "dynamodb.BatchGetItem"],
    ]
    service.replace(secrets=dataclasses.replace(cold))
    with calls() as made:
        service.get("/jobs?limit=1")
    assert made == ["dynamodb.Query", "dynamodb.BatchGetItem", "dynamodb.GetItem"]


def test_params_over_4_kib_cost_one_object_more_stored_first(service: Service) -> None:
    with calls() as made:
        service.submit(params=LARGE)
    assert made == ["s3.PutObject", "dynamodb.PutItem", "sqs.SendMessage"]


def test_a_job_scheduled_for_long_after_sends_nothing_yet(service: Service) -> None:
    body = {"task": "echo", "params": {}, "run_at": "2027-01-16T08:00:00Z"}
    with calls() as made:
        service.post("/jobs", body)
    assert made == ["dynamodb.PutItem"]


def test_a_replay_is_one_call_and_one_send_while_the_job_is_queued(service: Service) -> None:
    service.submit(Idempotency_Key="k")
    with calls() as made:
        service.submit(Idempotency_Key="k")
    assert made == ["dynamodb.PutItem", "sqs.SendMessage"]
    service.work()
    with calls() as made:
        service.submit(Idempotency_Key="k")
    assert made == ["dynamodb.PutItem"]


def with_webhook(service: Service) -> str:
    """The id of a job that has one; its secret is where it is on a real stage."""
    service.replace(signing_secrets=wiring.system(app_module.settings).signing_secrets)
    service.system.signing_secrets.replace("local", None, "whsec_c2VjcmV0", 0)
    body = {"task": "echo", "params": {}, "webhook": {"url": "http://127.0.0.1:9/"}}
    return str(service.post("/jobs", body).json_body["id"])


def test_only_jobs_with_a_webhook_pay_for_it(service: Service) -> None:
    with calls() as made:
        job_id = with_webhook(service)
    assert made == [
        "dynamodb.PutItem",  # the secret, made above
        *["dynamodb.GetItem", "dynamodb.PutItem", "sqs.SendMessage"],
    ]
    [message] = service.messages()
    with calls() as made:
        service.deliver(message)
    assert made == ["dynamodb.UpdateItem", "dynamodb.TransactWriteItems", "sqs.SendMessage"]
    with calls() as made:
        service.get(f"/jobs/{job_id}")
    assert made == ["dynamodb.GetItem"]
    with calls() as made:
        service.get(f"/jobs/{job_id}/events")
    assert made == ["dynamodb.GetItem", "dynamodb.Query", "dynamodb.BatchGetItem"]


def test_an_attempt_to_deliver_is_a_read_and_two_writes(service: Service) -> None:
    with_webhook(service)
    service.work()
    [message] = service.messages("webhooks")
    with calls() as made:
        service.deliver(message, "webhooks")
    claim, secret, retry_later = "dynamodb.UpdateItem", "dynamodb.GetItem", "dynamodb.UpdateItem"
    assert made == [claim, secret, retry_later, "sqs.SendMessage"]


def test_a_submit_that_is_refused_costs_nothing(service: Service) -> None:
    with calls() as made:
        service.submit("nothing")
        service.submit(params={"txet": ""})
        service.submit(Idempotency_Key="")
        service.submit(Cancel_After="x")
        service.post("/jobs", b"{")
    assert made == []


@pytest.mark.parametrize("params", [{}, LARGE])
def test_a_status_read_is_one_read(service: Service, params: dict[str, str]) -> None:
    job_id = service.submitted(params=params)
    with calls() as made:
        service.get(f"/jobs/{job_id}")
        service.get(f"/jobs/{job_id}", If_None_Match="*")
    assert made == ["dynamodb.GetItem"] * 2


def test_a_status_read_is_one_read_of_a_large_result_too(service: Service) -> None:
    job_id = service.submitted("big")
    service.work()
    with calls() as made:
        service.get(f"/jobs/{job_id}")
    assert made == ["dynamodb.GetItem"]


@pytest.mark.parametrize("task", ["echo", "big"])
def test_a_result_is_one_read_wherever_it_lies(service: Service, task: str) -> None:
    job_id = service.submitted(task)
    service.work()
    with calls() as made:
        service.get(f"/jobs/{job_id}/result")
    assert made == ["dynamodb.GetItem"]


def test_an_artifact_is_one_read(service: Service) -> None:
    job_id = service.submitted("busy")
    service.work()
    with calls() as made:
        service.get(f"/jobs/{job_id}/artifacts/half.txt")
    assert made == ["dynamodb.GetItem"]


def test_a_short_job_is_one_write_to_claim_and_one_to_finish(service: Service) -> None:
    service.submit()
    [message] = service.messages()
    with calls() as made:
        service.deliver(message)
    assert made == ["dynamodb.UpdateItem"] * 2


def test_a_message_that_comes_again_is_one_write_that_fails(service: Service) -> None:
    service.submit()
    [message] = service.messages()
    service.deliver(message)
    with calls() as made:
        service.deliver(message)
    assert made == ["dynamodb.UpdateItem"]


def test_a_job_that_fails_for_good_costs_no_more(service: Service) -> None:
    service.submit("hopeless")
    [message] = service.messages()
    with calls() as made:
        service.deliver(message)
    assert made == ["dynamodb.UpdateItem"] * 2


def test_another_attempt_is_one_message_more(service: Service) -> None:
    service.submit("patient")
    [message] = service.messages()
    with calls() as made:
        service.deliver(message)
    assert made == ["dynamodb.UpdateItem"] * 2 + ["sqs.SendMessage"]


def test_a_large_result_is_one_object_more(service: Service) -> None:
    service.submit("big")
    [message] = service.messages()
    with calls() as made:
        service.deliver(message)
    assert made == ["dynamodb.UpdateItem", "s3.PutObject", "dynamodb.UpdateItem"]


def test_only_a_job_that_replaced_something_pays_for_its_deletion(service: Service) -> None:
    @task("again")
    def again(job: Job) -> None:
        if job.attempt == 1:
            job.attach("a.txt", "first")
            job.checkpoint("x" * 5_000)
            service.beat()
            job.attach("a.txt", "second")
            job.checkpoint("y" * 5_000)
            raise RetryLater(0)

    service.does(again)
    job_id = service.submitted("again")
    [message] = service.messages()
    with calls() as made:
        service.deliver(message)
    first, second = ["s3.PutObject"] * 2, ["s3.PutObject"] * 2
    assert made == [
        *["dynamodb.UpdateItem", *first, "dynamodb.UpdateItem", *second, "dynamodb.UpdateItem"],
        *["sqs.SendMessage", "s3.DeleteObjects"],
    ]
    record = service.record(job_id)
    assert record.checkpoint is not None
    assert sorted(service.objects()) == sorted(
        [record.artifacts[0].key, str(record.checkpoint.key)]
    )
    [message] = service.messages()
    with calls() as made:
        service.deliver(message)
    fetch = ["s3.GetObject"]
    assert made == ["dynamodb.UpdateItem", *fetch, "dynamodb.UpdateItem", "s3.DeleteObjects"]
    assert service.objects() == [record.artifacts[0].key]


def test_a_page_of_the_list_is_one_query_and_one_batch_read(service: Service) -> None:
    for _ in range(3):
        service.submit()
    with calls() as made:
        service.get("/jobs?limit=2")
    assert made == ["dynamodb.Query", "dynamodb.BatchGetItem"]


def test_a_held_read_looks_once_a_second(service: Service) -> None:
    job_id = service.submitted()
    with calls() as made:
        service.get(f"/jobs/{job_id}", Prefer="wait=10")
    held, no_more = ["dynamodb.UpdateItem"], ["dynamodb.UpdateItem"]  # only these pay for the count
    look = ["dynamodb.GetItem"]  # at 0, 0.25, 0.75, 1.75, … 9.75 and 10 s
    assert made == [*look, *held, *look * 12, *no_more]


def test_a_wait_for_a_job_that_is_finished_is_one_read(service: Service) -> None:
    job_id = service.submitted()
    service.work()
    with calls() as made:
        service.get(f"/jobs/{job_id}", Prefer="wait=10")
    assert made == ["dynamodb.GetItem"]


def test_an_upload_is_signed_without_a_call(service: Service) -> None:
    with calls() as made:
        service.post("/uploads", {"size": 1})
    assert made == []


def test_an_upload_in_params_is_looked_for_once(service: Service) -> None:
    upload_id = service.upload(b"x")
    with calls() as made:
        service.submit("picture", {"source": upload_id})
    assert made == ["s3.HeadObject", "dynamodb.PutItem", "sqs.SendMessage"]


def test_an_upload_that_is_named_often_is_looked_for_once(service: Service) -> None:
    upload_id = service.upload(b"x")
    with calls() as made:
        service.submit("echo", {"files": [upload_id] * 50, "text": upload_id})
    assert made == ["s3.HeadObject", "dynamodb.PutItem", "sqs.SendMessage"]


@pytest.mark.parametrize(
    "path", ["/health", "/client.js", "/tasks", "/openapi.json", "/jobs/nothing"]
)
def test_what_needs_no_store_asks_none(service: Service, path: str) -> None:
    with calls() as made:
        service.get(path)
    assert made == []


def printed(code: str) -> list[str]:
    """The words that a process of its own prints."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()


def test_importing_the_app_does_not_even_load_the_sdk() -> None:
    """A cold start pays for AWS when a request first needs it: importing botocore and building a
    client takes longer than all the rest."""
    found = printed("import app, sys; print(*sorted(sys.modules))")
    assert "app" in found
    heavy = {"boto3", "botocore", "urllib3", "PIL", "pydantic", "s3transfer", "requests", "h11"}
    for_schedules = {"cronsim", "tzdata", "zoneinfo"}
    assert (heavy | for_schedules).isdisjoint(found)


def test_the_api_does_not_load_what_only_a_worker_or_the_sweeper_needs() -> None:
    found = printed("import app, sys; app.system().tasks(); print(*sorted(sys.modules))")
    files = "control erase heartbeat run steps subscribe sweeper worker".split()
    loaded = {name for name in files if f"chalicelib.service.{name}" in found}
    assert loaded <= {"control", "erase"}  # a submit deletes what lies below its own id
    assert not {"chalicelib.mcp.methods", "jwt", "cronsim", "tzdata"} & set(found)
    ours = [name for name in found if name.startswith("chalicelib")]
    assert len(ours) <= 140  # each costs up to half a millisecond of a cold start


def test_a_submit_judges_a_webhooks_url_without_what_would_call_it() -> None:
    """The API never calls a third party, so its cold start does not pay for that."""
    code = (
        "import app, sys\n"
        "app.system().web.check('https://example.com/hook')\n"
        "print('chalicelib.outbound.guard' in sys.modules, 'h11' in sys.modules)\n"
        "import chalicelib.outbound.connection\n"
        "print('h11' in sys.modules)"
    )
    assert printed(code) == ["True", "False", "True"]
