"""Jobs that wait, on the Bench."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.handle import Job
from chalicelib.domain.job import (
    JobRecord,
)
from chalicelib.domain.task import Task, task
from chalicelib.service.submit import Submission, submit
from chalicelib.testing import OWNER, Bench
from tests.unit.harness import delivered


@dataclass
class Approval:
    approved: bool


def asking(function: Callable[[Job], Any], **arguments: Any) -> Task:
    return task("work", max_attempts=2, backoff=8.0, asks={"publish": Approval}, **arguments)(
        function
    )


def submitted(bench: Bench, work: Task) -> JobRecord:
    bench.tasks[work.name] = work
    return submit(bench.system, Submission(owner=OWNER, task=work.name, params={})).job


def waiting(bench: Bench, function: Callable[[Job], Any]) -> JobRecord:
    """The record after the first run."""
    return delivered(bench, submitted(bench, asking(function)))


def detail(record: JobRecord) -> str:
    assert record.error is not None
    return record.error.detail


def naps(job: Job) -> str:
    job.sleep("nap", 3_600)
    return "rested"


def publishes(job: Job) -> bool:
    answer: Approval = job.ask("publish", prompt="Publish?", timeout=3_600)
    return answer.approved


def nap_and_publish(job: Job) -> bool:
    naps(job)
    return publishes(job)
