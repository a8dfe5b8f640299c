"""Jobs that sleep and ask, as deployed: answered by their owner, or by a URL alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.deployed import Deployed
from tests.e2e.http import Client
from tests.e2e.waiting import until

YES, NO = {"approved": True}, {"approved": False}


@pytest.fixture(scope="module")
def eve(user_stage: Deployed) -> Client:
    return user_stage.owner("eve")


@pytest.fixture(scope="module")
def anybody(user_stage: Deployed) -> Client:
    return Client(user_stage.url, user_stage.aws.certificate)


def asking(client: Client, *do: str, task: str = "steps") -> dict[str, Any]:
    """A job that waits for an answer."""
    job = client.submit(task, {"do": [*do, "ask"]})

    def look() -> dict[str, Any] | None:
        now = client.job(job)
        assert now["status"] in ("queued", "running"), now
        return now if now["waits_for"] else None

    return until(look, 60, lambda: client.job(job))


def test_an_answer_of_the_owner_lets_the_job_go_on(
    user_stage: Deployed, eve: Client, anybody: Client
) -> None:
    job = asking(eve)
    [question] = job["waits_for"]["answers"]
    assert question["url"] == f"{user_stage.url}/jobs/{job['id']}/answers/publish"
    path = f"/jobs/{job['id']}/answers/publish"
    assert anybody.call("POST", path, YES).status == 401
    assert user_stage.owner("mallory").call("POST", path, YES).status == 404
    refused = eve.call("POST", path, {"approved": "yes"})
    assert refused.status == 422
    assert [one["pointer"] for one in refused.json["errors"]] == ["/approved"]
    assert [eve.call("POST", path, one).status for one in (YES, YES, NO)] == [204, 204, 409]
    done = eve.succeeded(job)
    assert (done["result"], done["attempt"]) == (["approved: True"], 1)


@pytest.mark.parametrize("task", ["steps", "heavy-steps"])
def test_a_url_takes_the_answer_to_its_question_without_credentials(
    user_stage: Deployed, eve: Client, anybody: Client, task: str
) -> None:
    job = asking(eve, "url", task=task)
    artifact = eve.call("GET", f"/jobs/{job['id']}/artifacts/url.txt")
    url = eve.follow(artifact).body.decode()
    assert url.startswith(f"{user_stage.url}/answers/")
    path = url.removeprefix(user_stage.url)
    assert anybody.call("POST", f"{path[:-1]}", YES).status == 404
    assert anybody.call("POST", path, {"approved": True, "by": "x" * 70_000}).status == 413
    assert [anybody.call("POST", path, one).status for one in (NO, NO, YES)] == [204, 204, 409]
    assert eve.succeeded(job)["result"] == ["done", "approved: False"]


def test_a_sleeping_job_goes_on_by_its_delayed_message(eve: Client) -> None:
    job = eve.submit("steps", {"do": ["sleep"]})
    until(lambda: eve.job(job)["wait_reason"] == "sleep", 60, lambda: eve.job(job))
    assert eve.job(job)["waits_for"].keys() == {"until"}
    done = eve.succeeded(job)
    assert (done["result"], done["attempt"]) == (["done"], 1)
