"""Push from the deployed artifact: clients' WebSockets at API Gateway, workers that know none."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.e2e.deployed import Deployed
from tests.e2e.http import Client
from tests.e2e.lab import listening
from tests.e2e.third_party import ThirdParty
from tests.e2e.waiting import until
from tests.websocket import REFUSED, refusal

NAMES = (f"push-{number}" for number in itertools.count())


def ticket(client: Client) -> dict[str, Any]:
    answer = client.call("POST", "/tickets")
    assert answer.status == 201, answer
    found: dict[str, Any] = answer.json
    return found


def held(client: Client, third_party: ThirdParty) -> tuple[dict[str, Any], str]:
    """A job that runs until its name is released."""
    name = next(NAMES)
    return client.submit("fetch", {"url": f"{third_party.url}/held/{name}"}), name


def beside(stage: Deployed) -> list[str]:
    """What there is of connections and subscriptions."""
    items = stage.client("dynamodb").scan(TableName=stage.stage.table)["Items"]
    return [one["sk"]["S"] for one in items if one["sk"]["S"].startswith(("connection", "sub#"))]


def test_subscribers_are_told_of_every_change(ada: Client, third_party: ThirdParty) -> None:
    with listening(ada) as one, listening(ada) as other:
        job, name = held(ada, third_party)
        one.subscribe(job["id"])
        other.subscribe(job["id"])
        assert one.next()["type"] == "job.updated"
        third_party.release(name)
        for connection in (one, other):
            last = connection.until_finished(job["id"])[-1]["job"]
            shown = {**ada.job(job), "params": None, "result": None}
            assert last | {"children": None} == shown
            assert last["status"] == "succeeded"


def test_a_cancel_by_the_api_is_told(ada: Client, third_party: ThirdParty) -> None:
    job, name = held(ada, third_party)
    with listening(ada) as connection:
        connection.subscribe(job["id"])
        ada.call("POST", f"/jobs/{job['id']}/cancel")
        told = connection.until_finished(job["id"])
    third_party.release(name)
    assert told[-1]["job"]["status"] == "canceled"


def test_a_connection_is_told_of_several_jobs_until_it_unsubscribes(
    ada: Client, third_party: ThirdParty
) -> None:
    (first, first_name), (second, second_name) = (held(ada, third_party) for _ in range(2))
    with listening(ada) as connection:
        connection.subscribe(first["id"])
        connection.subscribe(second["id"])
        connection.say({"action": "unsubscribe", "job": first["id"]})
        while connection.next() != {"type": "unsubscribed", "job": first["id"]}:
            pass
        third_party.release(first_name)
        ada.succeeded(first)
        third_party.release(second_name)
        told = connection.until_finished(second["id"])
    assert {message["job"]["id"] for message in told} == {second["id"]}


def test_nobody_is_told_of_somebody_elses_job(
    ada: Client, bob: Client, third_party: ThirdParty
) -> None:
    job, name = held(ada, third_party)
    with listening(bob) as connection:
        connection.subscribe(job["id"])
        assert connection.next()["problem"]["type"] == "/problems/not-found"
        third_party.release(name)
        ada.succeeded(job)
        with pytest.raises(TimeoutError):
            connection.next(1)


def test_a_ticket_is_asked_for_with_a_token_and_admits_once(ada: Client, nobody: Client) -> None:
    assert nobody.call("POST", "/tickets").status == 401
    admitting = ticket(ada)
    url, certificate = admitting["url"], ada.certificate
    assert refusal(url, None, certificate) in REFUSED
    assert refusal(url, "forged", certificate) in REFUSED
    assert refusal(url, admitting["ticket"], certificate) == 101
    assert refusal(url, admitting["ticket"], certificate) in REFUSED


def test_who_leaves_leaves_nothing_behind_and_harms_no_job(
    stage: Deployed, ada: Client, third_party: ThirdParty
) -> None:
    until(lambda: not beside(stage), 30)  # of the tests before
    job, name = held(ada, third_party)
    with listening(ada) as connection:
        connection.subscribe(job["id"])
        connection.next()
        assert len(beside(stage)) == 2
    until(lambda: not beside(stage), 30)
    third_party.release(name)
    assert ada.succeeded(job)["attempt"] == 1
