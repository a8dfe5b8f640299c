"""A webhook from a deployed stage: signed with the secret that a command made, and received."""

from __future__ import annotations

import json
from typing import Any

from standardwebhooks import Webhook

from tests.e2e.deployed import Deployed
from tests.e2e.http import Client
from tests.e2e.third_party import ThirdParty
from tests.e2e.waiting import until
from tests.receiver import receiving, response


def submitted(client: Client, third_party: ThirdParty, url: str) -> Any:
    params = {"url": f"{third_party.url}/now/told"}
    return client.call(
        "POST", "/jobs", {"task": "fetch", "params": params, "webhook": {"url": url}}
    )


def test_the_end_of_a_job_is_told_to_whoever_can_verify_it(
    stage: Deployed, bob: Client, third_party: ThirdParty
) -> None:
    with receiving(response(200)) as receiver:
        refused = submitted(bob, third_party, receiver.url)
        assert refused.problem == "invalid-request"
        assert "make webhook-secret" in refused.json["detail"]
        secret = stage.command("ops.webhook_secret", stage.stage.name, "bob")
        accepted = submitted(bob, third_party, receiver.url)
        assert accepted.status == 202, accepted
        until(lambda: receiver.requests, 60)
    head, _, body = receiver.requests[0].partition(b"\r\n\r\n")
    lines = (line.partition(": ") for line in head.decode().split("\r\n")[1:])
    told = Webhook(secret).verify(body, {name: value for name, _, value in lines})
    assert told["type"] == "job.succeeded"
    assert told["data"] == bob.job(accepted.json)
    assert json.loads(body) == told

    def delivered() -> bool:
        events = bob.get(f"/jobs/{accepted.json['id']}/events")["events"]
        last = [event["verb"] for event in events if event["type"] == "webhook"][-1]
        return bool(last == "succeed")

    until(delivered, 30)


def test_a_stage_does_not_call_its_own_inside(bob: Client, third_party: ThirdParty) -> None:
    for url in ("http://169.254.169.254/", "https://10.0.0.1/", "http://[::ffff:127.0.0.1]/"):
        answer = submitted(bob, third_party, url)
        assert answer.problem == "invalid-request"
        assert [one["pointer"] for one in answer.json["errors"]] == ["/webhook/url"]
