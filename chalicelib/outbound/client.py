"""Calls to third parties for jobs: only where the guard allows, without redirects, bounded in time
and size."""

from __future__ import annotations

import functools
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing
from typing import TYPE_CHECKING, TypeVar

import msgspec
from msgspec.structs import replace

from chalicelib.domain.errors import PermanentError
from chalicelib.domain.response import AnswerBrokeOff, AnswerTooLarge, HttpResponse
from chalicelib.domain.source import Source, not_opened
from chalicelib.outbound.encoding import READABLE, coding_of, unpacked
from chalicelib.outbound.guard import PORTS, Guard, Target
from chalicelib.outbound.limits import SILENCE, Monotonic, Pace, TimeLimit

if TYPE_CHECKING:  # loaded by the first call, since the API only checks URLs
    from chalicelib.outbound.connection import Connection

T = TypeVar("T")

OPEN_SECONDS = 30.0  # until a stream begins
WITH_BODY = ("POST", "PUT", "PATCH")  # an empty body has a length too (RFC 9110, section 8.6)
CONTENT_RANGE = re.compile(r"bytes (?:([0-9]+)-([0-9]+)|\*)/([0-9]+|\*)", re.IGNORECASE)


class OutboundClient(msgspec.Struct, frozen=True):
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
        with closing(self._ask(method, url, headers, body, self._limit(timeout))) as connection:
            response = HttpResponse(connection.status, connection.headers, b"")
            if not max_bytes:
                return response
            whole = _read(response, connection.chunks(), max_bytes, url)
        return _unpacked(whole, max_bytes, url)

    def open(self, url: str, start: int) -> Source:
        limit = self._limit(OPEN_SECONDS)
        connection = self._get(url, start, limit)
        if start and connection.status in (206, 416) and not _is_rest(connection, start):
            # A range counts compressed bytes, `start` counts unpacked ones. If the server
            # compresses, read the whole again and skip the first `start` bytes.
            connection.close()
            connection = self._get(url, 0, limit)
        try:
            return self._source(url, start, connection)
        finally:
            limit.ends_at = float("inf")  # from here on, the pace and the job's deadline limit it

    def _source(self, url: str, start: int, connection: Connection) -> Source:
        status, headers = connection.status, connection.headers
        coding = coding_of(headers.get("content-encoding", ""))
        if start and status == 416 and _is_rest(connection, start):  # nothing there from `start` on
            connection.close()
            return Source(iter(()), 0)
        if status != 200 and not (start and status == 206):
            connection.close()
            raise not_opened(url, status, headers.get("retry-after", ""), time.time())
        if coding and coding not in READABLE:
            connection.close()
            raise PermanentError(
                f"The content of {url} is compressed as {coding!r}; only gzip and deflate can be "
                "read. The request asked the server not to compress."
            )
        connection.pace = Pace()
        chunks = connection.chunks()
        skipped = 0 if status == 206 else start
        length = None if "transfer-encoding" in headers else headers.get("content-length")
        size = None if coding or length is None else max(0, int(length) - skipped)
        read = _after(skipped, unpacked(chunks) if coding else chunks)
        return Source(_or_broke_off(read, url), size, connection.close)

    def _limit(self, seconds: float) -> TimeLimit:
        return TimeLimit(min(seconds, SILENCE), self.clock() + seconds, self.clock)

    def _get(self, url: str, start: int, limit: TimeLimit) -> Connection:
        return self._ask("GET", url, {"Range": f"bytes={start}-"} if start else {}, None, limit)

    def _ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        limit: TimeLimit,
    ) -> Connection:
        from chalicelib.outbound.connection import Connection

        target = self.guard.judge(url)
        measured = body is not None or method in WITH_BODY
        length = {"Content-Length": str(len(body or b""))} if measured else {}
        all_headers = {
            "Host": _host(target),
            "User-Agent": self.user_agent,
            "Accept-Encoding": "identity",
            **length,
            **{name.title(): value for name, value in headers.items()},  # one spelling, one line
            "Connection": "close",
        }
        try:
            addresses = _within(limit, lambda: self.guard.addresses(target))
            connection = Connection(target, addresses, limit, self.tls or _system_tls())
            try:
                connection.ask(method, all_headers, body)
            except BaseException:
                connection.close()
                raise
        except OSError as error:
            raise OSError(f"{method} {url} failed: {error}") from error
        return connection


def _host(target: Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    return host if target.port == PORTS[target.scheme] else f"{host}:{target.port}"


def _within(limit: TimeLimit, look_up: Callable[[], T]) -> T:
    """The system's resolver has no timeout, so a thread waits for it and may be abandoned."""
    found: Future[T] = Future()

    def run() -> None:
        try:
            found.set_result(look_up())
        except Exception as error:
            found.set_exception(error)

    threading.Thread(target=run, name="resolver", daemon=True).start()
    try:
        return found.result(timeout=limit.remaining())
    except TimeoutError:
        raise OSError("the host's name takes too long to resolve") from None


@functools.cache
def _system_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _read(
    response: HttpResponse, chunks: Iterator[bytes], max_bytes: int, url: str
) -> HttpResponse:
    """The response with its body, as it arrives."""
    body = bytearray()
    try:
        for chunk in chunks:
            body += chunk
            if len(body) > max_bytes:
                cut = replace(response, body=bytes(body[:max_bytes]))
                raise AnswerTooLarge(f"The answer of {url} is over {max_bytes} bytes.", cut)
    except OSError as error:
        cut = replace(response, body=bytes(body))
        raise AnswerBrokeOff(f"The answer of {url} broke off: {error}", cut) from error
    return replace(response, body=bytes(body))


def _unpacked(response: HttpResponse, max_bytes: int, url: str) -> HttpResponse:
    """The response, unpacked. A body that cannot be unpacked stays as it is, with its
    content-encoding header. That is not an error: the call was answered, and an error would repeat
    it."""
    coding = coding_of(response.headers.get("content-encoding", ""))
    if not response.body or coding not in READABLE:
        return response
    plain = {
        name: value
        for name, value in response.headers.items()
        if name not in ("content-encoding", "content-length")
    }
    try:
        return _read(
            HttpResponse(response.status, plain, b""), unpacked([response.body]), max_bytes, url
        )
    except AnswerBrokeOff:
        return response


def _is_rest(connection: Connection, start: int) -> bool:
    """Whether an answer to a range request is the complete rest from `start` on, uncompressed."""
    if coding_of(connection.headers.get("content-encoding", "")):
        return False
    found = CONTENT_RANGE.fullmatch(connection.headers.get("content-range", ""))
    if found is None:
        return False
    first, last, total = found.groups()
    if connection.status == 416:
        return first is None and total == str(start)
    return first == str(start) and (total == "*" or int(last) + 1 == int(total))


def _after(count: int, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """All but the first `count` bytes, which an earlier attempt has read."""
    rest = count
    for chunk in chunks:
        if len(chunk) > rest:
            yield chunk[rest:]
        rest = max(0, rest - len(chunk))
    if rest:
        raise PermanentError(
            f"The source is now shorter than the {count} bytes that the job has already read."
        )


def _or_broke_off(chunks: Iterator[bytes], url: str) -> Iterator[bytes]:
    try:
        yield from chunks
    except OSError as error:
        raise OSError(f"The answer of {url} broke off: {error}") from error
