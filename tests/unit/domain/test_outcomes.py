"""Every way in which a task can end becomes an outcome."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain import errors
from chalicelib.domain.errors import InvocationEnding, JobCanceled, RetryLater
from chalicelib.domain.handle import Job
from chalicelib.domain.outcomes import (
    DETAIL_AT_MOST,
    Canceled,
    Continue,
    Outcome,
    Retry,
    outcome_of,
)
from chalicelib.testing import Bench
from tests.unit.harness import ended, raising


class Mute(Exception):
    def __str__(self) -> str:
        return self.args[0]  # type: ignore[no-any-return]


FAILED, LATER = "The task failed", "The task asked to be tried again later"


class Numbered(RetryLater):
    headline = 404


class Busy(RetryLater):
    def __init__(self, **fields: Any) -> None:
        Exception.__init__(self, "busy")
        vars(self).update(fields)


class Odd(BaseException):
    pass


@pytest.mark.parametrize(
    ("error", "title", "detail"),
    [
        (Mute(404), FAILED, "Mute: (Mute has no text)"),
        (ValueError("x" * 9_999), FAILED, "ValueError: xxx"),
        (Odd("no"), FAILED, "Odd: no"),
        (asyncio.CancelledError(), FAILED, "CancelledError"),
        (BaseExceptionGroup("two", [Odd(), ValueError()]), FAILED, "BaseExceptionGroup: two (2 s"),
        (BaseExceptionGroup("one", [JobCanceled()]), FAILED, "BaseExceptionGroup: one (1 sub-ex"),
        (Numbered(7, "no"), "404", "no"),
        (errors.Busy(9, "no"), "A third party cannot answer now", "no"),
        (RetryLater(9), LATER, LATER),
        (Busy(), LATER, "busy"),
        (Busy(delay_seconds="soon"), LATER, "busy"),
        (Busy(delay_seconds=math.nan), LATER, "busy"),
        (Busy(delay_seconds=1e300), LATER, "busy"),
    ],
)
def test_any_exception_of_a_task_is_a_failed_attempt(
    error: BaseException, title: str, detail: str
) -> None:
    record = ended(raising(error))
    assert (record.status, record.wait_reason, record.attempt) == ("queued", "backoff", 1)
    assert record.error is not None
    assert record.error.title == title
    assert record.error.detail.startswith(detail)
    assert len(record.error.detail) <= DETAIL_AT_MOST


def test_a_pause_that_a_subclass_chose_is_obeyed() -> None:
    outcome = outcome_of(Busy(delay_seconds=60), None)
    assert isinstance(outcome, Retry)
    assert outcome.delay_seconds == 60


@pytest.mark.parametrize(
    ("told", "outcome"), [(JobCanceled(), Canceled()), (InvocationEnding(), Continue())]
)
def test_a_pending_interrupt_counts_however_deep_in_a_group(
    told: BaseException, outcome: Outcome
) -> None:
    inner = BaseExceptionGroup("inner", [ValueError(), told])
    assert outcome_of(BaseExceptionGroup("outer", [inner, OSError()]), told) == outcome


def in_a_task_group(work: Callable[[], Any]) -> None:
    async def step() -> None:
        work()

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(step())

    asyncio.run(all_of_them())


def test_an_interrupt_inside_a_task_group_is_the_interrupt() -> None:
    bench = Bench()
    bench._steps.plan("", 1, None, None)

    def work(job: Job) -> None:
        in_a_task_group(lambda: job.checkpoint(1))

    record = ended(work, bench)
    assert (record.wait_reason, record.attempt) == ("continuing", 0)


def test_ctrl_c_ends_the_worker_and_not_the_job() -> None:
    with pytest.raises(KeyboardInterrupt):
        ended(raising(KeyboardInterrupt()))
