"""A reverse proxy that spoils answers, for tests of clients: each request takes the next fault.

    python -m tests.proxy http://127.0.0.1:8000 --port 21300 --faults 503:1,lose,ok,delay:0.5
    python -m tests.proxy http://127.0.0.1:8000 --port 21300 --rate 0.3 --seed 7

| fault | what the client sees |
|---|---|
| `ok` | the answer as it is |
| `lose` | the service answers, and the connection closes before the answer arrives |
| `cut` | the connection closes and the service never saw the request |
| `half` | the connection closes in the middle of the answer |
| `delay:S` | the answer, S seconds later |
| `429:S`, `503:S`, `500` … | this status, and `Retry-After: S` if given; the service sees nothing |

`GET /_requests` answers with the requests so far as JSON, and no fault applies to it. The Host
header goes on as it is, so the service's links lead back through the proxy.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

KINDS = ("lose", "cut", "half", "delay:0.3", "429:1", "503:1")  # what a seed draws from
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "date", "server"}


@dataclass(frozen=True)
class Seen:
    """A request that arrived, and the fault that it met."""

    method: str
    path: str
    fault: str
    key: str | None
    prefer: str | None
    status: int | None
    """The service's answer; None if the service did not see the request."""


@dataclass
class Faults:
    """The script first, then `rate` of the requests at random, the others `ok`."""

    script: Iterable[str] = ()
    rate: float = 0.0
    seed: int = 0
    seen: list[Seen] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._script, self._random = iter(self.script), random.Random(self.seed)
        self._one_at_a_time = threading.Lock()

    def take(self) -> str:
        with self._one_at_a_time:
            drawn = self._random.choice(KINDS) if self._random.random() < self.rate else "ok"
            return next(self._script, drawn)


class Handler(BaseHTTPRequestHandler):
    server: Proxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_one(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/_requests":
            return self.send(200, [], json.dumps([asdict(one) for one in self.faults.seen]))
        fault, _, argument = self.faults.take().partition(":")
        answered = fault in ("ok", "lose", "half", "delay")
        status, headers, data = self.forward(body) if answered else (None, [], b"")
        self.note(f"{fault}:{argument}".rstrip(":"), status)
        match fault:
            case "ok":
                return self.send(status or 502, headers, data)
            case "delay":
                time.sleep(float(argument))
                return self.send(status or 502, headers, data)
            case "lose" | "cut" | "half":
                self.close_connection = True
                if fault == "half":
                    self.send(status or 502, headers, data, cut=True)
                return None
        kind = [("Content-Type", "application/problem+json")]
        wait = [("Retry-After", argument)] if argument else []
        problem = {"type": "/problems/proxy", "title": "A fault", "status": int(fault)}
        return self.send(int(fault), kind + wait, json.dumps({**problem, "detail": "Planted."}))

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = handle_one  # noqa: N815

    @property
    def faults(self) -> Faults:
        return self.server.faults

    def note(self, fault: str, status: int | None) -> None:
        key, prefer = self.headers.get("Idempotency-Key"), self.headers.get("Prefer")
        self.faults.seen.append(Seen(self.command, self.path, fault, key, prefer, status))

    def forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        service = http.client.HTTPConnection(self.server.target, timeout=60)
        try:
            service.request(self.command, self.path, body or None, dict(self.headers.items()))
            answer = service.getresponse()
            kept = [one for one in answer.getheaders() if one[0].lower() not in HOP_BY_HOP]
            return answer.status, kept, answer.read()
        finally:
            service.close()

    def send(
        self,
        status: int,
        headers: list[tuple[str, str]],
        body: bytes | str,
        *,
        cut: bool = False,
    ) -> None:
        data = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in headers:
            if name.lower() != "content-length":
                self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[: len(data) // 2] if cut else data)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Proxy(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, target: str, faults: Faults, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.target, self.faults = urlsplit(target).netloc, faults

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client left early, or the service is down: the client sees a broken connection."""


@contextmanager
def proxying(
    target: str, script: Iterable[str] = (), rate: float = 0.0, seed: int = 0
) -> Iterator[Proxy]:
    """In this process, on a free port, until the end of the `with`."""
    proxy = Proxy(target, Faults(script, rate, seed))
    thread = threading.Thread(target=proxy.serve_forever, args=[0.02])
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.proxy", description=__doc__)
    parser.add_argument("target", help="the service's URL")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--faults", default="", help="for the first requests, by commas")
    parser.add_argument("--rate", type=float, default=0.0, help="share of the others, from 0 to 1")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    script = [one for one in asked.faults.split(",") if one]
    proxy = Proxy(asked.target, Faults(script, asked.rate, asked.seed), asked.port)
    print(proxy.url, flush=True)  # noqa: T201
    try:
        proxy.serve_forever()
    except KeyboardInterrupt:
        proxy.server_close()


if __name__ == "__main__":
    main()
