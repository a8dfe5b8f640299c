"""POST /mcp of the deployed artifact, with tokens of the stage and with those of an issuer: a job
by its handle, and each refusal."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.api import gateway
from tests.e2e.conftest import DOMAIN
from tests.e2e.deployed import Deployed
from tests.e2e.http import END_SECONDS, Answer, Client
from tests.e2e.waiting import until
from tests.issuer import Issuer, Key

CURRENT = "2026-07-28"
TASKS: Mapping[str, Any] = {"extensions": {"io.modelcontextprotocol/tasks": {}}}
NAMED = {"tools/call": "name", "tasks/get": "taskId", "tasks/cancel": "taskId"}
IDS = itertools.count(1)
METADATA = f"https://{DOMAIN}/.well-known/oauth-protected-resource/mcp"


@dataclass(frozen=True)
class Door:
    stage: Deployed
    ada: Client
    bob: Client
    nobody: Client
    challenge: str


@pytest.fixture(scope="module", params=["tokens", "jwt"])
def door(request: pytest.FixtureRequest) -> Door:
    if request.param == "tokens":
        stage: Deployed = request.getfixturevalue("stage")
        ada, bob = (request.getfixturevalue(name) for name in ("ada", "bob"))
        return Door(stage, ada, bob, Client(stage.url, stage.aws.certificate), "Bearer")
    stage, issuer = (request.getfixturevalue(name) for name in ("jwt_stage", "issuer"))
    ada, bob = (with_token(stage, issuer.token(owner)) for owner in ("ada", "bob"))
    challenge = f'Bearer resource_metadata="{METADATA}"'
    return Door(stage, ada, bob, with_token(stage, None), challenge)


def with_token(stage: Deployed, token: str | None) -> Client:
    """It calls by the stage's own domain."""
    return Client(stage.aws.url, stage.aws.certificate, token, DOMAIN)


@pytest.fixture
def agent(door: Door) -> Client:
    return door.ada


def post(client: Client, method: str, /, params: Any = None, **headers: str) -> Answer:
    sent, body = request(method, params)
    return client.call("POST", "/mcp", body, **{**sent, **headers})


def request(method: str, params: Any = None) -> tuple[dict[str, str], dict[str, Any]]:
    """Headers and body, as the version asks for them."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": CURRENT,
        "io.modelcontextprotocol/clientCapabilities": TASKS,
    }
    given = {**(params or {}), "_meta": meta}
    sent = {"MCP_Protocol_Version": CURRENT, "Mcp_Method": method}
    if method in NAMED:
        sent["Mcp_Name"] = given[NAMED[method]]
    return sent, {"jsonrpc": "2.0", "id": next(IDS), "method": method, "params": given}


def result(answer: Answer) -> Any:
    assert answer.status == 200, answer
    return answer.json["result"]


def refused(answer: Answer, status: int, code: int) -> Any:
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/json"), answer
    assert answer.json["error"]["code"] == code, answer
    return answer.json["error"]


def settled(client: Client, task_id: str) -> Any:
    def look() -> Any:
        task = result(post(client, "tasks/get", {"taskId": task_id}))
        return task if task["status"] != "working" else None

    return until(look, END_SECONDS)


def test_an_agent_uploads_a_file_and_gets_a_report_by_a_tasks_handle(
    agent: Client, flights: bytes
) -> None:
    tools = {tool["name"] for tool in result(post(agent, "tools/list"))["tools"]}
    assert {"report", "fetch", "thumbnails", "get_job", "cancel_job", "create_upload"} <= tools
    wanted = {"size": len(flights), "content_type": "text/csv"}
    made = result(post(agent, "tools/call", {"name": "create_upload", "arguments": wanted}))
    upload = made["structuredContent"]
    assert agent.put(upload["upload"], flights).status == 200
    arguments = {"source": upload["id"], "group_by": ["carrier"], "metrics": ["count"]}
    called = result(post(agent, "tools/call", {"name": "report", "arguments": arguments}))
    task = settled(agent, called["taskId"]) if called["resultType"] == "task" else None
    done = task["result"] if task else called
    assert done["structuredContent"]["rows"] == flights.count(b"\n") - 1
    links = {one["name"]: one for one in done["content"] if one["type"] == "resource_link"}
    file = Client("", agent.certificate).call("GET", links["report.csv"]["uri"])
    assert len(file.body) == links["report.csv"]["size"]


def test_a_failure_is_a_result_that_says_why(agent: Client) -> None:
    arguments = {"source": "flights.csv", "group_by": ["carrier"], "metrics": ["count"]}
    called = result(post(agent, "tools/call", {"name": "report", "arguments": arguments}))
    done = (
        called if called["resultType"] == "complete" else settled(agent, called["taskId"])["result"]
    )
    assert done["isError"] is True
    assert "flights.csv" in done["content"][0]["text"]


def test_another_owners_task_is_unknown(door: Door) -> None:
    job = door.ada.submit("fetch", {"url": "https://127.0.0.1/"})
    for method in ("tasks/get", "tasks/cancel"):
        refused(post(door.bob, method, {"taskId": job["id"]}), 400, -32602)
    canceled = post(door.ada, "tasks/cancel", {"taskId": job["id"]})
    assert result(canceled)["resultType"] == "complete"


def test_an_earlier_client_initializes_and_is_answered_by_a_held_call(agent: Client) -> None:
    params = {"protocolVersion": "2025-11-25", "capabilities": {}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    answer = agent.call("POST", "/mcp", body)
    assert answer.json["result"]["protocolVersion"] == "2025-11-25"
    assert "Mcp-Session-Id" not in answer.headers
    note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    taken = agent.call("POST", "/mcp", note, MCP_Protocol_Version="2025-11-25")
    assert (taken.status, taken.body) == (202, b"")


@pytest.mark.parametrize(
    "headers", [{"Mcp_Method": "tools/call"}, {"MCP_Protocol_Version": "2025-11-25"}]
)
def test_a_header_that_does_not_fit_is_refused(agent: Client, headers: dict[str, str]) -> None:
    refused(post(agent, "tools/list", **headers), 400, -32020)


def test_a_page_of_another_origin_is_refused(door: Door) -> None:
    """The local AWS lets no page in, so the deployed function gets API Gateway's event directly."""
    assert post(door.ada, "tools/list", Origin="https://evil.example").status == 403
    own = urlsplit(door.stage.variable("api_handler", "PUBLIC_URL"))
    for origin, status in (("https://evil.example", 403), (f"https://{own.netloc}", 200)):
        sent, body = request("tools/list")
        headers = {**sent, "Content-Type": "application/json", "Origin": origin}
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        event = gateway.event(["/mcp"], "POST", "/mcp", named, json.dumps(body).encode())
        event["requestContext"]["authorizer"] = {"principalId": "ada"}
        answer = door.stage.invoke("api_handler", event)
        assert answer["statusCode"] == status, answer
        assert (status == 403) is ('"code":-32600' in answer["body"])


