"""A parent whose children are pages, on the Bench."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.handle import Job
from chalicelib.domain.job import JobRecord
from chalicelib.domain.task import task
from chalicelib.tasks import PermanentError
from chalicelib.testing import Bench, Done


@dataclass
class Page:
    number: int
    fails: bool = False


@task("page", max_attempts=2, backoff=0)
def page(job: Job, params: Page) -> dict[str, int]:
    if params.fails:
        raise PermanentError(f"page {params.number} is blank")
    job.attach("page.txt", f"page {params.number}")
    return {"number": params.number}


def pages(count: int) -> list[dict[str, int]]:
    return [{"number": number} for number in range(count)]


def tried(function: Callable[[Job], Any], bench: Bench | None = None, **how: Any) -> Done:
    bench = bench or Bench(tasks=[page])
    return bench.run(task("book", max_attempts=2, backoff=0)(function), {}, **how)


def of_kind(bench: Bench, name: str) -> list[JobRecord]:
    return [one for one in bench.jobs.records.values() if one.task == name]
