"""Sources: streams that are read as they arrive, from where an earlier attempt stopped."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from chalicelib.domain.errors import Busy, PermanentError
from chalicelib.outbound.limits import LEAST_PACE, PACE_WINDOW, Pace
from tests.receiver import receiving, response
from tests.unit.outbound.calls import HEAD, client

# ── streams ───────────────────────────────────────────────────────────────────────────────


def test_a_stream_gives_what_has_arrived() -> None:
    """A reader that waited for a whole chunk would never come to a checkpoint."""
    stopped = threading.Event()

    def answer(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"the first bytes")
        stopped.wait()

    with receiving(answer) as receiver:
        source = client().open(receiver.url, 0)
        assert source.read(65_536) == b"the first bytes"
        assert source.size == 100_000 - 15
        source.close()
        stopped.set()


@pytest.mark.parametrize(
    ("answer", "rest"),
    [
        (response(206, b"3456789", "Content-Range: bytes 3-9/10"), b"3456789"),
        (response(200, b"0123456789"), b"3456789"),
        (response(416, b"whatever", "Content-Range: bytes */3"), b""),
    ],
)
def test_a_stream_begins_where_it_is_asked_to(answer: bytes, rest: bytes) -> None:
    with receiving(answer) as receiver, client().open(receiver.url, 3) as source:
        assert source.size == len(rest)
        assert b"".join(iter(lambda: source.read(4) or b"", b"")) == rest
    assert b"Range: bytes=3-" in receiver.requests[0]


@pytest.mark.parametrize(("status", "error"), [(404, PermanentError), (410, PermanentError)])
def test_a_missing_stream_is_not_requested_again(status: int, error: type[Exception]) -> None:
    with receiving(response(status)) as receiver, pytest.raises(error, match=str(status)):
        client().open(receiver.url, 0)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
def test_a_stream_that_may_come_later_is_requested_again(status: int) -> None:
    with receiving(response(status)) as receiver, pytest.raises(OSError, match=str(status)):
        client().open(receiver.url, 0)


# ── from where an earlier attempt stopped ─────────────────────────────────────────────────


@contextmanager
def ranged(whole: bytes, ranged: bytes) -> Iterator[str]:
    """A server that has one answer for all of a file and another for a part of it."""

    def answer(connection: socket.socket) -> None:
        asked = b"\r\nRange: bytes=" in receiver.requests[-1]
        connection.sendall(ranged if asked else whole)

    with receiving(answer) as receiver:
        yield receiver.url


GZIPPED = response(200, gzip.compress(b"0123456789"), "Content-Encoding: gzip")


@pytest.mark.parametrize(
    ("whole", "part"),
    [
        (GZIPPED, GZIPPED),
        (GZIPPED, response(206, b"??", "Content-Encoding: gzip", "Content-Range: bytes 3-4/5")),
        (GZIPPED, response(416, b"", "Content-Range: bytes */2")),
        (response(200, b"0123456789"), response(206, b"0123", "Content-Range: bytes 0-3/10")),
        (response(200, b"0123456789"), response(206, b"56789", "Content-Range: bytes 5-9/10")),
        (response(200, b"0123456789"), response(206, b"345", "Content-Range: bytes 3-5/10")),
        (response(200, b"0123456789"), response(206, b"3456789")),
        (response(200, b"0123456789"), response(416)),
    ],
    ids=[
        "200",
        "206-of-gzip",
        "416-of-gzip",
        "first-part",
        "later-part",
        "short-part",
        "no-range",
        "416",
    ],
)
def test_a_range_that_is_not_the_rest_of_the_file_is_not_taken_for_it(
    whole: bytes, part: bytes
) -> None:
    """Ranges count compressed bytes where a server compresses: 416 is not the end then."""
    with ranged(whole, part) as url, client().open(url, 3) as source:
        assert source.readall() == b"3456789"


def test_a_source_that_has_become_shorter_is_an_error() -> None:
    shorter = ranged(response(200, b"01"), response(416, b"", "Content-Range: bytes */2"))
    with shorter as url, pytest.raises(PermanentError, match="shorter"):
        client().open(url, 3).readall()


def test_a_part_that_was_not_asked_for_is_refused() -> None:
    part = response(206, b"3456789", "Content-Range: bytes 3-9/10")
    with receiving(part) as receiver, pytest.raises(OSError, match="206"):
        client().open(receiver.url, 0)


# ── a host that says when to come again ───────────────────────────────────────────────────


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
def test_a_stream_that_is_promised_for_later_is_waited_for(status: int) -> None:
    busy = response(status, b"", "Retry-After: 40")
    with receiving(busy) as receiver, pytest.raises(Busy, match=str(status)) as caught:
        client().open(receiver.url, 0)
    assert caught.value.delay_seconds == 40
    assert isinstance(caught.value, OSError)


@pytest.mark.parametrize("said", ["Retry-After: soon", "X: y"])
def test_a_stream_without_a_date_is_left_to_the_backoff(said: str) -> None:
    with receiving(response(429, b"", said)) as receiver, pytest.raises(OSError) as caught:
        client().open(receiver.url, 0)
    assert not isinstance(caught.value, Busy)


def test_a_missing_stream_is_not_requested_again_in_spite_of_retry_after() -> None:
    missing = response(404, b"", "Retry-After: 40")
    with receiving(missing) as receiver, pytest.raises(PermanentError):
        client().open(receiver.url, 0)


# ── the least pace ────────────────────────────────────────────────────────────────────────


class Clock:
    """`step` seconds pass with every look at it, so with every wait for the source."""

    def __init__(self) -> None:
        self.at, self.step = 1_000.0, 0.0

    def __call__(self) -> float:
        self.at += self.step
        return self.at


@contextmanager
def row_by_row(clock: Clock) -> Iterator[Callable[[], bytes | None]]:
    """Reads from a source that sends a row of 30 bytes whenever it is read from."""
    turn = threading.Semaphore(0)

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while turn.acquire(timeout=5):
            connection.sendall(b"x" * 30)

    def read() -> bytes | None:
        turn.release()
        return source.read(1_000)

    with receiving(answer) as receiver, client(clock=clock).open(receiver.url, 0) as source:
        yield read


QUARTER = PACE_WINDOW / 4


def test_a_source_that_drips_ends_with_an_error_that_says_how_slow_it_is() -> None:
    clock = Clock()
    with row_by_row(clock) as read:
        clock.step = QUARTER
        for _ in range(3):
            assert read() == b"x" * 30
        with pytest.raises(OSError, match=rf"120 bytes came in 60 s .* {LEAST_PACE:,} bytes"):
            read()


def test_the_time_that_a_task_takes_for_itself_is_not_held_against_its_source() -> None:
    clock = Clock()
    with row_by_row(clock) as read:
        for _ in range(12):
            assert read() == b"x" * 30
            clock.at += 10 * PACE_WINDOW


def test_the_least_pace_is_enough() -> None:
    pace, enough = Pace(), int(LEAST_PACE * QUARTER)
    for _ in range(12):
        pace.note(QUARTER, enough)
    for _ in range(3):
        pace.note(QUARTER, enough)
    with pytest.raises(TimeoutError):
        pace.note(QUARTER, enough - 1)


def test_what_came_fast_before_does_not_count_in_the_next_window() -> None:
    pace = Pace()
    pace.note(PACE_WINDOW, 10**9)
    pace.note(PACE_WINDOW - 1, 0)
    with pytest.raises(TimeoutError):
        pace.note(1, 0)
