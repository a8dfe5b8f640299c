"""Somebody else's server on this machine, which answers when the test lets it."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOLD_SECONDS = 300
PIECES_A_SECOND = 10


@dataclass(frozen=True)
class Post:
    headers: dict[str, str]
    body: bytes


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients are killed here, in the middle of an answer."""


class ThirdParty:
    """GET /now/<name> answers at once. GET /held/<name> answers once that name is released.
    GET /slow/<seconds> sends `file` within so many seconds, from the byte asked for on.
    POST /hook/<name>[/<status>…] keeps what comes, and answers the statuses in turn, then 204."""

    def __init__(self, file: bytes = b"") -> None:
        self.file = file
        self.calls: Counter[str] = Counter()
        self.ranges: list[str] = []
        self.posts: defaultdict[str, list[Post]] = defaultdict(list)
        self._gates: defaultdict[str, threading.Event] = defaultdict(threading.Event)
        self._lock = threading.Lock()
        self._server = Server(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def release(self, name: str) -> None:
        self._gate(name).set()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _gate(self, name: str) -> threading.Event:
        with self._lock:
            return self._gates[name]

    def _note(self, path: str) -> None:
        with self._lock:
            self.calls[path] += 1

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer._note(self.path)
                _, kind, *rest = self.path.split("/")
                if kind == "slow":
                    self.drip(float(rest[0]))
                    return
                if kind == "held":
                    outer._gate(rest[0]).wait(HOLD_SECONDS)
                body = b'{"here": "you are"}'
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                _, _, name, *statuses = self.path.split("/")
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {key.lower(): value for key, value in self.headers.items()}
                known = outer.posts[name]
                known.append(Post(headers, body))
                answers = [*map(int, statuses), 204]
                self.send_response(answers[min(len(known), len(answers)) - 1])
                self.end_headers()

            def drip(self, seconds: float) -> None:
                wanted = self.headers.get("Range", "bytes=0-")
                outer.ranges.append(wanted)
                first, size = int(wanted.removeprefix("bytes=").rstrip("-")), len(outer.file)
                data = outer.file[first:]
                self.send_response(206 if "Range" in self.headers else 200)
                if "Range" in self.headers:  # a 206 without it is not believed (RFC 9110, 15.3.7)
                    self.send_header("Content-Range", f"bytes {first}-{size - 1}/{size}")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                size = max(1, round(len(outer.file) / seconds / PIECES_A_SECOND))
                for start in range(0, len(data), size):
                    self.wfile.write(data[start : start + size])
                    time.sleep(1 / PIECES_A_SECOND)  # it is the server that is slow, not the test

            def log_message(self, *_: object) -> None:
                pass

        return Handler
