"""POST /mcp of the deployed artifact, with tokens: a job by its handle, and each refusal."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.e2e.http import END_SECONDS, Answer, Client
from tests.e2e.waiting import until

CURRENT = "2026-07-28"
TASKS: Mapping[str, Any] = {"extensions": {"io.modelcontextprotocol/tasks": {}}}
NAMED = {"tools/call": "name", "tasks/get": "taskId", "tasks/cancel": "taskId"}
IDS = itertools.count(1)


def post(client: Client, method: str, /, params: Any = None, **headers: str) -> Answer:
    meta = {
        "io.modelcontextprotocol/protocolVersion": CURRENT,
        "io.modelcontextprotocol/clientCapabilities": TASKS,
    }
    given = {**(params or {}), "_meta": meta}
    sent = {"MCP_Protocol_Version": CURRENT, "Mcp_Method": method}
    if method in NAMED:
        sent["Mcp_Name"] = given[NAMED[method]]
    body = {"jsonrpc": "2.0", "id": next(IDS), "method": method, "params": given}
    return client.call("POST", "/mcp", body, **{**sent, **headers})


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
    ada: Client, flights: bytes
) -> None:
    tools = {tool["name"] for tool in result(post(ada, "tools/list"))["tools"]}
    assert {"report", "fetch", "thumbnails", "get_job", "cancel_job", "create_upload"} <= tools
    wanted = {"size": len(flights), "content_type": "text/csv"}
    made = result(post(ada, "tools/call", {"name": "create_upload", "arguments": wanted}))
    upload = made["structuredContent"]
    assert ada.put(upload["upload"], flights).status == 200
    arguments = {"source": upload["id"], "group_by": ["carrier"], "metrics": ["count"]}
    called = result(post(ada, "tools/call", {"name": "report", "arguments": arguments}))
    task = settled(ada, called["taskId"]) if called["resultType"] == "task" else None
    done = task["result"] if task else called
    assert done["structuredContent"]["rows"] == flights.count(b"\n") - 1
    links = {one["name"]: one for one in done["content"] if one["type"] == "resource_link"}
    file = ada.call("GET", links["report.csv"]["uri"], Authorization="")
    assert len(file.body) == links["report.csv"]["size"]


def test_a_failure_is_a_result_that_says_why(ada: Client) -> None:
    arguments = {"source": "flights.csv", "group_by": ["carrier"], "metrics": ["count"]}
    called = result(post(ada, "tools/call", {"name": "report", "arguments": arguments}))
    done = (
        called if called["resultType"] == "complete" else settled(ada, called["taskId"])["result"]
    )
    assert done["isError"] is True
    assert "flights.csv" in done["content"][0]["text"]


def test_another_owners_task_is_unknown(ada: Client, bob: Client) -> None:
    job = ada.submit("fetch", {"url": "https://127.0.0.1/"})
    for method in ("tasks/get", "tasks/cancel"):
        refused(post(bob, method, {"taskId": job["id"]}), 400, -32602)
    assert result(post(ada, "tasks/cancel", {"taskId": job["id"]}))["resultType"] == "complete"


def test_an_earlier_client_initializes_and_is_answered_by_a_held_call(ada: Client) -> None:
    params = {"protocolVersion": "2025-11-25", "capabilities": {}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    answer = ada.call("POST", "/mcp", body)
    assert answer.json["result"]["protocolVersion"] == "2025-11-25"
    assert "Mcp-Session-Id" not in answer.headers
    note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    taken = ada.call("POST", "/mcp", note, MCP_Protocol_Version="2025-11-25")
    assert (taken.status, taken.body) == (202, b"")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Mcp_Method": "tools/call"}, 400, -32020),
        ({"MCP_Protocol_Version": "2025-11-25"}, 400, -32020),
    ],
)
def test_a_header_that_does_not_fit_is_refused(
    ada: Client, headers: dict[str, str], status: int, code: int
) -> None:
    refused(post(ada, "tools/list", **headers), status, code)


def test_a_page_of_another_origin_is_refused(ada: Client) -> None:
    """By the local AWS already, which lets no page in."""
    assert post(ada, "tools/list", Origin="https://evil.example").status == 403


def test_an_unknown_version_is_answered_with_those_that_are_known(ada: Client) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    error = refused(ada.call("POST", "/mcp", body, MCP_Protocol_Version="2030-01-01"), 400, -32022)
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
)
def test_a_body_that_is_no_message_is_refused_as_json_rpc(
    ada: Client, body: bytes, status: int, code: int
) -> None:
    refused(ada.call("POST", "/mcp", body), status, code)


def test_without_a_token_nothing_answers(nobody: Client) -> None:
    answer = post(nobody, "tools/list")
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_other_methods_are_not_allowed(ada: Client, method: str) -> None:
    answer = ada.call(method, "/mcp")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
