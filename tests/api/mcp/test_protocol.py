"""What the protocol asks of the envelope: versions, headers, metadata, refusals."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.api.harness import BASE, Service
from tests.api.mcp.harness import CURRENT, TASKS, Agent, refused

VERSIONS = [CURRENT, "2025-11-25", "2025-06-18"]


def test_discovery_shows_versions_capabilities_and_the_extension(agent: Agent) -> None:
    found = agent.ask("server/discover")
    assert found["resultType"] == "complete"
    assert found["supportedVersions"] == VERSIONS
    assert found["capabilities"] == {"tools": {}, "extensions": {TASKS: {}}}
    assert found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "overtime"
    assert (found["ttlMs"] > 0, found["cacheScope"]) == (True, "private")


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("2025-11-25", "2025-11-25"),
        ("2025-06-18", "2025-06-18"),
        ("2024-11-05", "2025-11-25"),
        (None, "2025-11-25"),
    ],
)
def test_earlier_clients_initialize_without_a_session(
    earlier: Agent, asked: str | None, given: str
) -> None:
    body = earlier.message("initialize", protocolVersion=asked, capabilities={})
    answer = earlier.post(body, version=False)
    assert answer.status_code == 200
    assert "mcp-session-id" not in {name.lower() for name in answer.headers}
    result = answer.json_body["result"]
    assert (result["protocolVersion"], result["capabilities"]) == (given, {"tools": {}})
    assert "resultType" not in result


@pytest.mark.parametrize("version", [True, False])
def test_a_notification_gets_202_and_no_body(earlier: Agent, version: bool) -> None:
    body = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    answer = earlier.post(body, version=version)
    assert (answer.status_code, answer.body) == (202, b"")


def test_earlier_clients_may_ping(earlier: Agent) -> None:
    assert earlier.ask("ping") == {}


@pytest.mark.parametrize(
    "method", ["initialize", "ping", "logging/setLevel", "tasks/list", "tasks/result", "nothing"]
)
def test_an_unknown_method_is_404_for_clients_of_the_current_version(
    agent: Agent, method: str
) -> None:
    refused(agent.send(method), 404, -32601)


def test_earlier_clients_get_their_errors_with_200(earlier: Agent) -> None:
    refused(earlier.send("resources/list"), 200, -32601)
    refused(earlier.send("tools/call", name="nothing", arguments={}), 200, -32602)


@pytest.mark.parametrize("key", ["protocolVersion", "clientCapabilities", None])
def test_metadata_that_is_missing_is_named(agent: Agent, key: str | None) -> None:
    body = agent.message("tools/list")
    if key is None:
        del body["params"]["_meta"]
    else:
        del body["params"]["_meta"][f"io.modelcontextprotocol/{key}"]
    error = refused(agent.post(body, agent.headers(body)), 400, -32602)
    assert key is None or key in error["message"]


@pytest.mark.parametrize(
    ("key", "value"), [("protocolVersion", 20260728), ("clientCapabilities", "all")]
)
def test_metadata_of_a_wrong_type_is_refused(agent: Agent, key: str, value: Any) -> None:
    body = agent.message("tools/list", _meta={f"io.modelcontextprotocol/{key}": value})
    refused(agent.post(body, agent.headers(body)), 400, -32602)


def test_an_unknown_version_is_answered_with_those_that_are_known(service: Service) -> None:
    agent = Agent(service, version="2030-01-01")
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2030-01-01",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    for given in (agent.message("tools/list", _meta=meta), agent.message("tools/list")):
        error = refused(agent.post(given, {"Mcp-Method": "tools/list"}), 400, -32022)
        assert error["data"] == {"supported": VERSIONS, "requested": "2030-01-01"}
    long = {"Mcp-Method": "tools/list", "MCP-Protocol-Version": "v" * 5_000}
    body = agent.message("tools/list")
    error = refused(agent.post(body, long), 400, -32022)
    assert error["data"]["requested"] == "v" * 100


@pytest.mark.parametrize(
    "headers",
    [
        {"Mcp-Method": "tools/list", "Mcp-Name": "echo"},
        {"Mcp-Method": "TOOLS/CALL", "Mcp-Name": "echo"},
        {"Mcp-Name": "echo"},
        {"Mcp-Method": "tools/call"},
        {"Mcp-Method": "tools/call", "Mcp-Name": "other"},
        {"Mcp-Method": "tools/call", "Mcp-Name": "=?base64?b3RoZXI=?="},
        {"Mcp-Method": "tools/call", "Mcp-Name": "=?base64?%%%?="},
        {"Mcp-Method": "tools/call", "Mcp-Name": "echo", "MCP-Protocol-Version": "2025-11-25"},
    ],
)
def test_headers_that_differ_from_the_body_are_refused(
    agent: Agent, service: Service, headers: dict[str, str]
) -> None:
    body = agent.message("tools/call", name="echo", arguments={})
    refused(agent.post(body, headers), 400, -32020)
    assert service.nothing_is_stored()


def test_a_missing_version_header_is_a_mismatch(agent: Agent) -> None:
    body = agent.message("tools/list")
    refused(agent.post(body, agent.headers(body), version=False), 400, -32020)


def test_a_header_that_is_sent_twice_is_a_mismatch(agent: Agent, service: Service) -> None:
    body = agent.message("tools/list")
    headers = [
        ("Content-Type", "application/json"),
        ("MCP-Protocol-Version", CURRENT),
        ("Mcp-Method", "tools/list"),
        ("Mcp-Method", "tools/list"),
    ]
    refused(service.through_api_gateway("POST", "/mcp", headers, body), 400, -32020)


def test_a_header_may_have_other_case_in_its_name_space_around_it_or_base64(agent: Agent) -> None:
    body = agent.message("tools/call", name="echo", arguments={"text": "a"})
    encoded = base64.b64encode(b"echo").decode()
    for name in ("  echo ", f"=?base64?{encoded}?="):
        answer = agent.post(body, {"MCP-METHOD": "tools/call", "mcp-name": name})
        assert answer.status_code == 200, answer.body


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
def test_task_methods_need_the_extension(plain: Agent, method: str) -> None:
    error = refused(plain.send(method, taskId="a" * 32), 400, -32021)
    assert error["data"] == {"requiredCapabilities": {"extensions": {TASKS: {}}}}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, -32700),
        (b"{", 400, -32700),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "\xff"}', 400, -32700),
        (b'{"a":' * 100 + b"1" + b"}" * 100, 400, -32700),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, 400, -32700),
        (b'"' + b"x" * 2_700_000 + b'"', 413, -32600),
        (b"[]", 400, -32600),
        (b'[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', 400, -32600),
        (b"7", 400, -32600),
        (b'{"id": 1, "method": "ping"}', 400, -32600),
        (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', 400, -32600),
        (b'{"jsonrpc": "2.0", "id": true, "method": "ping"}', 400, -32600),
        (b'{"jsonrpc": "2.0", "id": {}, "method": "ping"}', 400, -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": 5}', 400, -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "result": {}}', 400, -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}', 400, -32602),
    ],
)
@pytest.mark.parametrize("version", ["current", "earlier"])
def test_a_body_that_is_no_message_is_refused_as_json_rpc(
    service: Service, version: str, body: bytes, status: int, code: int
) -> None:
    agent = Agent(service, CURRENT if version == "current" else "2025-11-25")
    refused(agent.post(body), status, code)


def test_another_media_type_is_refused_as_json_rpc(agent: Agent) -> None:
    body = agent.message("tools/list")
    refused(agent.post(body, {"Content-Type": "text/plain"}), 415, -32600)


def test_an_error_repeats_the_id_of_its_request(agent: Agent) -> None:
    for given in ("a", 7, 0, -1):
        body = {**agent.message("tools/list"), "id": given}
        answer = agent.post(body, {"Mcp-Method": "other"})
        assert answer.json_body["id"] == given
    assert "id" not in agent.post(b"{").json_body


def request_of(agent: Agent, service: Service, *headers: tuple[str, str], **params: Any) -> Any:
    """The answer to a tools/call with these headers as well, which may come twice."""
    body = agent.message("tools/call", name="echo", **params)
    sent = {"Content-Type": "application/json", "MCP-Protocol-Version": CURRENT}
    sent |= agent.headers(body)
    raw = json.dumps(body, ensure_ascii=False).encode()
    return service.through_api_gateway("POST", "/mcp", [*sent.items(), *headers], raw)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"text": "\0"}, -32602),
        ({"x" * 300: 1}, -32602),
        ({"text": "\ufffd"}, -32600),
        ({"text": json.loads("[" * 70 + "]" * 70)}, -32600),
    ],
    ids=["NUL", "a long name", "U+FFFD", "deep"],
)
def test_a_message_that_is_refused_for_its_text_keeps_its_id(
    agent: Agent, service: Service, arguments: Any, code: int
) -> None:
    answer = request_of(agent, service, arguments=arguments)
    refused(answer, 400, code)
    assert answer.json_body["id"] == 1
    assert service.nothing_is_stored()


def test_a_refusal_of_another_media_type_keeps_the_id(agent: Agent, service: Service) -> None:
    answer = request_of(agent, service, ("Content-Encoding", "gzip"))
    refused(answer, 415, -32600)
    assert answer.json_body["id"] == 1


@pytest.mark.parametrize("given", ["echó", "echo\x01"])
def test_a_header_of_other_characters_is_a_mismatch_though_the_body_has_the_same(
    agent: Agent, given: str
) -> None:
    body = agent.message("tools/call", name=given)
    refused(agent.post(body, {"Mcp-Method": "tools/call", "Mcp-Name": given}), 400, -32020)
    encoded = base64.b64encode(given.encode()).decode()
    same = agent.post(body, {"Mcp-Method": "tools/call", "Mcp-Name": f"=?base64?{encoded}?="})
    refused(same, 400, -32602)


def test_two_origins_are_foreign(agent: Agent, service: Service) -> None:
    own = ("Origin", BASE)
    refused(request_of(agent, service, own, own), 403, -32600)


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", f"{BASE}.evil", "", "http:", "http:/"],
)
def test_a_foreign_origin_is_refused(agent: Agent, origin: str) -> None:
    body = agent.message("tools/list")
    answer = agent.post(body, {**agent.headers(body), "Origin": origin})
    refused(answer, 403, -32600)
    assert "id" not in answer.json_body


def test_the_own_origin_and_the_allowed_one_may_call(agent: Agent, service: Service) -> None:
    service.set(public_url="https://jobs.example.com/base")
    body = agent.message("tools/list")
    headers = {**agent.headers(body), "Origin": "https://jobs.example.com"}
    assert agent.post(body, headers).status_code == 200


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_other_methods_are_declared_to_answer_405(service: Service, method: str) -> None:
    answer = service.request(method, "/mcp")
    refused(answer, 405, -32600)
    assert answer.headers["Allow"] == "POST"


def test_the_endpoint_is_not_part_of_the_described_api(service: Service) -> None:
    document = service.get("/openapi.json").json_body
    assert "/mcp" not in document["paths"]
    assert "/jobs" in document["paths"]


def test_an_unexpected_failure_is_logged_and_answered_as_json_rpc(
    agent: Agent, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> Any:
        raise ZeroDivisionError

    service.replace(tasks=fails)
    error = refused(agent.send("tools/list"), 500, -32603)
    assert "request_id" in error["data"]
    assert "Zero" not in json.dumps(error)
    assert "request_failed" in caplog.text
