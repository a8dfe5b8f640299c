"""A job's end is told to a server of the owner's, which verifies what comes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.e2e.deployed import Deployed
from tests.e2e.http import Client
from tests.e2e.third_party import Post, ThirdParty
from tests.e2e.waiting import IN_A_WEEK, until


@pytest.fixture(scope="module")
def verifier(stage: Deployed) -> Webhook:
    """With ada's secret, as the project's command shows it."""
    return Webhook(stage.command("ops.webhook_secret", stage.stage.name, "ada"))


def told(client: Client, third_party: ThirdParty, hook: str, **more: Any) -> dict[str, Any]:
    """A job whose ends are told to that hook."""
    body = {
        "task": "fetch",
        "params": {"url": f"{third_party.url}/now/told"},
        "webhook": {"url": f"{third_party.url}/hook/{hook}"},
        **more,
    }
    answer = client.call("POST", "/jobs", body)
    assert answer.status == 202, answer
    job: dict[str, Any] = answer.json
    return job


def received(third_party: ThirdParty, name: str, count: int) -> list[Post]:
    posts = third_party.posts[name]
    until(lambda: len(posts) >= count, 60, lambda: posts)
    return posts


def test_the_end_of_a_job_is_told_once_and_verifies(
    ada: Client, third_party: ThirdParty, verifier: Webhook
) -> None:
    job = told(ada, third_party, "end")
    finished = ada.succeeded(job)
    (post,) = received(third_party, "end", 1)
    event = verifier.verify(post.body, post.headers)
    assert event["type"] == "job.succeeded"
    assert event["data"] | {"children": None} == finished
    with pytest.raises(Exception, match="signature"):
        verifier.verify(post.body.replace(b"succeeded", b"failed"), post.headers)

    def delivered() -> list[Any]:
        events = ada.get(f"/jobs/{job['id']}/events")["events"]
        verbs = [one["verb"] for one in events if one["type"] == "webhook"]
        return verbs if verbs[-1:] == ["succeed"] else []

    assert until(delivered, 30)
    assert len(third_party.posts["end"]) == 1


def test_a_webhook_that_is_refused_comes_again_as_the_same_one(
    ada: Client, third_party: ThirdParty, verifier: Webhook
) -> None:
    told(ada, third_party, "again/503")
    first, second = received(third_party, "again", 2)
    assert second.body == first.body
    assert second.headers["webhook-id"] == first.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) >= 4
    for post in (first, second):
        verifier.verify(post.body, post.headers)


def test_only_the_ends_asked_for_are_told(
    stage: Deployed, ada: Client, third_party: ThirdParty, verifier: Webhook
) -> None:
    url = f"{third_party.url}/hook/some"
    only_failures = {"url": url, "events": ["failed"]}
    ada.succeeded(told(ada, third_party, "", webhook=only_failures))
    canceled = told(ada, third_party, "some", run_at=IN_A_WEEK)
    assert ada.call("POST", f"/jobs/{canceled['id']}/cancel").status == 200
    (post,) = received(third_party, "some", 1)
    event = verifier.verify(post.body, post.headers)
    assert (event["type"], event["data"]["id"]) == ("job.canceled", canceled["id"])
    until(lambda: stage.depth("webhooks") == 0, 30)
    assert len(third_party.posts["some"]) == 1


def test_no_webhook_is_promised_that_could_not_be_signed_or_sent(
    ada: Client, bob: Client, third_party: ThirdParty, verifier: Webhook
) -> None:
    body = {"task": "fetch", "params": {"url": f"{third_party.url}/now/x"}}
    unsigned = bob.call("POST", "/jobs", {**body, "webhook": {"url": f"{third_party.url}/hook/x"}})
    assert (unsigned.status, unsigned.problem) == (422, "invalid-request")
    for url in ("https://169.254.169.254/latest", "http://8.8.8.8/", "https://10.0.0.1/"):
        answer = ada.call("POST", "/jobs", {**body, "webhook": {"url": url}})
        assert (answer.status, answer.problem) == (422, "invalid-request"), url
        assert json.loads(answer.body)["errors"][0]["pointer"] == "/webhook/url"
