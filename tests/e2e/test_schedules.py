"""A schedule on the deployed stage: its own sweeps submit the jobs, its workers run them."""

from __future__ import annotations

from datetime import datetime

from tests.e2e.deployed import Deployed
from tests.e2e.third_party import ThirdParty
from tests.e2e.waiting import until

PATH = "/schedules/each-minute"
SECONDS = 180  # until the next sweep, until the moment that it submits, and the work itself


def test_a_schedule_runs_its_task_at_the_full_minute(
    stage: Deployed, third_party: ThirdParty
) -> None:
    cleo = stage.owner("cleo")
    plan = {
        "cron": "* * * * *",
        "task": "fetch",
        "params": {"url": f"{third_party.url}/now/scheduled"},
    }
    assert cleo.call("PUT", PATH, plan).status == 201
    until(lambda: cleo.get(PATH)["last_job"], SECONDS)
    job = cleo.succeeded(cleo.get(f"/jobs/{cleo.get(PATH)['last_job']}"), SECONDS)
    started = datetime.fromisoformat(job["started_at"])
    assert started.second < 30, "no earlier than the full minute"
    assert third_party.calls["/now/scheduled"] >= 1
    assert cleo.call("PUT", PATH, {**plan, "paused": True}).status == 200
    assert cleo.call("DELETE", PATH).status == 204
    assert cleo.call("GET", PATH).status == 404
