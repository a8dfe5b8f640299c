"""Jobs that were begun before all other tests, and to which something happened: see conftest.py.

The schedule that finds them is the deployed one, each minute, and a job without a message is due
after two: these are the tests that take long.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from tests.e2e.conftest import HEAVY_TIMEOUT, Begun
from tests.e2e.deployed import Deployed
from tests.e2e.http import Client
from tests.e2e.third_party import ThirdParty

RESCUE_SECONDS = 90  # a lease, a minute until the sweeper comes, and the work itself
REMIND_SECONDS = 240


def verbs(client: Client, job: dict[str, Any]) -> list[str]:
    return [event["type"] for event in client.get(f"/jobs/{job['id']}/events?limit=100")["events"]]


def test_a_job_outlives_its_function_and_goes_on_from_its_checkpoints(
    stage: Deployed, ada: Client, third_party: ThirdParty, begun: Begun, flights: bytes
) -> None:
    job = ada.succeeded(begun.long, RESCUE_SECONDS)
    began, ended = (datetime.fromisoformat(job[name]) for name in ("started_at", "finished_at"))
    assert (ended - began).total_seconds() > HEAVY_TIMEOUT
    assert job["attempt"] == 1  # handed on, never cut off
    assert job["result"]["rows"] == flights.count(b"\n") - 1  # none twice, none left out
    lines = [json.loads(line) for line in stage.log("heavy_worker", job["id"])]
    claims = [line["request_id"] for line in lines if line["event"] == "claim"]
    assert len(claims) == len(set(claims)) >= 2  # invocations
    starts = [int(one.removeprefix("bytes=").rstrip("-")) for one in third_party.ranges]
    assert len(starts) == len(claims)
    assert starts[0] == 0
    assert starts == sorted(set(starts))


def test_a_job_whose_worker_is_killed_is_rescued_by_the_schedule(
    stage: Deployed, ada: Client, third_party: ThirdParty, begun: Begun
) -> None:
    job = ada.succeeded(begun.cut_off, RESCUE_SECONDS)
    assert job["attempt"] == 2
    assert third_party.calls["/held/cut-off"] == 2
    rescues = [json.loads(line) for line in stage.log("sweep", job["id"])]
    assert [line["event"] for line in rescues] == ["rescue"]


def test_a_job_whose_message_is_lost_is_found_by_the_schedule(
    stage: Deployed, ada: Client, third_party: ThirdParty, begun: Begun
) -> None:
    job = ada.succeeded(begun.lost, REMIND_SECONDS)
    assert job["attempt"] == 1
    assert third_party.calls["/now/lost"] == 1
    reminders = [json.loads(line) for line in stage.log("sweep", job["id"])]
    assert [line["event"] for line in reminders] == ["remind"]


def test_no_function_was_denied_anything_in_all_this(stage: Deployed) -> None:
    for function in stage.functions:
        assert stage.log(function, "AccessDenied") == [], function
