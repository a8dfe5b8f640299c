"""The WebSocket API on this machine: connections for clients, and API Gateway's management API, by
which the functions reach them.

    python -m local.sockets

Both live on one port; a connection's first line tells which of them it is for.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import secrets
import socket
import threading
import time
import traceback
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from local import parent_watchdog
from local.gate import Gate
from local.invocation import REGION, Context
from local.project import load_app
from local.settings import HOST, read_settings
from local.stage import read_function, read_gate

MOST_BYTES = 128 * 1024  # of a message, in both directions: API Gateway's quota
LINE_BYTES = 20  # enough for a method and "/@connections/"
GRACE_SECONDS = 3  # for $disconnect, when the server stops
API_ID, STAGE = "local", "local"


class Sockets:
    """The open connections, and the functions that hear of them."""

    def __init__(self, handlers: Mapping[str, Any], gate: Gate) -> None:
        self.handlers = handlers
        self.gate = gate
        self.open: dict[str, ServerConnection] = {}

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """$connect: what the function answers with 400 and above is a refusal."""
        if refused := self.gate.refusal("GET", request.headers.raw_items()):
            return connection.respond(403, refused)
        connection_id = base64.b64encode(secrets.token_bytes(11)).decode()  # as API Gateway's are
        query = dict(parse_qsl(urlsplit(request.path).query, keep_blank_values=True))
        answer = self.invoke("CONNECT", connection_id, queryStringParameters=query or None)
        if answer["statusCode"] >= 300:
            refusal = connection.respond(answer["statusCode"], answer.get("body") or "")
            del refusal.headers["Content-Type"]
            for name, value in (answer.get("headers") or {}).items():
                refusal.headers[name] = value
            return refusal
        connection.username = connection_id
        self.open[connection_id] = connection
        return None

    def hear(self, connection: ServerConnection) -> None:
        """$default for every message, $disconnect once there are no more."""
        connection_id = connection.username
        try:
            for message in connection:
                self.pass_on(connection, connection_id, message)
        except ConnectionClosed:
            pass
        finally:
            self.open.pop(connection_id, None)
            self.invoke("DISCONNECT", connection_id)

    def pass_on(
        self, connection: ServerConnection, connection_id: str, message: str | bytes
    ) -> None:
        binary = isinstance(message, bytes)
        body = base64.b64encode(message).decode() if isinstance(message, bytes) else message
        answer = self.invoke("MESSAGE", connection_id, body=body, isBase64Encoded=binary)
        if answer["statusCode"] >= 500:  # what API Gateway says when a function fails
            error = {"message": "Internal server error", "connectionId": connection_id}
            connection.send(json.dumps(error))

    def invoke(self, event_type: str, connection_id: str, **fields: Any) -> dict[str, Any]:
        name = f"websocket_{event_type.lower()}"
        if name not in self.handlers:
            return {"statusCode": 403, "body": "This stage has no WebSocket API: see PUSH."}
        route = "$default" if event_type == "MESSAGE" else f"${event_type.lower()}"
        context = {
            "routeKey": route,
            "eventType": event_type,
            "connectionId": connection_id,
            "apiId": API_ID,
            "stage": STAGE,
            "domainName": f"{API_ID}.execute-api.{REGION}.amazonaws.com",
            "requestId": secrets.token_hex(8),
            "requestTimeEpoch": time.time_ns() // 1_000_000,
        }
        function = read_function(name, read_settings())
        try:
            answer: dict[str, Any] = self.handlers[name](
                {"requestContext": context, **fields}, Context(function)
            )
        except Exception:
            traceback.print_exc()
            return {"statusCode": 500}
        return answer

    def close(self) -> None:
        """Tells all clients, and waits until their $disconnect has been heard."""
        for connection in list(self.open.values()):
            threading.Thread(target=connection.close, args=[CloseCode.GOING_AWAY]).start()
        deadline = time.monotonic() + GRACE_SECONDS
        while self.open and time.monotonic() < deadline:
            time.sleep(0.02)


class Management(BaseHTTPRequestHandler):
    """`/@connections/{id}`: POST sends, GET tells that it is open, DELETE closes it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Any  # the Sockets

    def parse_request(self) -> bool:
        if not super().parse_request():
            return False
        if refused := self.server.gate.refusal_of_pages(self.headers.items()):
            self.close_connection = True  # its body stays unread
            self.answer(403, "ForbiddenException", refused)
        return not refused

    def do_POST(self) -> None:
        message = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if len(message) > MOST_BYTES:
            self.answer(413, "PayloadTooLargeException")
        elif (connection := self.connection_named()) is not None:
            try:
                connection.send(message.decode(errors="replace"))
            except ConnectionClosed:
                self.answer(410, "GoneException")
            else:
                self.answer(200)

    def do_GET(self) -> None:
        if self.connection_named() is not None:
            self.answer(200)

    def do_DELETE(self) -> None:
        if (connection := self.connection_named()) is not None:
            threading.Thread(target=connection.close).start()
            self.answer(204)

    def connection_named(self) -> ServerConnection | None:
        """Answers 410 where there is none."""
        name = unquote(self.path.rpartition("/")[2])
        found: ServerConnection | None = self.server.open.get(name)
        if found is None:
            self.answer(410, "GoneException")
        return found

    def answer(self, status: int, error: str | None = None, detail: str | None = None) -> None:
        body = json.dumps({"message": detail or error}).encode() if error else b"{}"
        self.send_response(status)
        if error:
            self.send_header("x-amzn-ErrorType", error)
        if status != 204:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """The functions log what they send."""


def listen(port: int, sockets: Sockets) -> Server:
    server = serve(sockets.hear, HOST, port, process_request=sockets.admit, max_size=MOST_BYTES)
    to_client = server.handler

    def either(connected: socket.socket, address: Any) -> None:
        line = connected.recv(LINE_BYTES, socket.MSG_PEEK)
        if line.startswith(b"GET /") and b"@connections" not in line and b"%40" not in line:
            to_client(connected, address)
            return
        with connected:
            Management(connected, address, sockets)  # type: ignore[arg-type]

    server.handler = either
    return server


def main() -> None:
    parent_watchdog.hold()
    stopping = parent_watchdog.stop_on_sigterm()
    logging.getLogger("websockets").setLevel(logging.WARNING)  # the functions log enough
    settings = read_settings()
    sockets = Sockets(load_app().handler_map, read_gate(settings))
    server = listen(settings.ws_port, sockets)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while not stopping():
        time.sleep(0.1)
    sockets.close()
    os._exit(0)  # threads of kept connections do not end by themselves


if __name__ == "__main__":
    main()
