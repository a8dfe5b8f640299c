"""A third party that honours idempotency keys, and remembers what it was asked."""

from __future__ import annotations

import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ThirdParty:
    """Every key has one effect, with a number of its own; a repeated call gets that number."""

    def __init__(self) -> None:
        self.effects: dict[str, int] = {}
        self.paths: Counter[str] = Counter()  # of effects, not of calls
        self.numbers: dict[str, int] = {}  # of the last effect of each path
        self.calls = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, key: str, path: str) -> int:
        with self._lock:
            self.calls += 1
            if key not in self.effects:
                self.effects[key] = len(self.effects)
                self.paths[path] += 1
                self.numbers[path] = self.effects[key]
            return self.effects[key]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        take = self.take

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = str(take(self.headers["Idempotency-Key"], self.path)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
