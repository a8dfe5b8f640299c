"""The authorizer's function, driven by API Gateway's own event: what it answers, what it costs, and
what API Gateway makes of it for a minute."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from chalice.test import HTTPResponse

from chalicelib import wiring
from chalicelib.domain.errors import Unavailable
from tests.api import gateway
from tests.api.doors import ARN, ApiGatewayDoor, TokensDoor, allows, bearer
from tests.api.harness import Context, Service, is_problem
from tests.aws import ENVIRONMENT, ROOT, counted
from tests.lines import lines


@pytest.fixture
def door(service: Service) -> ApiGatewayDoor:
    return ApiGatewayDoor(service)


def invoked(door: TokensDoor, header: str, method_arn: str = f"{ARN}/GET/jobs") -> dict[str, Any]:
    event = {"type": "TOKEN", "authorizationToken": header, "methodArn": method_arn}
    answer: dict[str, Any] = door.module.authorize(event, Context())
    return answer


def header_of(door: TokensDoor, owner: str) -> str:
    return door.credentials(owner)["Authorization"]


def raises(service: Service, door: TokensDoor, error: Exception) -> None:
    class Away:
        def owner_of(self, text: str) -> str:
            raise error

    service.monkeypatch.setattr(door.module, "authenticator", Away)


# ── what it answers ──


def test_it_tells_the_owner_and_a_policy(door: ApiGatewayDoor) -> None:
    assert invoked(door, header_of(door, "ada"), f"{ARN}/DELETE/jobs/0f61") == {
        "principalId": "ada",
        "context": {},
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": [f"{ARN}/*/*"]}
            ],
        },
    }


def test_the_policy_is_good_for_every_route_and_for_no_other_stage(door: ApiGatewayDoor) -> None:
    """Because API Gateway keeps it by the header alone, whatever was asked for first."""
    policy = invoked(door, header_of(door, "ada"))["policyDocument"]
    for method, path in door.routes:
        assert allows(policy, f"{ARN}/{method}{path}")
    assert not allows(policy, f"{ARN.removesuffix('prod')}dev/GET/jobs")
    assert not allows(policy, f"{ARN.replace('a1b2c3', 'other')}/GET/jobs")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", f"Bearer ot_{'0' * 16}_{'0' * 64}"])
def test_it_refuses_in_the_one_word_that_api_gateway_answers_401_to(
    door: ApiGatewayDoor, header: str
) -> None:
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        invoked(door, header)


def test_a_refusal_is_logged_and_no_token_is(door: ApiGatewayDoor) -> None:
    token, text = door.tokens.issue("ada")
    door.tokens.revoke(token.id)
    with lines() as said:
        with pytest.raises(Exception, match=r"^Unauthorized$"):
            invoked(door, f"Bearer {text}")
        invoked(door, header_of(door, "bob"))
    [line] = said
    assert (line["event"], line["reason"]) == ("refused", f"no such token: {token.id}")
    assert text.rpartition("_")[2] not in json.dumps(line)


# ── for a minute ──


def test_its_answer_is_kept_for_a_minute_and_serves_all_routes(door: ApiGatewayDoor) -> None:
    door.ask("ada", "GET", "/jobs")
    with counted(wiring.client("dynamodb")) as calls:
        for method, path in (("GET", "/tasks"), ("GET", "/openapi.json"), ("POST", "/uploads")):
            assert door.ask("ada", method, path, {"size": 1}).status_code in (200, 201)
    assert calls == []


def test_a_revoked_token_is_refused_within_a_minute(door: ApiGatewayDoor) -> None:
    token, text = door.tokens.issue("ada")
    assert door.request(bearer(text), "GET", "/jobs").status_code == 200
    door.tokens.revoke(token.id)
    door.service.clock.sleep(59)
    assert door.request(bearer(text), "GET", "/jobs").status_code == 200
    door.service.clock.sleep(1)
    assert is_problem(door.request(bearer(text), "GET", "/jobs"), 401, "unauthorized")


def test_on_the_local_stage_it_is_refused_at_once(service: Service) -> None:
    door = TokensDoor(service)
    token, text = door.tokens.issue("ada")
    assert door.request(bearer(text), "GET", "/jobs").status_code == 200
    door.tokens.revoke(token.id)
    assert is_problem(door.request(bearer(text), "GET", "/jobs"), 401, "unauthorized")


# ── what it costs ──


def test_a_token_is_looked_up_by_one_consistent_read(door: ApiGatewayDoor) -> None:
    header = header_of(door, "ada")
    with counted(wiring.client("dynamodb")) as calls:
        invoked(door, header)
    assert calls == ["dynamodb.GetItem"]


def test_what_is_no_token_costs_no_read(door: ApiGatewayDoor) -> None:
    with counted(wiring.client("dynamodb")) as calls:
        for header in ("Bearer x", "Basic x", "Bearer ot_x_y"):
            with pytest.raises(Exception, match=r"^Unauthorized$"):
                invoked(door, header)
    assert calls == []


@pytest.mark.parametrize("mode", ["tokens", "jwt", "iam", "open"])
def test_no_function_loads_a_check_that_it_does_not_make(mode: str) -> None:
    """PyJWT and cryptography are loaded by the authorizer of a stage with AUTH=jwt alone."""
    code = (
        "import app, sys\n"
        "if app.settings.auth in ('tokens', 'jwt'): app.authenticator()\n"
        "print(*sorted({'jwt', 'cryptography', 'botocore', 'PIL'} & sys.modules.keys()))\n"
    )
    stage = "dev" if mode == "iam" else "local"
    changes = {"AUTH": mode, "STAGE": stage, "JWT_ISSUER": "https://a.example.com"}
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **ENVIRONMENT, **changes, "JWT_AUDIENCE": "jobs"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert found == {"jwt": ["cryptography", "jwt"], "tokens": ["botocore"]}.get(mode, [])


# ── when it cannot tell ──


@pytest.mark.parametrize("error", [Unavailable("The jobs table did not answer."), KeyError("x")])
@pytest.mark.parametrize("kind", [TokensDoor, ApiGatewayDoor])
def test_where_it_cannot_tell_the_caller_is_to_ask_again(
    service: Service, kind: type[TokensDoor], error: Exception
) -> None:
    """A 401 would make clients throw away credentials that are good."""
    door = kind(service)
    header = door.credentials("ada")
    raises(service, door, error)
    answer = door.request(header, "GET", "/jobs")
    assert is_problem(answer, 503, "unavailable")
    assert answer.headers["Retry-After"] == "2"


def test_without_its_authorizer_a_stage_refuses_every_request(door: ApiGatewayDoor) -> None:
    """As after a deployment that lost it: the views themselves ask whom it has let in."""
    for headers in ({}, door.credentials("ada")):
        event = gateway.event(door.module.app.routes, "GET", "/jobs", list(headers.items()))
        answer = HTTPResponse.create_from_dict(door.module.app(event, Context()))
        assert is_problem(answer, 401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
