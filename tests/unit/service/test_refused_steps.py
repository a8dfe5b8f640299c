"""Steps that can never work fail their job at the first attempt, with an error that says why."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.domain.handle import Job
from chalicelib.domain.job import (
    DAY,
    Status,
    WaitReason,
)
from chalicelib.ports.system import Rules
from chalicelib.service import answers, control
from chalicelib.tasks import PermanentError
from chalicelib.testing import OWNER, Bench
from tests.unit.harness import delivered
from tests.unit.service.waiting import (
    asking,
    detail,
    nap_and_publish,
    publishes,
    waiting,
)


def swallows(job: Job) -> str:
    with suppress(BaseException):
        job.sleep("nap", 3_600)
    return "on"


def test_a_task_that_swallows_the_suspension_fails() -> None:
    record = waiting(Bench(), swallows)
    assert record.error is not None
    assert (record.status, record.error.type) == (Status.FAILED, "/problems/suspension-swallowed")


def test_what_is_swallowed_is_raised_again_at_the_next_call() -> None:
    def work(job: Job) -> None:
        swallows(job)
        job.progress(0.5)

    assert waiting(Bench(), work).wait_reason is WaitReason.SLEEP


def inside_once(job: Job) -> None:
    job.once("pay", lambda: job.sleep("nap", 60))


def in_another_thread(job: Job) -> None:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            job.sleep("nap", 60)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    raise errors[0]


def names_twice(job: Job) -> None:
    job.sleep("publish", 0)
    publishes(job)


def names_a_once_again(job: Job) -> None:
    job.once("nap", int)
    job.sleep("nap", 0)


def names_a_sleep_again(job: Job) -> None:
    job.sleep("nap", 0)
    job.once("nap", int)


def sleeps_twice(job: Job) -> None:
    for _ in range(2):
        job.sleep("nap", 0)


def too_many(job: Job) -> None:
    for number in range(1_001):
        job.sleep(f"nap-{number}", 0)


REFUSED = {
    "waits inside `once`": inside_once,
    "waits in another thread": in_another_thread,
    "'publish' is a sleep already": names_twice,
    "'nap' is a `once` already": names_a_once_again,
    "'nap' is a sleep already": names_a_sleep_again,
    "'nap' is reached twice": sleeps_twice,
    "at most 1000 waiting steps": too_many,
    "cannot name a waiting step": lambda job: job.sleep("Nap time", 1),
    "seconds is str": lambda job: job.sleep("nap", "long"),
    "seconds is -1": lambda job: job.sleep("nap", -1),
    "seconds is nan": lambda job: job.sleep("nap", float("nan")),
    "seconds is 2592001": lambda job: job.sleep("nap", 30 * 86_400 + 1),
    "after the job's deadline": lambda job: job.sleep("nap", 86_400),
    "prompt is int": lambda job: job.ask("publish", prompt=7, timeout=60),
    "asks no 'other'": lambda job: job.ask("other", prompt="?", timeout=60),
}


@pytest.mark.parametrize(("said", "work"), REFUSED.items(), ids=REFUSED)
def test_what_can_never_work_fails_at_the_first_attempt(
    said: str, work: Callable[[Job], Any]
) -> None:
    record = waiting(Bench(), work)
    assert (record.status, record.attempt) == (Status.FAILED, 1)
    assert said in detail(record)


def test_a_run_that_comes_to_another_step_first_fails_and_names_both() -> None:
    bench = Bench()
    record = waiting(bench, publishes)
    bench.tasks["work"] = asking(nap_and_publish)
    answers.answer(bench.system, OWNER, record.id, "publish", {"approved": True})
    after = delivered(bench, record)
    assert after.status is Status.FAILED
    assert "'publish'" in detail(after)
    assert "'nap'" in detail(after)


def test_a_step_that_was_something_else_in_an_earlier_run_fails_the_job() -> None:
    bench = Bench()

    def before(job: Job) -> None:
        job.sleep("publish", 0)
        job.sleep("nap", 3_600)

    record = waiting(bench, before)
    bench.tasks["work"] = asking(publishes)
    control.cancel(bench.system, OWNER, record.id)
    control.retry(bench.system, OWNER, record.id)
    assert "was a sleep in an earlier run" in detail(delivered(bench, record, generation=1))


def test_an_answer_url_needs_the_urls_base() -> None:
    bench = Bench()
    bench.system = replace(bench.system, rules=Rules())
    record = waiting(bench, lambda job: job.answer_url("publish", 60))
    assert "PUBLIC_URL" in detail(record)


def test_steps_are_kept_as_long_as_a_client_may_retry() -> None:
    bench = Bench()
    record = waiting(bench, publishes)
    kept = {until for _, until in bench.jobs.steps.values()}
    assert kept == {record.deadline + record.retention + DAY}


def test_a_permanent_error_of_the_task_itself_still_fails_it() -> None:
    def work(job: Job) -> None:
        raise PermanentError("no")

    assert detail(waiting(Bench(), work)) == "no"
