"""A client connects with a ticket, subscribes to its jobs, and is told how they go."""

from __future__ import annotations

from typing import Any

from tests.e2e.deployed import Deployed
from tests.e2e.http import Client
from tests.e2e.lab import listening
from tests.e2e.third_party import ThirdParty
from tests.e2e.waiting import until
from tests.websocket import connected, refusal


def ticket(client: Client) -> dict[str, Any]:
    answer = client.call("POST", "/tickets")
    assert answer.status in (200, 201), answer
    given: dict[str, Any] = answer.json
    return given


def test_a_subscriber_sees_the_job_run_and_finish(ada: Client, third_party: ThirdParty) -> None:
    with listening(ada) as subscriptions:
        job = ada.submit("fetch", {"url": f"{third_party.url}/held/seen"})
        subscriptions.subscribe(job["id"])
        first = subscriptions.next()
        third_party.release("seen")
        told = [first, *subscriptions.until_finished(job["id"])]
    assert {message["type"] for message in told} == {"job.updated"}
    assert told[-1]["job"]["status"] == "succeeded"
    assert told[-1]["job"]["result"] is None  # fetched, never pushed
    assert told[-1]["job"]["links"]["self"] == f"{ada.url}/jobs/{job['id']}"


def test_a_subscriber_is_told_what_clients_do(ada: Client, third_party: ThirdParty) -> None:
    with listening(ada) as subscriptions:
        job = ada.submit("fetch", {"url": f"{third_party.url}/held/told-off"}, Cancel_After="1h")
        subscriptions.subscribe(job["id"])
        subscriptions.next()
        assert ada.call("POST", f"/jobs/{job['id']}/cancel").status in (200, 202)
        told = subscriptions.until_finished(job["id"])
    assert told[-1]["job"]["status"] == "canceled"
    third_party.release("told-off")


def test_nobody_hears_of_anothers_jobs(ada: Client, bob: Client, third_party: ThirdParty) -> None:
    job = ada.submit("fetch", {"url": f"{third_party.url}/now/hers"})
    with listening(bob) as subscriptions:
        subscriptions.subscribe(job["id"])
        answer = subscriptions.next()
        assert answer["type"] == "error"
        assert answer["problem"]["type"] == "/problems/not-found"
    ada.succeeded(job)


def test_a_ticket_admits_once_and_no_other_does(ada: Client) -> None:
    given = ticket(ada)
    with connected(given["url"], given["ticket"], ada.certificate):
        pass
    for text in (given["ticket"], "forged", None):
        assert refusal(given["url"], text, ada.certificate) in (401, 403), text


def test_no_ticket_without_credentials(nobody: Client) -> None:
    assert nobody.call("POST", "/tickets").problem == "unauthorized"


def test_who_leaves_is_forgotten(stage: Deployed, ada: Client, third_party: ThirdParty) -> None:
    """The disconnect function clears away what the connection left."""
    job = ada.submit("fetch", {"url": f"{third_party.url}/held/left"})
    with listening(ada) as subscriptions:
        subscriptions.subscribe(job["id"])
        subscriptions.next()
    third_party.release("left")
    ada.succeeded(job)
    until(lambda: not any(one.startswith("sub#") for one in stage.items(job["id"])), 30)
