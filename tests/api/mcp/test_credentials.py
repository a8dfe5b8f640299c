"""Who may call: with tokens of the stage, with those of an issuer, and not by signatures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ops.template.gateway_responses import gateway_responses
from tests.api.doors import Door, load_app, opened
from tests.api.harness import BASE, Service
from tests.api.mcp.harness import Agent

METADATA = f"{BASE}/.well-known/oauth-protected-resource/mcp"
ISSUED = {"JWT_ISSUER": "https://login.example.com", "JWT_AUDIENCE": "jobs"}


@pytest.fixture(params=["tokens", "jwt"])
def door(request: pytest.FixtureRequest, service: Service) -> Iterator[Door]:
    with opened(request.param, service) as door:
        yield door


def call(door: Door, owner: str, method: str, **params: Any) -> dict[str, Any]:
    agent = Agent(door.service)
    body = agent.message(method, **params)
    headers = {"MCP-Protocol-Version": agent.version, **agent.headers(body)}
    answer = door.request({**door.credentials(owner), **headers}, "POST", "/mcp", body)
    return dict(answer.json_body)


def test_a_job_belongs_to_the_bearer_of_the_token(door: Door) -> None:
    handle = call(door, "ada", "tools/call", name="echo", arguments={})["result"]
    task_id = handle["taskId"]
    assert call(door, "ada", "tasks/get", taskId=task_id)["result"]["status"] == "working"
    for method in ("tasks/get", "tasks/update", "tasks/cancel"):
        answer = call(door, "eve", method, taskId=task_id, inputResponses={})
        assert answer["error"]["code"] == -32602
    assert door.service.record(task_id).status == "queued"


def test_without_a_token_an_agent_learns_where_to_get_one(service: Service) -> None:
    with opened("jwt", service) as door:
        answer = door.request({}, "POST", "/mcp", {})
        assert answer.status_code == 401
        expected = f'Bearer resource_metadata="{METADATA}"'
        assert answer.headers["WWW-Authenticate"] == expected
        found = door.request({}, "GET", METADATA)
        assert found.status_code == 200
        assert found.json_body == {
            "resource": f"{BASE}/mcp",
            "authorization_servers": [door.module.settings.jwt_issuer],
            "bearer_methods_supported": ["header"],
            "resource_name": "Overtime",
        }


def test_api_gateway_says_the_same(service: Service) -> None:
    [header] = [
        value
        for name, value in gateway_responses("", "jwt", f"{BASE}/")["UNAUTHORIZED"][
            "responseParameters"
        ].items()
        if name.endswith("WWW-Authenticate")
    ]
    assert header == f"'Bearer resource_metadata=\"{METADATA}\"'"


def test_with_tokens_of_the_stage_there_is_no_issuer_to_name(service: Service) -> None:
    with opened("tokens", service) as door:
        assert door.request({}, "POST", "/mcp", {}).headers["WWW-Authenticate"] == "Bearer"
        assert not any("well-known" in path for path in door.module.app.routes)


def test_without_a_public_url_there_is_no_metadata() -> None:
    app = load_app(AUTH="jwt", STAGE="dev", PUBLIC_URL="", **ISSUED).app
    assert not any("well-known" in path for path in app.routes)
    assert "/mcp" in app.routes


def test_agents_cannot_sign_so_iam_does_not_offer_the_endpoint() -> None:
    assert "/mcp" not in load_app(AUTH="iam", STAGE="dev").app.routes
