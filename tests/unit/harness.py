"""What several files need: a job of one function on the Bench, taken through a delivery."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

from chalicelib.aws.items import Shards, item_of, record_of
from chalicelib.domain.handle import Job
from chalicelib.domain.job import HOUR, Hint, JobRecord
from chalicelib.domain.task import task
from chalicelib.domain.values import encode
from chalicelib.service.submit import Submission, submit
from chalicelib.service.worker import process_messages
from chalicelib.testing import OWNER, Bench


def queued(bench: Bench, function: Callable[[Job], Any], **asked: Any) -> JobRecord:
    bench.tasks["work"] = task("work", max_attempts=2, backoff=8.0)(function)
    return submit(bench.system, Submission(owner=OWNER, task="work", params={}, **asked)).job


def delivered(bench: Bench, record: JobRecord, generation: int = 0) -> JobRecord:
    bench._steps.begin_invocation()
    process_messages(bench.system, [encode(Hint(record.id, generation))], bench.clock.time + HOUR)
    return bench.jobs.records[record.id]


def raising(error: BaseException) -> Callable[[Job], Any]:
    def function(job: Job) -> None:
        raise error

    return function


def ended(function: Callable[[Job], Any], bench: Bench | None = None) -> JobRecord:
    """The record after one delivery, as the table gives it back."""
    bench = bench or Bench()
    return record_of(item_of(delivered(bench, queued(bench, function)), Shards()))


def peak_bytes(function: Callable[[], Any]) -> int:
    """What Python's allocator held at most while the function ran, beyond what it held before."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        function()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
