"""Clients of WebSockets: API Gateway's events go in, and what is pushed comes out."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from msgspec import structs

import app as app_module
from chalicelib.domain.errors import Gone, Unavailable
from chalicelib.ports.push import Pushing
from tests.api.harness import Context, Service

DOMAIN = "w1x2y3.execute-api.eu-central-1.amazonaws.com"


@dataclass
class Wire:
    """Implements ports.Push: keeps what was sent to each connection."""

    sent: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    dead: set[str] = field(default_factory=set)
    before_sending: Callable[[], Any] = lambda: None

    def send(self, address: str, message: str) -> None:
        self.before_sending()
        if address in self.gone:
            raise Gone
        if address in self.dead:
            raise Unavailable("It does not answer.")
        self.sent.setdefault(address, []).append(json.loads(message))


class AtOnce:
    """Implements ports.Outbox without a thread, so that nothing is overtaken."""

    def put(self, key: str, send: Callable[[], None]) -> None:
        send()


@dataclass
class Browser:
    """One WebSocket."""

    service: Service
    wire: Wire
    id: str

    def connect(self, ticket: str | None) -> dict[str, Any]:
        query = None if ticket is None else {"ticket": ticket}
        return self._event("CONNECT", queryStringParameters=query)

    def say(self, body: Any) -> None:
        """A message; what is not text is sent as JSON."""
        text = body if isinstance(body, str) else json.dumps(body)
        answer = self._event("MESSAGE", body=text)
        assert answer["statusCode"] == 200

    def say_in_bytes(self, body: Any) -> None:
        """A binary frame."""
        text = base64.b64encode(json.dumps(body).encode()).decode()
        assert self._event("MESSAGE", body=text, isBase64Encoded=True)["statusCode"] == 200

    def subscribe(self, *jobs: str) -> None:
        for job in jobs:
            self.say({"action": "subscribe", "job": job})

    def leave(self) -> None:
        assert self._event("DISCONNECT")["statusCode"] == 200

    @property
    def received(self) -> list[dict[str, Any]]:
        return self.wire.sent.get(self.id, [])

    def take(self) -> list[dict[str, Any]]:
        """What came since the last time."""
        return self.wire.sent.pop(self.id, [])

    def statuses(self) -> list[str]:
        """Of the jobs in what came since the last time."""
        return [message["job"]["status"] for message in self.take()]

    def _event(self, kind: str, **fields: Any) -> dict[str, Any]:
        context = {
            "routeKey": {"MESSAGE": "$default"}.get(kind, f"${kind.lower()}"),
            "eventType": kind,
            "connectionId": self.id,
            "domainName": DOMAIN,
            "stage": "prod",
            "apiId": "w1x2y3",
            "requestId": "r",
        }
        handler: Any = getattr(app_module, f"websocket_{kind.lower()}")
        answer: dict[str, Any] = handler({"requestContext": context, **fields}, Context())
        return answer


@dataclass
class Sockets:
    """Opens browsers, all on one wire, and holds what the service has of pushing."""

    service: Service
    wire: Wire = field(default_factory=Wire)
    numbers: Any = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.replace(push=self.wire, outbox=AtOnce())

    @property
    def pushing(self) -> Pushing:
        assert self.service.system.pushing is not None
        return self.service.system.pushing

    def replace(self, **ports: Any) -> None:
        self.service.replace(pushing=structs.replace(self.pushing, **ports))

    def ticket(self) -> str:
        answer = self.service.post("/tickets")
        assert answer.status_code == 201, answer.body
        return str(answer.json_body["ticket"])

    def browser(self) -> Browser:
        return Browser(self.service, self.wire, f"L0SM9c{next(self.numbers)}=")

    def connected(self, ticket: str | None = None) -> Browser:
        browser = self.browser()
        assert browser.connect(ticket or self.ticket())["statusCode"] == 200
        return browser

    def watching(self, *jobs: str) -> Browser:
        """Connected and subscribed, with the first snapshots taken."""
        browser = self.connected()
        browser.subscribe(*jobs)
        assert [message["type"] for message in browser.take()] == ["job.updated"] * len(jobs)
        return browser
