"""Tickets: what lets a WebSocket in, and what does not."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from chalicelib.domain.errors import Unauthorized
from chalicelib.domain.tickets import Admission
from chalicelib.domain.values import encode
from chalicelib.memory.stores import MemorySecrets
from chalicelib.service.submit import _id_for_key
from chalicelib.service.tickets import examine
from tests.api.harness import BASE, Service, is_problem
from tests.api.sockets import Sockets
from tests.aws import ENVIRONMENT, ROOT


def refused(answer: dict[str, Any]) -> bool:
    """With the status that API Gateway passes on to the client."""
    document = json.loads(answer["body"])
    return (answer["statusCode"], document["type"]) == (401, "/problems/unauthorized")


def test_a_ticket_says_where_to_connect_and_until_when(service: Service) -> None:
    answer = service.post("/tickets")
    assert answer.status_code == 201
    assert answer.json_body["url"] == "ws://127.0.0.1:8001"
    assert answer.json_body["expires_at"] == "2027-01-15T08:01:00.000Z"
    assert service.clock.now() == 1_800_000_000_000


def test_a_fresh_ticket_lets_in(sockets: Sockets) -> None:
    assert sockets.browser().connect(sockets.ticket())["statusCode"] == 200


@pytest.mark.parametrize("ticket", [None, "", "nonsense", "é", "A" * 200, "AAAA"])
def test_a_connection_without_a_ticket_is_refused(sockets: Sockets, ticket: str | None) -> None:
    assert refused(sockets.browser().connect(ticket))


def test_a_ticket_admits_for_a_minute(service: Service, sockets: Sockets) -> None:
    early, late = sockets.ticket(), sockets.ticket()
    service.clock.sleep(59.999)
    assert sockets.browser().connect(early)["statusCode"] == 200
    service.clock.sleep(0.001)
    assert refused(sockets.browser().connect(late))


def test_a_ticket_admits_once(sockets: Sockets) -> None:
    ticket = sockets.ticket()
    browser = sockets.connected(ticket)
    assert refused(sockets.browser().connect(ticket))
    assert browser.connect(ticket)["statusCode"] == 200, "a repeated call is the same connection"


def test_a_ticket_outlives_a_rotation_of_the_secret(service: Service, sockets: Sockets) -> None:
    ticket = sockets.ticket()
    service.replace(secrets=MemorySecrets(seals=(b"new", *service.system.secrets.for_seals())))
    sockets.connected(ticket)
    after = sockets.ticket()
    service.replace(secrets=MemorySecrets(seals=(b"new",)))
    sockets.connected(after)


def test_a_ticket_of_another_secret_is_forged(service: Service, sockets: Sockets) -> None:
    ticket = sockets.ticket()
    service.replace(secrets=MemorySecrets(seals=(b"another",)))
    assert refused(sockets.browser().connect(ticket))


def test_no_character_of_a_ticket_can_be_changed(sockets: Sockets) -> None:
    ticket = sockets.ticket()
    for at in range(0, len(ticket), 7):
        other = "A" if ticket[at] != "A" else "B"
        assert refused(sockets.browser().connect(ticket[:at] + other + ticket[at + 1 :]))


def test_a_cursor_is_no_ticket(service: Service, sockets: Sockets) -> None:
    for _ in range(2):
        service.submit()
    cursor = service.get("/jobs?limit=1").json_body["next"].partition("cursor=")[2]
    assert cursor
    assert refused(sockets.browser().connect(cursor))


def test_no_job_id_that_a_client_makes_is_the_seal_of_a_ticket(service: Service) -> None:
    """Both are made by the stage's secret, an id out of an owner and a key of the client's own."""
    content = encode(Admission("0" * 32, "victim", BASE, 9_999_999_999_999))
    made = _id_for_key(service.system, "ticket", content)
    sealed = bytes.fromhex(made) + content.encode()
    with pytest.raises(Unauthorized):
        examine(service.system, base64.urlsafe_b64encode(sealed).rstrip(b"=").decode())


def test_a_connection_that_was_refused_hears_nothing(service: Service, sockets: Sockets) -> None:
    browser = sockets.browser()
    browser.connect("forged")
    browser.subscribe(service.submitted())
    [answer] = browser.take()
    assert answer["type"] == "error"
    assert answer["problem"]["status"] == 401


def test_links_in_what_is_pushed_begin_as_where_the_ticket_came_from(
    service: Service, sockets: Sockets
) -> None:
    job = service.submitted()
    answer = service.through_api_gateway("POST", f"{BASE}/tickets")
    browser = sockets.connected(answer.json_body["ticket"])
    browser.subscribe(job)
    [message] = browser.take()
    assert message["job"]["links"]["self"] == f"{BASE}/jobs/{job}"


def test_a_stage_that_does_not_push_says_which_setting_it_takes(service: Service) -> None:
    service.replace(pushing=None)
    answer = service.post("/tickets")
    assert is_problem(answer, 404, "not-found")
    assert "PUSH" in answer.json_body["detail"]


def imported(**environment: str) -> str:
    """What the app has of WebSockets where its environment is this."""
    code = "import app; print(sorted(app.app.websocket_handlers), app.system().pushing is None)"
    kept = {name: value for name, value in ENVIRONMENT.items() if name != "WEBSOCKET_ENDPOINT"}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **kept, **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


HANDLERS = "['$connect', '$default', '$disconnect']"
ENDPOINT = "https://w1x2y3.execute-api.eu-central-1.amazonaws.com/prod"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "[] True"),
        ({"WEBSOCKET_ENDPOINT": ENDPOINT}, f"{HANDLERS} False"),
        ({"WEBSOCKET_ENDPOINT": ENDPOINT, "PUSH": "none"}, "[] True"),
        ({"PUSH": "websocket"}, f"{HANDLERS} True"),  # as when it is packaged
    ],
)
def test_handlers_are_declared_where_the_stage_pushes(
    environment: dict[str, str], expected: str
) -> None:
    os.environ.pop("WEBSOCKET_ENDPOINT", None)
    assert imported(**environment) == expected
