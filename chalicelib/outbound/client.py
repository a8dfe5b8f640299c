"""Calls to third parties on behalf of jobs: where the guard lets them, no redirects, bounded in
time and size."""

from __future__ import annotations

import functools
import http.client
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from chalicelib.domain.errors import PermanentError
from chalicelib.domain.source import Source
from chalicelib.domain.task import HttpResponse
from chalicelib.outbound.connection import Connection, Deadline, Monotonic
from chalicelib.outbound.guard import Guard

T = TypeVar("T")

CHUNK = 256 * 1024  # bytes
OPEN_SECONDS = 30.0  # until a stream begins, and that it may be silent
WORTH_ANOTHER_TRY = (408, 425, 429)


@dataclass(frozen=True)
class OutgoingWeb:
    """Implements ports.Web."""

    guard: Guard
    user_agent: str
    tls: ssl.SSLContext | None = None  # the system's certificates if not given
    clock: Monotonic = time.monotonic

    def check(self, url: str) -> None:
        self.guard.judge(url)

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: float,
        max_bytes: int,
    ) -> HttpResponse:
        answer = self._send(method, url, headers, body, self._deadline(timeout))
        chunks, size = [], 0
        try:
            for chunk in _chunks(answer, url) if max_bytes else ():
                size += len(chunk)
                if size > max_bytes:
                    raise PermanentError(f"The answer of {url} is over {max_bytes} bytes.")
                chunks.append(chunk)
        finally:
            answer.close()
        names = {name.lower(): value for name, value in answer.headers.items()}
        return HttpResponse(answer.status, names, b"".join(chunks))

    def open(self, url: str, start: int) -> Source:
        headers = {"Range": f"bytes={start}-"} if start else {}
        deadline = self._deadline(OPEN_SECONDS)
        answer = self._send("GET", url, headers, None, deadline)
        deadline.ends_at = float("inf")  # from here on the job's own decides
        if start and answer.status == 416:  # nothing there from `start` on
            answer.close()
            return Source(iter(()), 0)
        if answer.status not in (200, 206):
            answer.close()
            said = f"GET {url} answered {answer.status}."
            hopeless = 300 <= answer.status < 500 and answer.status not in WORTH_ANOTHER_TRY
            raise PermanentError(said) if hopeless else OSError(said)
        source = Source(_chunks(answer, url), answer.length, answer.close)
        if start and answer.status == 200:  # a server without ranges
            _skip(source, start)
        return source

    def _deadline(self, seconds: float) -> Deadline:
        return Deadline(min(seconds, OPEN_SECONDS), self.clock() + seconds, self.clock)

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        deadline: Deadline,
    ) -> http.client.HTTPResponse:
        target = self.guard.judge(url)
        addresses = _within(deadline, lambda: self.guard.addresses(target))
        connection = Connection(target, addresses, deadline, self.tls or _system_tls())
        ours = {"User-Agent": self.user_agent, "Connection": "close"}
        try:
            connection.request(method, target.path, body, {**ours, **headers})
            sock = connection.sock
            answer = connection.getresponse()
            sock.close()  # once the answer has been read or closed
            return answer
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise OSError(f"{method} {url} failed: {error}") from error


def _within(deadline: Deadline, look_up: Callable[[], T]) -> T:
    """The system's resolver has no timeout that could be set: a thread is left waiting for it."""
    found: Future[T] = Future()

    def run() -> None:
        try:
            found.set_result(look_up())
        except Exception as error:
            found.set_exception(error)

    threading.Thread(target=run, name="resolver", daemon=True).start()
    try:
        return found.result(timeout=deadline.left())
    except TimeoutError:
        raise OSError("The host's name takes too long to resolve.") from None


@functools.cache
def _system_tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _chunks(answer: http.client.HTTPResponse, url: str) -> Iterator[bytes]:
    """What has arrived, as it arrives."""
    try:
        while chunk := answer.read1(CHUNK):
            yield chunk
        if answer.length:
            raise OSError(f"{answer.length} bytes are missing")
    except (OSError, http.client.HTTPException) as error:
        raise OSError(f"The answer of {url} broke off: {error}") from error


def _skip(source: Source, count: int) -> None:
    while count > 0:
        skipped = len(source.read(min(count, CHUNK)) or b"")
        if not skipped:
            return
        count -= skipped
