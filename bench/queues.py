"""What a worker does around its handler: receive, and delete."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bench.participant import Measure, Work, each


def received(sqs: Any, url: str, count: int) -> Iterator[Any]:
    while count > 0:
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        count -= len(found)
        yield from found


def running(
    sqs: Any, url: str, submit: Callable[[int], object], handle: Callable[[Any], object]
) -> dict[str, Measure]:
    """`run` is the handler alone, as Lambda calls it; `work` also receives and deletes."""

    def fill(operations: int) -> None:
        sqs.purge_queue(QueueUrl=url)
        submit(operations)

    def run(operations: int) -> Work:
        fill(operations)
        return each(list(received(sqs, url, operations)), handle)

    def work(operations: int) -> Work:
        fill(operations)

        def receive_handle_delete() -> None:
            for message in received(sqs, url, operations):
                handle(message)
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

        return receive_handle_delete

    return {"run": run, "work": work}
