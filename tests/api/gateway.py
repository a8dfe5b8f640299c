"""API Gateway's part: of an HTTP request, the event that a Lambda function behind a REST API with
proxy integration gets."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from chalice.app import Chalice
from chalice.local import RouteMatcher
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

Headers = Iterable[tuple[str, str]]
NO_ROUTE = '{"type":"/problems/not-found","title":"Not found","status":404,"detail":"Nothing."}\n'
DOMAIN = "a1b2c3.execute-api.eu-central-1.amazonaws.com"


def event(
    routes: Iterable[str],
    method: str,
    url: str,
    headers: Headers = (),
    body: bytes | None = None,
    *,
    domain: str = DOMAIN,
    above: str = "/prod",
) -> dict[str, Any]:
    """`above` is what precedes a route in the path: the stage, or a custom domain's base path.

    Raises ValueError where there is no such route.
    """
    parts = urlsplit(url)
    matched = RouteMatcher(list(routes)).match_route(parts.path)
    repeated: dict[str, list[str]] = {}
    for name, value in headers:
        repeated.setdefault(name, []).append(value)
    query = parse_qs(parts.query, keep_blank_values=True)
    return {
        "resource": matched.route,
        "path": parts.path,
        "httpMethod": method,
        "headers": {name: values[-1] for name, values in repeated.items()} or None,
        "multiValueHeaders": repeated or None,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": {name: unquote(one) for name, one in matched.captured.items()} or None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": matched.route,
            "httpMethod": method,
            "path": above + parts.path,
            "stage": "prod",
            "domainName": domain,
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "identity": {"sourceIp": "192.0.2.1"},
        },
        "body": None if body is None else body.decode("utf-8", "replace"),
        "isBase64Encoded": False,
    }


class Adapter(HTTPAdapter):
    """Lets `requests` speak to the app as if it were behind API Gateway."""

    def __init__(self, app: Chalice, context: Any) -> None:
        super().__init__()
        self.app, self.context = app, context

    def send(self, request: PreparedRequest, *_: Any, **__: Any) -> Response:
        answer = self.answer(request)
        raw = HTTPResponse(
            io.BytesIO(answer["body"].encode()),
            answer["headers"],
            answer["statusCode"],
            preload_content=False,
        )
        return self.build_response(request, raw)

    def answer(self, request: PreparedRequest) -> dict[str, Any]:
        """What has no route is answered as the template's GatewayResponses do: 404, since API
        Gateway cannot tell an unknown method from an unknown path."""
        body: Any = request.body.encode() if isinstance(request.body, str) else request.body
        headers = [(_text(name), _text(value)) for name, value in request.headers.items()]
        try:
            asked = event(self.app.routes, str(request.method), str(request.url), headers, body)
            self.app.routes[asked["resource"]][asked["httpMethod"]]
        except (ValueError, KeyError):
            kind = {"Content-Type": "application/problem+json"}
            return {"statusCode": 404, "headers": kind, "body": NO_ROUTE}
        answer: dict[str, Any] = self.app(asked, self.context)
        return answer


def _text(header: str | bytes) -> str:
    return header.decode("latin-1") if isinstance(header, bytes) else header
