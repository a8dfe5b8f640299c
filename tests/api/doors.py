"""The app behind each way to show who one is: the local gateway, and API Gateway with its cache
of what the authorizer said.

All doors lead to the one bench: the same clock, store and workers.
"""

from __future__ import annotations

import fnmatch
import importlib.util
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from types import ModuleType
from typing import Any
from unittest.mock import patch

import msgspec
from chalice.app import ChaliceAuthorizer, IAMAuthorizer
from chalice.test import HTTPResponse

from chalicelib import wiring
from chalicelib.aws.tokens_table import TokensTable
from chalicelib.http.auth import PUBLIC, challenge
from chalicelib.identity.tokens import Tokens
from local.gate import Gate
from local.gateway import Gateway
from local.stage import read_config
from tests.api import gateway
from tests.api.description import check
from tests.api.harness import BASE, Context, Service
from tests.aws import ENVIRONMENT, ROOT
from tests.issuer import AUDIENCE, Issuer, Key, running

ACCOUNT = "123456789012"
ARN = f"arn:aws:execute-api:eu-central-1:{ACCOUNT}:a1b2c3/prod"


def load_app(**changes: str) -> ModuleType:
    """app.py as another process would have it, with another environment."""
    spec = importlib.util.spec_from_file_location(f"app_{changes['AUTH']}", ROOT / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with patch.dict(os.environ, {**ENVIRONMENT, **changes}):
        spec.loader.exec_module(module)
    return module


class Door(ABC):
    refusal = (401, "unauthorized")

    def __init__(self, service: Service, **environment: str) -> None:
        self.service = service
        self.module = load_app(**environment)
        for name in ("system", "tasks"):
            service.monkeypatch.setattr(self.module, name, getattr(self, f"_{name}"))

    def _system(self) -> Any:
        return self.service.system

    def _tasks(self) -> Any:
        return self.service.tasks

    @property
    def routes(self) -> list[tuple[str, str]]:
        """(method, path) of all that ask for credentials."""
        return [
            (method, path)
            for path, methods in self.module.app.routes.items()
            for method in methods
            if path not in PUBLIC
        ]

    @abstractmethod
    def credentials(self, owner: str) -> dict[str, str]:
        """Headers by which this owner is let in."""

    @abstractmethod
    def refused(self) -> Iterator[tuple[str, dict[str, str]]]:
        """What is wrong with them, and headers by which nobody is let in."""

    def request(
        self, headers: Mapping[str, str], method: str, path: str, body: Any = None
    ) -> HTTPResponse:
        path = path.removeprefix(BASE)
        sent = {"Content-Type": "application/json", **headers}
        raw = None if body is None else msgspec.json.encode(body)
        answer = self._send(sent, method, path, raw)
        if method == "HEAD":  # a server of HTTP leaves the body out (RFC 9110, 9.3.2)
            answer = HTTPResponse(b"", answer.headers, answer.status_code)
        check(self.module.app, method, path, answer)
        return answer

    def ask(self, owner: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        dashed = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request({**self.credentials(owner), **dashed}, method, path, body)

    @abstractmethod
    def _send(
        self, headers: Mapping[str, str], method: str, path: str, body: bytes | None
    ) -> HTTPResponse: ...


class LocalDoor(Door):
    """As `make run` has it."""

    def __init__(self, service: Service, **environment: str) -> None:
        super().__init__(service, **environment)
        settings = self.module.settings
        asked = challenge(settings.auth, settings.public_url)
        self.gateway = Gateway(self.module.app, read_config(), Gate(), asked)

    def _send(
        self, headers: Mapping[str, str], method: str, path: str, body: bytes | None
    ) -> HTTPResponse:
        message = Message()
        for name, value in headers.items():
            message[name] = value
        answer = self.gateway.answer(method, path, message, body)
        return HTTPResponse(answer.body, dict(answer.headers), answer.status)


class TokensDoor(LocalDoor):
    def __init__(self, service: Service) -> None:
        super().__init__(service, AUTH="tokens")
        store = TokensTable(lambda: wiring.client("dynamodb"), ENVIRONMENT["TABLE"])
        self.tokens = Tokens(store, service.clock.now, service.system.new_id)
        service.monkeypatch.setattr(self.module, "authenticator", lambda: self.tokens)
        self.known: dict[str, str] = {}

    def credentials(self, owner: str) -> dict[str, str]:
        if owner not in self.known:
            _, self.known[owner] = self.tokens.issue(owner)
        return bearer(self.known[owner])

    def refused(self) -> Iterator[tuple[str, dict[str, str]]]:
        token, text = self.tokens.issue("ada")
        yield from malformed(text)
        yield "wrong", bearer(f"ot_{token.id}_{'0' * 64}")
        yield "unknown", bearer(f"ot_{'0' * 16}_{'0' * 64}")
        self.tokens.revoke(token.id)
        yield "revoked", bearer(text)
        _, ended = self.tokens.issue("ada", lifetime=1)
        self.service.clock.sleep(1)
        yield "expired", bearer(ended)


class JwtDoor(LocalDoor):
    def __init__(self, service: Service, issuer: Issuer) -> None:
        super().__init__(service, AUTH="jwt", JWT_ISSUER=issuer.url, JWT_AUDIENCE=AUDIENCE)
        self.issuer = issuer

    def credentials(self, owner: str) -> dict[str, str]:
        return bearer(self.issuer.token(owner))

    def refused(self) -> Iterator[tuple[str, dict[str, str]]]:
        yield from malformed(self.issuer.token("ada"))
        yield "forged", bearer(self.issuer.token("ada", key=Key(self.issuer.key.kid)))
        yield "of another issuer", bearer(self.issuer.token("ada", iss="https://evil.example.com"))
        yield "for another audience", bearer(self.issuer.token("ada", aud="https://example.com"))
        yield "expired", bearer(self.issuer.token("ada", exp=1))


class ApiGatewayDoor(TokensDoor):
    """A REST API with a TOKEN authorizer, whose answer it keeps for `ttl_seconds` by the header."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self.kept: dict[str, tuple[int, dict[str, Any]]] = {}

    def _send(
        self, headers: Mapping[str, str], method: str, path: str, body: bytes | None
    ) -> HTTPResponse:
        app = self.module.app
        event = gateway.event(app.routes, method, path, list(headers.items()), body)
        route = app.routes[event["resource"]][method]
        if isinstance(route.authorizer, ChaliceAuthorizer):
            header = headers.get("Authorization")
            if not header:
                return refusal(401, "unauthorized")
            method_arn = f"{ARN}/{method}{event['path']}"
            try:
                said = self._authorized(route.authorizer, header, method_arn)
            except Exception as error:
                if str(error) == "Unauthorized":
                    return refusal(401, "unauthorized")
                return refusal(503, "unavailable")
            if not allows(said["policyDocument"], method_arn):
                return refusal(403, "forbidden")
            event["requestContext"]["authorizer"] = {
                **said["context"],
                "principalId": said["principalId"],
            }
        return HTTPResponse.create_from_dict(app(event, Context()))

    def _authorized(self, authorizer: Any, header: str, method_arn: str) -> dict[str, Any]:
        until, said = self.kept.get(header, (0, {}))
        if until <= self.service.clock.now():
            # the handler that Lambda calls, with the event that API Gateway sends
            said = self.module.authorize(
                {"type": "TOKEN", "authorizationToken": header, "methodArn": method_arn}, Context()
            )
            until = self.service.clock.now() + authorizer.config.ttl_seconds * 1_000
            self.kept[header] = (until, said)
        return said


class IamDoor(Door):
    """API Gateway has checked the signature, and tells whose it is."""

    refusal = (403, "forbidden")

    def __init__(self, service: Service) -> None:
        super().__init__(service, AUTH="iam", STAGE="dev")
        self.sessions = 0

    def credentials(self, owner: str) -> dict[str, str]:
        self.sessions += 1
        return {"Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{owner}/session-{self.sessions}"}

    def refused(self) -> Iterator[tuple[str, dict[str, str]]]:
        yield "missing", {}
        yield "a bearer token", bearer("ot_0011223344556677_" + "0" * 64)

    def _send(
        self, headers: Mapping[str, str], method: str, path: str, body: bytes | None
    ) -> HTTPResponse:
        app = self.module.app
        sent = [(name, value) for name, value in headers.items() if name != "Arn"]
        event = gateway.event(app.routes, method, path, sent, body)
        route = app.routes[event["resource"]][method]
        if isinstance(route.authorizer, IAMAuthorizer):
            if "Arn" not in headers:
                return refusal(403, "forbidden")
            event["requestContext"]["identity"]["userArn"] = headers["Arn"]
        return HTTPResponse.create_from_dict(app(event, Context()))


@contextmanager
def opened(name: str, service: Service) -> Iterator[Door]:
    match name:
        case "tokens":
            yield TokensDoor(service)
        case "tokens behind API Gateway":
            yield ApiGatewayDoor(service)
        case "jwt":
            with running() as issuer:
                yield JwtDoor(service, issuer)
        case "iam":
            yield IamDoor(service)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def malformed(token: str) -> Iterator[tuple[str, dict[str, str]]]:
    yield "missing", {}
    for text in ("", token, "Bearer", f"Basic {token}", f"Bearer {token}x", f"Bearer {token} x"):
        yield f"malformed: {text}", {"Authorization": text}


def allows(policy: dict[str, Any], method_arn: str) -> bool:
    return any(
        statement["Effect"] == "Allow" and fnmatch.fnmatchcase(method_arn, resource)
        for statement in policy["Statement"]
        for resource in statement["Resource"]
    )


def refusal(status: int, slug: str) -> HTTPResponse:
    """As the template's GatewayResponses have it."""
    document = {"type": f"/problems/{slug}", "title": slug, "status": status, "detail": slug}
    headers = {"Content-Type": "application/problem+json"}
    headers |= {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    headers |= {"Retry-After": "2"} if status == 503 else {}
    return HTTPResponse(msgspec.json.encode(document) + b"\n", headers, status)
