"""API Gateway's part: makes Lambda's event of a request, and a problem document of every refusal.

Chalice's own local gateway does the routing and runs authorizers and views. Added here is what a
REST API has beyond that: `multiValueHeaders`, with every value of a repeated header, and answers
compressed from the stage's `minimum_compression_size` on. And where Chalice's answers in forms of
its own, or drops the connection, the contract wants RFC 9457.
"""

from __future__ import annotations

import base64
import gzip
import json
import threading
import traceback
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from typing import Any, cast

from chalice.app import Chalice
from chalice.config import Config
from chalice.local import (
    ForbiddenError,
    InvalidAuthorizerError,
    LambdaContext,
    LambdaEventConverter,
    LocalChalice,
    LocalGateway,
    LocalGatewayAuthorizer,
    LocalGatewayException,
    NotAuthorizedError,
    RouteMatcher,
)

from chalicelib.domain import errors
from chalicelib.http.auth import NO_VALID_TOKEN
from local.gate import Gate

Headers = list[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Headers = field(default_factory=list)
    body: bytes = b""


# what the app names as well; other problems bear their status's phrase
PROBLEMS = {
    400: errors.MalformedRequest,
    401: errors.Unauthorized,
    403: errors.Forbidden,
    413: errors.BodyTooLarge,
    500: errors.OvertimeError,
    503: errors.Unavailable,
}
ORIGIN_HEADER = "Access-Control-Allow-Origin"


def problem(status: int, detail: str, *headers: tuple[str, str]) -> Answer:
    """A problem document (RFC 9457)."""
    if kind := PROBLEMS.get(status):
        slug, title = kind.slug, kind.title
    else:
        phrase = HTTPStatus(status).phrase
        slug, title = phrase.lower().replace(" ", "-"), phrase.capitalize()
    document = {"type": f"/problems/{slug}", "title": title, "status": status, "detail": detail}
    body = f"{json.dumps(document)}\n".encode()
    return Answer(status, [("Content-Type", "application/problem+json"), *headers], body)


class Gateway(LocalGateway):
    def __init__(self, app: Chalice, config: Config, gate: Gate, challenge: str = "Bearer") -> None:
        """`challenge` is the WWW-Authenticate of a 401."""
        app.__class__ = type("LocalApp", (_OneThreadOneRequest, type(app)), {})
        super().__init__(app, config)
        self._routes = app.routes
        self._matcher = RouteMatcher(list(app.routes))
        self.event_converter = _Events(self._matcher, app.api.binary_types)
        self._authorizer = _Authorizer(app)
        self._gate, self._challenge = gate, challenge
        self._compressed_from: int | None = config.minimum_compression_size

    def answer(self, method: str, target: str, headers: Message, body: bytes | None) -> Answer:
        answer = self._uncompressed(method, target, headers, body)
        least = self._compressed_from
        if (
            least is None
            or len(answer.body) < least
            or "gzip" not in headers.get("Accept-Encoding", "")
        ):
            return answer
        encoded = [*answer.headers, ("Content-Encoding", "gzip")]
        return Answer(answer.status, encoded, gzip.compress(answer.body, mtime=0))

    def _uncompressed(
        self, method: str, target: str, headers: Message, body: bytes | None
    ) -> Answer:
        if refusal := self._gate.refusal(method, headers.items()):
            return problem(403, refusal)
        try:
            route = self._matcher.match_route(target).route
        except ValueError:
            return problem(404, "Nothing lives at this path.")
        methods = self._routes[route]
        preflight = method == "OPTIONS" and any(entry.cors for entry in methods.values())
        if method not in methods and not preflight:
            allowed = ", ".join(sorted(methods))
            return problem(405, f"This path takes {allowed}.", ("Allow", allowed))
        answer = self._answer(method, target, headers, body)
        cors: Any = next(iter(methods.values())).cors  # alike on all routes
        if cors and ORIGIN_HEADER not in dict(answer.headers):  # a refusal of the gateway's own
            answer.headers.append((ORIGIN_HEADER, cors.allow_origin))
        return answer

    def _answer(self, method: str, target: str, headers: Message, body: bytes | None) -> Answer:
        try:
            return _to_answer(self.handle_request(method, target, cast(Any, headers), body))
        except NotAuthorizedError:
            return problem(401, NO_VALID_TOKEN, ("WWW-Authenticate", self._challenge))
        except ForbiddenError:
            return problem(403, "The authorizer does not let this caller through.")
        except InvalidAuthorizerError:
            return problem(503, "The credentials cannot be checked now.", ("Retry-After", "2"))
        except Exception:  # a view's result that JSON cannot hold, for one
            traceback.print_exc()
            return problem(500, "The request failed; the log has the reason.")


class _Authorizer(LocalGatewayAuthorizer):
    """An authorizer refuses by failing with the word Unauthorized; any other failure is a 503."""

    def authorize(self, raw_path: str, lambda_event: Any, lambda_context: LambdaContext) -> Any:
        try:
            return super().authorize(raw_path, lambda_event, lambda_context)
        except LocalGatewayException:
            raise
        except Exception as error:
            if str(error) == "Unauthorized":
                raise NotAuthorizedError({}) from None
            traceback.print_exc()
            raise InvalidAuthorizerError({}) from None


class _Events(LambdaEventConverter):
    def create_lambda_event(
        self, method: str, path: str, headers: Any, body: bytes | None = None
    ) -> dict[str, Any]:
        event: dict[str, Any] = super().create_lambda_event(method, path, headers, body)
        every: dict[str, list[str]] = {}
        for name, value in headers.items():
            every.setdefault(name.lower(), []).append(value)
        event["multiValueHeaders"] = every
        return event


class _OneThreadOneRequest(LocalChalice):
    """One app, many threads: Chalice keeps their requests apart, this their contexts too."""

    _of_thread = threading.local()

    @property
    def lambda_context(self) -> LambdaContext:
        context: LambdaContext = self._of_thread.context
        return context

    @lambda_context.setter
    def lambda_context(self, context: LambdaContext) -> None:
        self._of_thread.context = context


def _to_answer(response: dict[str, Any]) -> Answer:
    headers: Headers = list(response["headers"].items())
    for name, values in response["multiValueHeaders"].items():
        headers += [(name, value) for value in values]
    body = response["body"] or b""
    if response.get("isBase64Encoded"):
        body = base64.b64decode(body)
    elif isinstance(body, str):
        body = body.encode()
    return Answer(response["statusCode"], headers, body)
