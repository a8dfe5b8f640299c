"""`make mcp-demo`: a scripted agent drives a job by /mcp, and prints what goes over the wire.

It starts what `make run` starts, unless that is on already, and stops it afterwards. The agent asks
for a report on a CSV that this program serves within SECONDS, so that the job takes longer than a
call is held, on a machine of any speed.
"""

from __future__ import annotations

import json
import os
import sys
import textwrap
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local.child import say
from local.demo import FOLDER, service
from local.settings import HOST, Refusal, Settings, read_settings, running

VERSION = "2026-07-28"
DECLARED = {
    "io.modelcontextprotocol/protocolVersion": VERSION,
    "io.modelcontextprotocol/clientCapabilities": {
        "extensions": {"io.modelcontextprotocol/tasks": {}}
    },
}
SHOWN_AT_MOST = 600  # characters of a message
WIDTH = 112
FLIGHTS = b"carrier,delay\n" + b"AA,12\nUA,7\nDL,-3\n" * 10_000
SECONDS, PIECES = 4, 20
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
        show(message)
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
        if "result" not in answer:
            raise Refusal(answer["error"]["message"] if "error" in answer else answer["detail"])
        return answer["result"]


def main() -> int:
    try:
        settings = running()
    except Refusal:
        settings = read_settings()
    token = token_for(settings)
    say(f"An agent calls {settings.url}/mcp, on this machine. No `_meta` is shown.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with service(settings) as url, flights() as source:
        agent = Agent(url, token)
        tools = agent.ask("tools/list")["tools"]
        say(f"\nThe tools: {', '.join(tool['name'] for tool in tools)}.")
        wanted = {"group_by": ["carrier"], "metrics": ["count", "mean(delay)"]}
        done = run(agent, "report", source=source, **wanted)
        say(f"\nThe report: {json.dumps(done['structuredContent'])}")
        wrong = run(agent, "report", source=source, **{**wanted, "group_by": "carrier"})
        say(f"\nWhat the model reads of a call that does not fit:\n{wrong['content'][0]['text']}")
    return 0


def token_for(settings: Settings) -> str | None:
    if settings.mode == "open":
        return None
    if not (token := os.environ.get("OVERTIME_TOKEN")):
        raise Refusal(
            f"The service runs with AUTH={settings.mode}, so the agent needs a token. Pass it as"
            " OVERTIME_TOKEN. With AUTH=tokens: make token STAGE=local OWNER=me"
        )
    return token


@contextmanager
def flights() -> Iterator[str]:
    """The URL of a CSV, of which a piece comes now and then."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(FLIGHTS)))
            self.end_headers()
            size = len(FLIGHTS) // PIECES + 1
            for start in range(0, len(FLIGHTS), size):
                self.wfile.write(FLIGHTS[start : start + size])
                time.sleep(SECONDS / PIECES)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{HOST}:{server.server_port}/flights.csv"
    finally:
        server.shutdown()


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
    text = json.dumps(without_meta(message), ensure_ascii=False)
    cut = len(text) - SHOWN_AT_MOST
    text = text if cut <= 0 else f"{text[:SHOWN_AT_MOST]}… ({cut:,} characters more)"
    lines = textwrap.wrap(text, WIDTH, break_on_hyphens=False, break_long_words=False)
    say("  " + "\n   ".join(lines))


def without_meta(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_meta(one) for name, one in value.items() if name != "_meta"}
    return [without_meta(one) for one in value] if isinstance(value, list) else value


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Refusal as refusal:
        sys.exit(str(refusal))
    except KeyboardInterrupt:
        sys.exit(130)
