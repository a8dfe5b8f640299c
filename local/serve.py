"""The REST API on this machine: app.py's views behind a threaded HTTP server.

    python -m local.serve

Every request is answered, a malformed one too, and every refusal is a problem document. This is
the standard library's server. A WSGI server would join the lines of a repeated header into one,
refuse in plain text, and give each held request (`Prefer: wait`) a thread of its pool.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType
from typing import Any

from chalice.deploy.validate import validate_routes

from chalicelib.http.auth import challenge
from chalicelib.tasks import broken_files
from local import parent_watchdog
from local.gateway import Answer, Gateway, problem
from local.lines import ANSWERED
from local.project import load_app
from local.settings import HOST, read_settings
from local.stage import read_config, read_gate

MOST_BYTES = 11 * 2**20  # a little over API Gateway's 10 MB; the app's own limits lie below
IDLE_SECONDS = 60  # of a connection between requests, and within one
LINGER_SECONDS = 2  # for a client to read the answer although its body was not read
GRACE_SECONDS = 3  # for running requests, when the server stops
BODILESS = (204, 304)  # RFC 9110: no content, and no header that would announce any


class Refused(Exception):
    """The request is not read any further; its answer is known already."""

    def __init__(self, status: int, detail: str) -> None:
        self.answer = problem(status, detail)


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.1"  # HTTP/0.9 would answer garbage without a status line
    disable_nagle_algorithm = True  # with it, every request on a kept connection takes 44 ms
    wbufsize = 2**16  # head and body leave in one packet
    timeout = IDLE_SECONDS
    began: float | None = None  # of the current request
    unread = False  # the client may still be sending a body that is not read

    def answer(self) -> None:
        self.began = time.perf_counter()
        with self.server.one_request:
            self.server.busy += 1
        try:
            self.send(self.answer_to(self.body()))
        except Refused as refused:
            self.close_connection = self.unread = True
            self.send(refused.answer)
        finally:
            with self.server.one_request:
                self.server.busy -= 1

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815

    def answer_to(self, body: bytes | None) -> Answer:
        return self.server.gateway.answer(self.command, self.path, self.headers, body)

    def version_string(self) -> str:
        return "Overtime-local"

    def length(self) -> int:
        """The announced length of the body, in bytes. Raises Refused when it cannot be taken."""
        if self.headers.defects:  # the parser stops at a damaged line and drops what follows
            raise Refused(400, "A header line is malformed.")
        if "Transfer-Encoding" in self.headers:
            raise Refused(411, "Send the body with a Content-Length; chunks are not taken here.")
        announced = set(self.headers.get_all("Content-Length", ["0"]))
        text = announced.pop().strip()
        if announced or not (text.isascii() and text.isdecimal()):
            raise Refused(400, "The Content-Length header must be one whole number.")
        if len(text) > 18 or int(text) > MOST_BYTES:
            raise Refused(413, "The body is larger than 10 MB, the most that API Gateway takes.")
        return int(text)

    def body(self) -> bytes | None:
        expected = self.length()
        try:
            body: bytes = self.rfile.read(expected) if expected else b""
        except TimeoutError:
            raise Refused(408, f"The body did not arrive within {IDLE_SECONDS} s.") from None
        if len(body) < expected:
            raise Refused(400, f"The body ended after {len(body)} of {expected} bytes.")
        return body or None

    def handle_expect_100(self) -> bool:
        """Asks for the body only where it will be read; `answer` refuses the others."""
        try:
            self.length()
        except Refused:
            return True
        asked = super().handle_expect_100()
        self.wfile.flush()  # the client waits for this line before it sends anything
        return asked

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """The base class's refusals of what it cannot parse."""
        self.close_connection = self.unread = True
        self.send(problem(code, f"{message or explain or 'The request cannot be read'}."))

    def send(self, answer: Answer) -> None:
        self.note(answer)
        self.send_response(answer.status)
        names = {name.lower() for name, _ in answer.headers}
        for name, value in answer.headers:
            if name.lower() not in ("content-length", "connection"):
                self.send_header(name, value)
        if answer.status not in BODILESS:
            self.send_header("Content-Length", str(len(answer.body)))
            if answer.body and "content-type" not in names:
                self.send_header("Content-Type", "application/json")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD" and answer.status not in BODILESS:
            self.wfile.write(answer.body)

    def note(self, answer: Answer) -> None:
        """A line for local/lines.py, also of what the app never sees."""
        began, self.began = self.began, None
        line = {
            "at": datetime.now(UTC).isoformat(),
            "event": ANSWERED,
            "method": self.command or "?",
            "path": getattr(self, "path", "?"),
            "http_status": answer.status,
            "ms": began and (time.perf_counter() - began) * 1_000,
            "reason": reason_of(answer),
        }
        log(line)

    def finish(self) -> None:
        super().finish()
        if self.unread:
            self.linger()

    def linger(self) -> None:
        """A close with bytes unread resets the connection, and the client loses the answer."""
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(LINGER_SECONDS)
        deadline = time.monotonic() + LINGER_SECONDS
        while time.monotonic() < deadline and self.connection.recv(2**16):
            pass

    def log_message(self, format: str, *args: Any) -> None:
        """`note` does."""


def log(line: dict[str, Any]) -> None:
    """In one write: print() makes two, and those of requests served at once run together."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def reason_of(answer: Answer) -> str | None:
    """Why a request was refused, as its problem document says it."""
    if answer.status < 400:
        return None
    try:
        document = json.loads(answer.body)
        detail, faults = document["detail"], document.get("errors", [])
    except (ValueError, TypeError, KeyError):  # no problem document
        return None
    if faults and faults[0]["detail"] not in detail:
        return f"{detail} {faults[0]['pointer']}: {faults[0]['detail']}"
    return str(detail)


class Server(ThreadingHTTPServer):
    request_queue_size = 128  # the default of 5 resets connections under load
    daemon_threads = True

    def __init__(self, port: int, gateway: Gateway) -> None:
        super().__init__((HOST, port), Handler)
        self.gateway = gateway
        self.busy = 0
        self.one_request = threading.Lock()  # guards `busy`

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):  # a client that left
            super().handle_error(request, client_address)

    def stop(self, _number: int, _frame: FrameType | None) -> None:
        # from another thread: serve_forever, which this handler interrupts, has to return first
        threading.Thread(target=self.shutdown).start()

    def wait_until_idle(self) -> None:
        deadline = time.monotonic() + GRACE_SECONDS
        while self.busy and time.monotonic() < deadline:
            time.sleep(0.02)


def main() -> None:
    parent_watchdog.hold()
    app = load_app()
    for line in broken_files():
        said = {"event": f"{line} The other tasks can be submitted.", "level": "ERROR"}
        log(said)
    validate_routes(app.routes)  # what `chalice deploy` would refuse
    settings = read_settings()
    asked = challenge(os.environ.get("AUTH", ""), os.environ.get("PUBLIC_URL"))
    server = Server(settings.port, Gateway(app, read_config(), read_gate(settings), asked))
    signal.signal(signal.SIGTERM, server.stop)
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    server.wait_until_idle()


if __name__ == "__main__":
    main()
