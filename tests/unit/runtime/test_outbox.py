"""The outbox: what is put there leaves beside the work, and only what is newest."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from chalicelib.runtime.outbox import WAITING_AT_MOST, ThreadedOutbox

LONG = 30.0  # seconds that nothing here takes


class Line:
    """Senders that note their name; the first waits until it is let go."""

    def __init__(self) -> None:
        self.outbox = ThreadedOutbox()
        self.sent: list[str] = []
        self.stuck, self.go_on = threading.Event(), threading.Event()

    def block(self) -> None:
        def send() -> None:
            self.stuck.set()
            assert self.go_on.wait(LONG)

        self.outbox.put("the first", send)
        assert self.stuck.wait(LONG)

    def put(self, key: str, name: str) -> None:
        self.outbox.put(key, lambda: self.sent.append(name))


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.go_on.set()
    line.outbox.drain(LONG)


def test_no_thread_runs_before_there_is_something_to_send(line: Line) -> None:
    assert line.outbox._thread is None
    line.outbox.drain(LONG)
    assert line.outbox._thread is None


def test_a_drain_sends_everything(line: Line) -> None:
    for number in range(20):
        line.put(f"job {number}", f"{number}")
    line.outbox.drain(LONG)
    assert line.sent == [f"{number}" for number in range(20)]


def test_a_newer_push_replaces_one_that_was_not_sent(line: Line) -> None:
    line.block()
    line.put("a", "a, old")
    line.put("b", "b")
    line.put("a", "a, new")
    line.go_on.set()
    line.outbox.drain(LONG)
    assert line.sent == ["a, new", "b"]


def test_put_never_waits(line: Line) -> None:
    line.block()
    line.put("a", "a")
    assert line.sent == []


def test_a_drain_waits_no_longer_than_it_may_and_drops_what_is_left(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    line.block()
    line.put("a", "a")
    line.put("b", "b")
    line.outbox.drain(0)
    line.go_on.set()
    line.outbox.drain(LONG)
    assert line.sent == []
    assert [record.metrics for record in caplog.records] == [{"PushFailures": 2}]  # type: ignore[attr-defined]


def test_a_drain_waits_for_what_is_just_being_sent(line: Line) -> None:
    """It has left the line, and is not there yet."""
    line.block()
    drained = threading.Event()

    def drain() -> None:
        line.outbox.drain(LONG)
        drained.set()

    thread = threading.Thread(target=drain)
    thread.start()
    assert not drained.wait(0.1)
    line.go_on.set()
    thread.join(LONG)
    assert drained.is_set()


def test_the_number_of_waiting_pushes_is_bounded(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    line.block()
    for number in range(WAITING_AT_MOST + 1):
        line.put(f"job {number}", f"{number}")
    line.put("job 0", "0, new")  # it has its place already
    line.go_on.set()
    line.outbox.drain(LONG)
    assert line.sent == ["0, new", *(f"{number}" for number in range(1, WAITING_AT_MOST))]
    assert [record.metrics for record in caplog.records] == [{"PushFailures": 1}]  # type: ignore[attr-defined]


def test_a_sender_that_fails_keeps_nothing_else_from_leaving(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> None:
        raise RuntimeError("broken")

    line.outbox.put("a", fails)
    line.put("b", "b")
    line.outbox.drain(LONG)
    assert line.sent == ["b"]
    assert "broken" in caplog.text
