"""A beat renews the lease before all else, and what it cannot write waits for the next."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from chalicelib.domain import verbs
from chalicelib.domain.errors import DeadlineExceeded, InvocationEnding, Unavailable
from chalicelib.domain.handle import Job
from chalicelib.domain.job import HOUR, MINUTE, SECOND, JobRecord
from chalicelib.service.heartbeat import Heartbeat
from chalicelib.service.run import Run
from chalicelib.testing import Bench
from tests.unit.harness import delivered, queued


def claimed(bench: Bench, **asked: Any) -> JobRecord:
    record = queued(bench, lambda job: None, **asked)
    now = bench.clock.time
    lease_until = min(now + bench.system.rules.lease, record.deadline)
    return bench.jobs.apply(record.id, verbs.claim(0, bench.system.new_id(), lease_until, now))


def begun(bench: Bench, ends_in: int = HOUR, **asked: Any) -> Heartbeat:
    return Heartbeat(Run(bench.system, claimed(bench, **asked), bench.clock.time + ends_in))


class Failing:
    """In the place of a store's method: raises these, one a call, and then does what it did."""

    def __init__(self, method: Any, *errors: Exception) -> None:
        self.method, self.errors = method, list(errors)

    def __call__(self, *given: Any) -> Any:
        if self.errors:
            raise self.errors.pop(0)
        return self.method(*given)


def fail(bench: Bench, method: str, *errors: Exception) -> None:
    setattr(bench.jobs, method, Failing(getattr(bench.jobs, method), *errors))


@pytest.mark.parametrize("error", [Unavailable("away"), UnicodeError("ours"), RuntimeError("any")])
def test_the_next_beat_writes_what_a_failed_one_could_not(error: Exception) -> None:
    bench = Bench()
    heartbeat = begun(bench)
    heartbeat.run.attach("a.txt", "a")
    heartbeat.run.checkpoint(1)
    heartbeat.run.progress(0.5, "half")
    fail(bench, "apply", error)
    with suppress(type(error)):
        heartbeat.beat()
    heartbeat.beat()
    record = heartbeat.run.record
    assert [one.name for one in record.artifacts] == ["a.txt"]
    assert record.checkpoint is not None
    assert record.progress is not None


def test_a_checkpoint_that_cannot_be_stored_does_not_cost_the_lease() -> None:
    bench = Bench()
    heartbeat = begun(bench)
    heartbeat.run.checkpoint("x" * 10_000)  # too large for the record
    heartbeat.run.progress(0.5)
    put = Failing(bench.payloads.put, Unavailable("away"))
    setattr(bench.payloads, "put", put)  # noqa: B010
    bench.clock.sleep(20)
    heartbeat.beat()
    before = heartbeat.run.record
    assert (before.due_at, before.checkpoint) == (bench.clock.time + MINUTE, None)
    heartbeat.beat()
    after = heartbeat.run.record
    assert after.checkpoint is not None
    assert after.progress is not None


@pytest.mark.parametrize("error", [Unavailable("away"), RuntimeError("any")])
def test_log_lines_that_cannot_be_stored_do_not_cost_the_lease(error: Exception) -> None:
    bench = Bench()
    heartbeat = begun(bench)
    heartbeat.run.log("first")
    fail(bench, "log", error)
    bench.clock.sleep(20)
    heartbeat.beat()
    record = bench.jobs.records[heartbeat.run.id]
    assert record.due_at == bench.clock.time + MINUTE
    assert bench.jobs.lines(record, "", 9) == []
    heartbeat.run.log("second")
    heartbeat.beat()
    assert [line.message for line in bench.jobs.lines(record, "", 9)] == ["first", "second"]


@pytest.mark.parametrize("error", [Unavailable("away"), RuntimeError("any")])
def test_log_lines_that_cannot_be_stored_do_not_cost_the_result(error: Exception) -> None:
    bench = Bench()

    def chatty(job: Job) -> int:
        job.log("hello")
        return 1

    fail(bench, "log", error, error, error)
    assert delivered(bench, queued(bench, chatty)).status == "succeeded"


def test_a_passed_deadline_and_invocations_end_do_not_make_it_beat_all_the_time() -> None:
    bench = Bench()
    heartbeat = begun(bench, ends_in=30 * SECOND, cancel_after=20 * SECOND)
    bench.clock.sleep(40)
    heartbeat.beat()
    assert isinstance(heartbeat.run.interrupts.pending, DeadlineExceeded)
    assert heartbeat.next_at() == bench.clock.time + 20 * SECOND


def test_an_invocation_that_may_end_early_ends_with_the_next_new_checkpoint() -> None:
    heartbeat = begun(Bench())
    heartbeat.end(at_once=False)
    heartbeat.beat()
    assert heartbeat.run.interrupts.pending is None, "the job would lose an attempt"
    heartbeat.run.checkpoint(1)
    heartbeat.end(at_once=False)
    assert heartbeat.due_in() <= 0
    heartbeat.beat()
    assert isinstance(heartbeat.run.interrupts.pending, InvocationEnding)


def test_an_invocation_that_must_end_at_once_waits_for_no_checkpoint() -> None:
    heartbeat = begun(Bench())
    heartbeat.end(at_once=True)
    heartbeat.beat()
    assert isinstance(heartbeat.run.interrupts.pending, InvocationEnding)
    assert heartbeat.run.time_left() == 0
