"""Every answer that a test of the API sees has to be as openapi.json says."""

from __future__ import annotations

import functools
from typing import Any

import jsonschema_rs
import msgspec
from chalice.app import Chalice
from chalice.local import RouteMatcher
from chalice.test import HTTPResponse

from chalicelib import __version__
from chalicelib.http.openapi import describe
from tests.api.tasks import all_tasks


@functools.cache
def description(app: Chalice) -> dict[str, Any]:
    described = describe(app, all_tasks().values(), __version__, "https://jobs.example.com")
    document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(described))
    return document


@functools.cache
def _responses(app: Chalice, route: str, method: str) -> Any:
    operation = description(app)["paths"].get(route, {}).get(method.lower())
    return operation and operation["responses"]


@functools.cache
def _validator(app: Chalice, route: str, method: str, status: int, media_type: str) -> Any:
    schema = _responses(app, route, method)[str(status)]["content"][media_type]["schema"]
    components = description(app)["components"]
    return jsonschema_rs.validator_for({**schema, "components": components})


def check(app: Chalice, method: str, path: str, answer: HTTPResponse) -> None:
    try:
        route = RouteMatcher(list(app.routes)).match_route(path).route
    except ValueError:
        return  # API Gateway answers
    responses = _responses(app, route, "GET" if method == "HEAD" else method)
    if responses is None:
        return
    where, status = f"{method} {route}", answer.status_code
    assert str(status) in responses, f"{where} answered {status}, which is not described"
    described = responses[str(status)]
    for name, header in described.get("headers", {}).items():
        present = name in answer.headers or not header["required"]
        assert present, f"{where} answered {status} without {name}"
    if "content" not in described or method == "HEAD":
        assert answer.body == b"", f"{where} answered {status} with a body"
        return
    assert answer.body.endswith(b"\n"), f"{where} answered {status} without a newline at the end"
    media_type = answer.headers["Content-Type"]
    assert media_type in described["content"], f"{where} answered {status} with {media_type}"
    body = answer.json_body if media_type.endswith("json") else answer.body.decode()
    _validator(app, route, method, status, media_type).validate(body)
