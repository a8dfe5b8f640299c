"""Pages of one other origin may call, where the stage names it; elsewhere none may."""

from __future__ import annotations

from email.message import Message
from typing import Any

import pytest
from chalice.deploy.swagger import CFNSwaggerGenerator

import app as app_module
from chalicelib.http.operations import REQUEST_HEADERS, RESPONSE_HEADERS
from chalicelib.settings import SettingsError
from local.gate import Gate
from local.gateway import Answer, Gateway
from local.stage import read_config
from ops.template.gateway_responses import gateway_responses
from tests.api.doors import load_app

PAGE = "https://app.example.com"


def gateway() -> Gateway:
    return Gateway(
        load_app(AUTH="tokens", ALLOWED_ORIGIN=PAGE).app, read_config(), Gate(origins=(PAGE,))
    )


def ask(method: str, path: str, **headers: str) -> Answer:
    message = Message()
    for name, value in {"Host": "127.0.0.1:8000", "Origin": PAGE, **headers}.items():
        message[name.replace("_", "-")] = value
    return gateway().answer(method, path, message, None)


def test_no_page_may_call_unless_the_stage_names_its_origin() -> None:
    routes = [route for methods in app_module.app.routes.values() for route in methods.values()]
    assert not any(route.cors for route in routes)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:3000"},
        {"Origin": "null"},
        {"Host": "rebound.example:8000", "Origin": "http://rebound.example:8000"},
        {"Host": "rebound.example:8000"},
        {"Host": "[::"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_on_this_machine_no_other_page_gets_through_either(
    headers: dict[str, str], method: str
) -> None:
    """A browser sends some requests without asking, and what runs here asks nobody who they are."""
    message = Message()
    for name, value in {"Host": "127.0.0.1:8000", **headers}.items():
        message[name] = value
    refused = Gateway(load_app(AUTH="open").app, read_config(), Gate()).answer(
        method, "/jobs", message, b"{}"
    )
    assert refused.status == 403
    assert b"/problems/forbidden" in refused.body


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "LOCALHOST", "127.0.0.1"])
def test_its_own_pages_and_clients_that_are_none_do(host: str) -> None:
    for origin in (None, f"http://{host}"):
        message = Message()
        message["Host"] = host
        if origin:
            message["Origin"] = origin
        answer = Gateway(load_app(AUTH="open").app, read_config(), Gate()).answer(
            "GET", "/health", message, None
        )
        assert answer.status == 200


def test_on_each_path_a_browser_may_ask_before_it_calls() -> None:
    app: Any = load_app(AUTH="tokens", STAGE="dev", ALLOWED_ORIGIN=PAGE).app
    paths: dict[str, Any] = CFNSwaggerGenerator().generate_swagger(app)["paths"]
    assert set(paths) == set(app.routes)
    for path, methods in paths.items():
        assert "options" in methods, path
        assert "security" not in methods["options"]


def test_a_browser_is_told_what_a_page_may_send() -> None:
    answer = ask("OPTIONS", "/jobs", Access_Control_Request_Method="POST")
    headers = dict(answer.headers)
    assert headers["Access-Control-Allow-Origin"] == PAGE
    allowed = set(headers["Access-Control-Allow-Headers"].split(","))
    assert allowed >= {*REQUEST_HEADERS, "Authorization", "Content-Type"}
    assert "POST" in headers["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Credentials" not in headers


def test_a_page_may_read_the_answer_and_its_headers() -> None:
    headers = dict(ask("GET", "/health").headers)
    assert headers["Access-Control-Allow-Origin"] == PAGE
    assert set(headers["Access-Control-Expose-Headers"].split(",")) == set(RESPONSE_HEADERS)


def test_a_page_may_read_why_it_is_refused() -> None:
    answer = ask("GET", "/jobs")
    assert answer.status == 401
    assert dict(answer.headers)["Access-Control-Allow-Origin"] == PAGE
    for response in gateway_responses(PAGE).values():
        name = "gatewayresponse.header.Access-Control-Allow-Origin"
        assert response["responseParameters"][name] == f"'{PAGE}'"
    assert "Access-Control" not in str(gateway_responses(""))


@pytest.mark.parametrize(
    "origin", ["*", "app.example.com", f"{PAGE}/", f"{PAGE},https://b.example"]
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(SettingsError, match="ALLOWED_ORIGIN"):
        load_app(AUTH="tokens", ALLOWED_ORIGIN=origin)