def test_an_unknown_version_is_answered_with_those_that_are_known(agent: Client) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    error = refused(
        agent.call("POST", "/mcp", body, MCP_Protocol_Version="2030-01-01"), 400, -32022
    )
    assert error["data"]["requested"] == "2030-01-01"
    assert CURRENT in error["data"]["supported"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, -32700),
        (json.dumps([{"jsonrpc": "2.0", "id": 1, "method": "ping"}]).encode(), 400, -32600),
        (b'{"a":' * 1_000 + b"1" + b"}" * 1_000, 400, -32700),
        (b'"' + b"x" * 2_700_000 + b'"', 413, -32600),
    ],
    ids=["malformed", "batch", "deep", "oversize"],
)
def test_a_body_that_is_no_message_is_refused_as_json_rpc(
    agent: Client, body: bytes, status: int, code: int
) -> None:
    refused(agent.call("POST", "/mcp", body), status, code)


def test_without_a_token_a_client_learns_how_to_get_in(door: Door) -> None:
    answer = post(door.nobody, "tools/list")
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, door.challenge)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_other_methods_are_not_allowed(agent: Client, method: str) -> None:
    answer = agent.call(method, "/mcp")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


def test_the_metadata_of_the_resource_names_the_issuer(jwt_stage: Deployed, issuer: Issuer) -> None:
    """As a client finds it: no token, the URL from the challenge, `resource` the URL it called."""
    nobody = with_token(jwt_stage, None)
    challenge = post(nobody, "tools/list").headers["WWW-Authenticate"]
    url = challenge.removeprefix('Bearer resource_metadata="').removesuffix('"')
    found = nobody.call("GET", url.removeprefix(f"https://{DOMAIN}"))
    assert (found.status, found.headers["Content-Type"]) == (200, "application/json")
    assert found.json["resource"] == f"https://{DOMAIN}/mcp"
    assert found.json["authorization_servers"] == [issuer.url]
    assert found.json["bearer_methods_supported"] == ["header"]


def bad_tokens(issuer: Issuer) -> Iterator[tuple[str, str]]:
    yield "expired", issuer.token("eve", exp=1)
    yield "for another audience", issuer.token("eve", aud="https://other.example.com")
    yield "of another issuer", issuer.token("eve", iss="https://evil.example.com")
    yield "forged", issuer.token("eve", key=Key(issuer.key.kid))
    yield "of another form", "ot_0011223344556677_" + "0" * 64


def test_a_token_that_is_not_valid_here_is_refused_and_starts_nothing(
    jwt_stage: Deployed, issuer: Issuer
) -> None:
    arguments = {"url": "https://127.0.0.1/"}
    for why, token in bad_tokens(issuer):
        client = with_token(jwt_stage, token)
        answer = post(client, "tools/call", {"name": "fetch", "arguments": arguments})
        assert answer.status == 401, (why, answer)
        assert METADATA in answer.headers["WWW-Authenticate"], why
    stored = jwt_stage.client("dynamodb").scan(TableName=jwt_stage.table)["Items"]
    assert "#eve" not in json.dumps(stored)
