"""`make mcp-demo`: a scripted agent drives a job by /mcp, and prints what goes over the wire.

It starts what `make run` starts, unless that is on already, and stops it afterwards.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
from typing import Any

from local.child import say
from local.demo import FOLDER, service
from local.settings import Refusal, read_settings, running

VERSION = "2026-07-28"
DECLARED = {
    "io.modelcontextprotocol/protocolVersion": VERSION,
    "io.modelcontextprotocol/clientCapabilities": {
        "extensions": {"io.modelcontextprotocol/tasks": {}}
    },
}
SHOWN_AT_MOST = 700  # characters of a message
ROWS = 100_000
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Agent:
    def __init__(self, url: str, token: str | None) -> None:
        self.url = f"{url}/mcp"
        self.token = {"Authorization": f"Bearer {token}"} if token else {}
        self.id = 0

    def ask(self, method: str, name: str | None = None, /, **params: Any) -> Any:
        """The result of one request. Headers and metadata are as the version asks for them."""
        self.id += 1
        message = {"jsonrpc": "2.0", "id": self.id, "method": method, "params": params}
        say(f"\n→ POST /mcp   Mcp-Method: {method}" + (f"   Mcp-Name: {name}" if name else ""))
        show(message)  # without `_meta`, which is the same in each
        message["params"] = {**params, "_meta": DECLARED}
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": VERSION,
            "Mcp-Method": method,
            **({"Mcp-Name": name} if name else {}),
            **self.token,
        }
        status, body = call("POST", self.url, json.dumps(message).encode(), headers)
        answer = json.loads(body)
        say(f"← {status}")
        show(answer)
        if "error" in answer:
            raise Refusal(answer["error"]["message"])
        return answer["result"]


def main() -> int:
    try:
        settings = running()
    except Refusal:
        settings = read_settings()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with service(settings) as url:
        agent = Agent(url, os.environ.get("OVERTIME_TOKEN"))
        tools = agent.ask("tools/list")["tools"]
        say(f"\nThe tools: {', '.join(tool['name'] for tool in tools)}.")
        flights = b"carrier,delay\n" + b"AA,12\nUA,7\nDL,-3\n" * ROWS
        upload = run(agent, "create_upload", size=len(flights), content_type="text/csv")
        put = upload["structuredContent"]["upload"]
        status, _ = call("PUT", put["url"], flights, put["headers"])
        say(f"\n→ PUT {len(flights):,} bytes to the upload's URL\n← {status}")
        wanted = {"group_by": ["carrier"], "metrics": ["count", "mean(delay)"]}
        done = run(agent, "report", source=upload["structuredContent"]["id"], **wanted)
        say(f"\nThe report: {json.dumps(done['structuredContent'])}")
        wrong = run(agent, "report", **{**wanted, "group_by": "carrier"})
        say(f"\nWhat the model reads of a call that does not fit:\n{wrong['content'][0]['text']}")
    return 0


def run(agent: Agent, tool: str, /, **arguments: Any) -> Any:
    """The tool's result, at once or by polling the task that answers the call."""
    result = agent.ask("tools/call", tool, name=tool, arguments=arguments)
    if result["resultType"] != "task":
        return result
    while result["status"] == "working":
        time.sleep(result["pollIntervalMs"] / 1_000)
        result = agent.ask("tasks/get", result["taskId"], taskId=result["taskId"])
    return result["result"]


def call(method: str, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    request = urllib.request.Request(url, body, headers, method=method)
    try:
        with OPENER.open(request, timeout=60) as answer:
            return int(answer.status), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def show(message: Any) -> None:
    text = json.dumps(message, ensure_ascii=False)
    cut = len(text) - SHOWN_AT_MOST
    say(f"  {text}" if cut <= 0 else f"  {text[:SHOWN_AT_MOST]}… ({cut:,} characters more)")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Refusal as refusal:
        sys.exit(str(refusal))
    except KeyboardInterrupt:
        sys.exit(130)
