"""A worker slot stands for SQS's event source mapping, and stops without losing a message."""

from __future__ import annotations

from typing import Any

from local.stage import Function
from local.work import Worker

FUNCTION = Function("default_worker", seconds=60, megabytes=128, environment={})


class Queue:
    """Stands for SQS: hands out one message, and notes what becomes of it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

    def receive_message(self, **_: Any) -> dict[str, Any]:
        message = {"MessageId": "m", "ReceiptHandle": "r", "Body": "{}", "MD5OfBody": "x"}
        return {"Messages": [message]}

    def change_message_visibility(self, **asked: Any) -> None:
        self.calls.append(("visible in", asked["VisibilityTimeout"]))

    def delete_message(self, **asked: Any) -> None:
        self.calls.append(("delete", asked["ReceiptHandle"]))


def run(stopping: list[bool]) -> tuple[Queue, list[str]]:
    """`stopping` is what the worker learns, one look after another."""
    queue, handled = Queue(), []

    def handle(event: Any, context: Any) -> None:
        handled.append(event["Records"][0]["body"])

    worker = Worker(FUNCTION, handle, "http://queue/default", queue)  # type: ignore[arg-type]
    worker.run(lambda: stopping.pop(0))
    return queue, handled


def test_a_message_is_deleted_once_the_function_has_returned() -> None:
    queue, handled = run([False, False, True])
    assert handled == ["{}"]
    assert queue.calls == [("delete", "r")]


def test_a_message_that_a_stopping_worker_receives_is_left_to_the_next() -> None:
    queue, handled = run([False, True, True])
    assert handled == []
    assert queue.calls == [("visible in", 0)]
