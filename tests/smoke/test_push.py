"""Push through all of `make run`: a client's WebSocket, real processes in between."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.smoke.test_make_run import Run, free_ports, runs, state, submit_report
from tests.websocket import connected, refusal, ticket

__all__ = ["runs", "state"]  # the fixtures


def test_a_client_is_told_of_its_jobs_over_a_websocket(state: Path, runs: list[Run]) -> None:
    api, aws, push = free_ports(3)
    run = Run(state, api, aws, push)
    runs.append(run)
    admitting = ticket(run.url)
    assert admitting["url"] == f"ws://127.0.0.1:{push}"
    with (
        connected(admitting["url"], admitting["ticket"]) as one,
        connected(admitting["url"], ticket(run.url)["ticket"]) as other,
    ):
        assert refusal(admitting["url"], admitting["ticket"]) == 401, "it has been used"
        job = submit_report(run)
        one.subscribe(job)
        told = one.until_finished(job)
        assert all(message["type"] == "job.updated" for message in told)
        assert told[-1]["job"]["status"] == "succeeded"
        assert told[-1]["job"]["result"] is None
        assert told[-1]["job"]["links"]["self"] == f"{run.url}/jobs/{job}"

        other.subscribe(job)
        assert other.next()["job"]["status"] == "succeeded"
        other.subscribe("0" * 32)
        assert other.next()["problem"]["type"] == "/problems/not-found"
        other.say("hello")
        assert other.next()["problem"]["type"] == "/problems/malformed-request"

        body = {"task": "fetch", "params": {"url": f"{run.url}/health"}}
        both = json.loads(run.call("POST", "/jobs", body)[2])["id"]
        one.subscribe(both)
        other.subscribe(both)
        assert one.until_finished(both)[-1]["job"]["id"] == both
        assert other.until_finished(both)[-1]["job"]["id"] == both
    assert refusal(admitting["url"], "forged") == 401
    assert refusal(admitting["url"], None) == 401
    with pytest.raises(TimeoutError), connected(admitting["url"], ticket(run.url)["ticket"]) as one:
        one.next(0.2)  # who subscribes to nothing hears nothing
    run.stop()
