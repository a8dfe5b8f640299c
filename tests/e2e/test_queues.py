"""Messages as SQS treats them: counted, delivered twice, never understood."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.deployed import Deployed
from tests.e2e.http import Client
from tests.e2e.third_party import ThirdParty
from tests.e2e.waiting import until


def submitted(client: Client, third_party: ThirdParty, name: str) -> dict[str, Any]:
    return client.submit("fetch", {"url": f"{third_party.url}/now/{name}"})


def test_the_queue_grows_without_workers_and_empties_again(
    stage: Deployed, ada: Client, third_party: ThirdParty
) -> None:
    until(lambda: stage.depth("default") == 0, 30)
    with stage.standing_still("default"):
        jobs = []
        for number in range(4):
            jobs.append(submitted(ada, third_party, f"depth-{number}"))
            assert stage.depth("default", "") == number + 1
        assert {ada.job(job)["wait_reason"] for job in jobs} == {"backlog"}
    for job in jobs:
        ada.succeeded(job)
    until(lambda: stage.depth("default") == 0, 30)


def test_however_often_a_message_comes_the_job_runs_once(
    stage: Deployed, ada: Client, third_party: ThirdParty
) -> None:
    with stage.standing_still("default"):
        job = submitted(ada, third_party, "twice")
        message = stage.read_message("default", job["id"])
        stage.send("default", message)
    finished = ada.succeeded(job)
    until(lambda: stage.depth("default") == 0, 30)

    stage.send("default", message)  # long after, by hand
    until(lambda: len(ignored(stage, job)) == 2, 30, lambda: ignored(stage, job))
    assert third_party.calls["/now/twice"] == 1
    assert ada.job(job) == finished
    assert finished["attempt"] == 1


def ignored(stage: Deployed, job: dict[str, Any]) -> list[str]:
    lines = stage.log("default_worker", job["id"])
    return [line for line in lines if '"nothing_to_claim"' in line]


@pytest.mark.parametrize("lane", ["default", "heavy", "webhooks"])
def test_a_malformed_message_ends_among_the_dead_letters(
    stage: Deployed, ada: Client, third_party: ThirdParty, lane: str
) -> None:
    sqs, dead = stage.client("sqs"), stage.queue(f"{lane}-dead")
    with stage.visible_after(lane, 1):
        stage.send(lane, "this is no message")
        ada.succeeded(submitted(ada, third_party, f"beside-{lane}"))
        until(lambda: stage.depth(f"{lane}-dead"), 60)
    (letter,) = sqs.receive_message(QueueUrl=dead, AttributeNames=["All"])["Messages"]
    sqs.delete_message(QueueUrl=dead, ReceiptHandle=letter["ReceiptHandle"])
    assert letter["Body"] == "this is no message"
    assert stage.depth(lane) == 0
    name = f"{lane}_worker"
    tries = until(lambda: five(stage.log(name, "delivery_failed")), 30)
    assert all("bad-message" in line or "BadMessage" in line for line in tries)


def five(lines: list[str]) -> list[str] | None:
    """As many as maxReceiveCount."""
    assert len(lines) <= 5, lines
    return lines if len(lines) == 5 else None
