"""Whatever a task gives its job can be stored and read again, or is refused in the task itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.aws.items import Shards, item_of, record_of
from chalicelib.domain.job import JobRecord, Progress
from chalicelib.domain.task import Job
from chalicelib.tasks.testing import Bench
from tests.unit.test_worker import delivered, queued

FILE = "r\udce9sum\udce9.csv"  # a name that is not UTF-8, as os.listdir() gives it


def ended(function: Callable[[Job], Any], bench: Bench | None = None) -> JobRecord:
    """The record after one delivery, as the table gives it back."""
    bench = bench or Bench()
    return record_of(item_of(delivered(bench, queued(bench, function)), Shards()))


@pytest.mark.parametrize(
    ("fraction", "percent"),
    [(math.nan, 0.0), (-math.inf, 0.0), (math.inf, 100.0), (-1, 0.0), (2, 100.0), (1 / 3, 33.3)],
)
def test_progress_is_a_percentage_whatever_the_fraction(fraction: float, percent: float) -> None:
    def divided_by_nothing(job: Job) -> None:
        job.progress(fraction, "Reading")
        raise ValueError("not at 100 % for having succeeded")

    record = ended(divided_by_nothing)
    assert (record.status, record.progress) == ("queued", Progress(percent, "Reading"))
