"""The queue and the bucket."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chalicelib.ports.stores import MessageQueue, PayloadStore
from tests.records import queued


def test_a_message_that_was_sent_waits(messages: MessageQueue) -> None:
    messages.send(queued(), 0)
    messages.send(queued(), 0)
    assert messages.waiting("default") == 2


def test_a_delayed_message_waits_too(messages: MessageQueue) -> None:
    messages.send(queued(), 900)
    assert messages.waiting("default") == 1


def test_any_number_of_messages_is_sent_at_once(messages: MessageQueue) -> None:
    messages.send_many([queued() for _ in range(23)])
    messages.send_many([])
    assert messages.waiting("default") == 23


def test_what_was_put_is_got(payloads: PayloadStore, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"from a file")
    assert payloads.put("a", b"bytes", "text/plain") == 5
    assert payloads.put("b", io.BytesIO(b"from a stream"), "text/plain") == 13
    assert payloads.put("c", path, "text/plain") == 11
    assert [payloads.get(key) for key in "abc"] == [b"bytes", b"from a stream", b"from a file"]
    assert payloads.size("a") == 5


def test_what_was_deleted_is_there_no_more_and_nothing_else_is_missing(
    payloads: PayloadStore,
) -> None:
    for number in range(3):
        payloads.put(f"jobs/{number}", b"x", "text/plain")
    payloads.delete(["jobs/0", "jobs/2", "jobs/never"])
    payloads.delete([])
    assert [payloads.size(f"jobs/{number}") for number in range(3)] == [None, 1, None]


def standing_at(position: int, file: io.BytesIO) -> io.BytesIO:
    file.seek(position)
    return file


@pytest.mark.parametrize(
    ("make", "stored"),
    [
        (lambda _: bytearray(b"0123456789"), b"0123456789"),
        (lambda _: memoryview(b"0123456789")[2:8:2], b"246"),
        (lambda _: standing_at(4, io.BytesIO(b"0123456789")), b"456789"),
        (lambda _: standing_at(10, io.BytesIO(b"0123456789")), b""),
        (lambda _: io.BufferedReader(standing_at(4, io.BytesIO(b"0123456789"))), b"456789"),
        (lambda payloads: payloads.open("before", 0), b"0123456789"),
        (lambda payloads: io.BufferedReader(payloads.open("before", 4)), b"456789"),
        (lambda payloads: payloads.open("before", 10), b""),
    ],
)
def test_what_is_put_is_what_is_left_of_it_and_so_is_the_size(
    payloads: PayloadStore, make: Callable[[PayloadStore], Any], stored: bytes
) -> None:
    payloads.put("before", b"0123456789", "text/plain")
    assert payloads.put("after", make(payloads), "text/plain") == len(stored)
    assert payloads.get("after") == stored


@pytest.mark.parametrize("body", [7, None, ["x"], "text"])
def test_what_holds_no_bytes_is_not_put(payloads: PayloadStore, body: Any) -> None:
    with pytest.raises(TypeError):
        payloads.put("a", body, "text/plain")
    assert payloads.size("a") is None


def test_a_missing_object_is_reported_as_missing(payloads: PayloadStore) -> None:
    assert payloads.size("missing") is None
    with pytest.raises(FileNotFoundError):
        payloads.open("missing", 0)
    with pytest.raises(FileNotFoundError):
        payloads.get("missing")


@pytest.mark.parametrize(
    ("start", "rest"), [(0, b"0123456789"), (4, b"456789"), (10, b""), (99, b"")]
)
def test_an_object_is_streamed_from_any_byte_on(
    payloads: PayloadStore, start: int, rest: bytes
) -> None:
    payloads.put("a", b"0123456789", "text/plain")
    with payloads.open("a", start) as source:
        assert source.size == len(rest)
        assert source.read() == rest
        assert source.size == 0


def test_an_empty_object_is_streamed_as_nothing(payloads: PayloadStore) -> None:
    payloads.put("a", b"", "text/plain")
    with payloads.open("a", 0) as source:
        assert source.read() == b""


def test_erasing_takes_all_under_the_prefix_and_nothing_else(payloads: PayloadStore) -> None:
    for key in ("jobs/1/a", "jobs/1/b/c", "jobs/12/a", "uploads/1"):
        payloads.put(key, b"x", "text/plain")
    assert payloads.erase("jobs/1/", 100)
    left = [payloads.size(key) for key in ("jobs/1/a", "jobs/1/b/c", "jobs/12/a", "uploads/1")]
    assert left == [None, None, 1, 1]


def test_objects_are_erased_in_portions(payloads: PayloadStore) -> None:
    for number in range(5):
        payloads.put(f"jobs/1/{number}", b"x", "text/plain")
    finished = [payloads.erase("jobs/1/", 2) for _ in range(3)]
    assert finished == [False, False, True]
    assert [payloads.size(f"jobs/1/{number}") for number in range(5)] == [None] * 5
    assert payloads.erase("jobs/1/", 2)
