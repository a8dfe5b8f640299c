"""A client of /mcp that sends what its version asks for, and shows what comes back."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.api.harness import Answer, Service

CURRENT = "2026-07-28"
TASKS = "io.modelcontextprotocol/tasks"
WITH_TASKS: Mapping[str, Any] = {"extensions": {TASKS: {}}}
NAMED = {"tools/call": "name", "tasks/get": "taskId", "tasks/update": "taskId"}
NAMED["tasks/cancel"] = "taskId"


@dataclass
class Agent:
    service: Service
    version: str = CURRENT
    capabilities: Mapping[str, Any] = field(default_factory=lambda: WITH_TASKS)
    ids: Any = field(default_factory=lambda: itertools.count(1))

    def post(
        self, body: Any, headers: Mapping[str, str] | None = None, *, version: bool = True
    ) -> Answer:
        sent = {"MCP-Protocol-Version": self.version} if version else {}
        return self.service.request("POST", "/mcp", {**sent, **(headers or {})}, body)

    def message(self, method: str, **params: Any) -> dict[str, Any]:
        if self.version == CURRENT:
            meta = params.get("_meta", {})
            declared = {
                "io.modelcontextprotocol/protocolVersion": self.version,
                "io.modelcontextprotocol/clientCapabilities": self.capabilities,
            }
            params["_meta"] = {**declared, **meta}
        return {"jsonrpc": "2.0", "id": next(self.ids), "method": method, "params": params}

    def headers(self, body: Mapping[str, Any]) -> dict[str, str]:
        if self.version != CURRENT:
            return {}
        headers = {"Mcp-Method": str(body["method"])}
        if member := NAMED.get(body["method"]):
            headers["Mcp-Name"] = str(body["params"][member])
        return headers

    def send(self, method: str, **params: Any) -> Answer:
        body = self.message(method, **params)
        answer = self.post(body, self.headers(body))
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.json_body["id"] == body["id"]
        return answer

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The result."""
        answer = self.send(method, **params)
        assert answer.status_code == 200, answer.body
        assert "result" in answer.json_body, answer.body
        return dict(answer.json_body["result"])

    def call(self, tool: str, arguments: Any = None, **params: Any) -> dict[str, Any]:
        return self.ask("tools/call", name=tool, arguments=arguments or {}, **params)

    def task(self, task_id: str) -> dict[str, Any]:
        return self.ask("tasks/get", taskId=task_id)


def refused(answer: Answer, status: int, code: int) -> dict[str, Any]:
    """The error of an answer that has to be a JSON-RPC error with these."""
    assert answer.status_code == status, answer.body
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json_body
    assert body["jsonrpc"] == "2.0"
    assert "result" not in body
    assert body["error"]["code"] == code, body
    assert body["error"]["message"]
    return dict(body["error"])


def text(result: Mapping[str, Any]) -> str:
    [first, *_] = result["content"]
    assert first["type"] == "text"
    return str(first["text"])
