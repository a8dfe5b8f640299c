"""Waiting steps: what they store, when they stop a task, and what they refuse."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chalicelib.domain.handle import Job
from chalicelib.domain.job import (
    HOUR,
    MINUTE,
    SECOND,
    DuePartition,
    Hint,
    JobRecord,
    Status,
    WaitReason,
)
from chalicelib.domain.task import task
from chalicelib.domain.values import encode
from chalicelib.domain.writes import Verb, Write
from chalicelib.memory.stores import MemoryJobs
from chalicelib.service import answers, control
from chalicelib.service.submit import Submission, submit
from chalicelib.service.sweeper import FIRST, sweep
from chalicelib.service.waits import look
from chalicelib.service.worker import process_messages
from chalicelib.tasks import Unanswered
from chalicelib.testing import OWNER, Bench
from tests.lines import lines
from tests.unit.harness import delivered, queued
from tests.unit.service.waiting import (
    Approval,
    asking,
    nap_and_publish,
    naps,
    publishes,
    submitted,
    waiting,
)

# ── sleeps ──


def test_a_sleeping_job_holds_no_worker_and_uses_up_no_attempt() -> None:
    bench = Bench()
    record = waiting(bench, naps)
    assert (record.status, record.wait_reason) == (Status.QUEUED, WaitReason.SLEEP)
    assert (record.attempt, record.lease_token) == (0, None)
    assert 0 <= bench.clock.time + HOUR - record.not_before <= 5 * SECOND


def test_a_sleep_ends_no_earlier_than_it_was_asked_to() -> None:
    bench, ended = Bench(), []

    def work(job: Job) -> None:
        job.sleep("nap", 3_600)
        ended.append(bench.clock.time)

    start = bench.clock.time
    assert bench.run(asking(work), {}).status == "succeeded"
    [at] = ended
    assert at >= start + HOUR


def test_a_sleep_counts_from_the_first_time_it_was_reached() -> None:
    """A crash and another attempt do not begin it again."""
    bench = Bench()
    start = bench.clock.time
    done = bench.run(asking(nap_and_publish), {}, crash_after=2)
    assert done.status == "failed"
    assert bench.clock.time - start < 3 * HOUR


def test_the_rest_of_a_short_sleep_is_slept_in_the_worker() -> None:
    bench = Bench()
    record = waiting(bench, lambda job: job.sleep("nap", 3))
    assert record.status is Status.SUCCEEDED


def test_a_short_sleep_that_the_invocation_has_no_time_for_is_handed_on() -> None:
    bench = Bench()
    record = submitted(bench, asking(lambda job: job.sleep("nap", 4)))
    bench._steps.begin_invocation()
    process_messages(bench.system, [encode(Hint(record.id, 0))], bench.clock.time + 4 * SECOND)
    assert bench.jobs.records[record.id].wait_reason is WaitReason.SLEEP


# ── questions ──


def test_a_question_suspends_the_job_without_a_message() -> None:
    bench = Bench()
    record = waiting(bench, publishes)
    assert (record.status, record.wait_reason) == (Status.QUEUED, WaitReason.ANSWER)
    assert record.wait is not None
    assert (record.wait.step, record.wait.prompt) == ("publish", "Publish?")
    assert [message.job for message in bench.queue.lanes["default"]] == [record.id]  # the submit's


def test_an_answer_wakes_the_job_which_gets_it_as_its_type() -> None:
    bench = Bench()
    bench.answer("publish", {"approved": True})
    done = bench.run(asking(publishes), {})
    assert (done.status, done.result, done.attempts) == ("succeeded", True, 1)


def test_an_answer_that_came_before_the_job_asked_is_found_by_its_own_look() -> None:
    """By the second look of the worker: it suspended the job after the answer was stored."""
    bench = Bench()
    answered: list[int] = []

    def work(job: Job) -> bool:
        job.answer_url("publish", 3_600)
        if not answered:
            answered.append(1)
            answers.answer(bench.system, OWNER, job.id, "publish", {"approved": True})
        return publishes(job)

    record = waiting(bench, work)
    assert record.status is Status.SUCCEEDED


class AnswersFirst(MemoryJobs):
    """Somebody answers after the job has looked for an answer, and before it is suspended."""

    bench: Bench

    def apply(self, job_id: str, write: Write) -> JobRecord:
        if write.verb is Verb.SUSPEND:
            answers.answer(self.bench.system, OWNER, job_id, "publish", {"approved": True})
        return super().apply(job_id, write)


def test_an_answer_between_the_question_and_the_suspension_wakes_the_job() -> None:
    bench = Bench()
    jobs = AnswersFirst()
    jobs.bench, bench.system = bench, replace(bench.system, jobs=jobs)
    record = submitted(bench, asking(publishes))
    bench._steps.begin_invocation()
    process_messages(bench.system, [encode(Hint(record.id, 0))], bench.clock.time + HOUR)
    assert jobs.records[record.id].wait_reason is WaitReason.BACKLOG


def test_a_late_look_for_one_wait_does_not_end_the_next() -> None:
    bench = Bench()

    def work(job: Job) -> None:
        publishes(job)
        job.ask("pay", prompt="", timeout=60)

    bench.tasks["work"] = task("work", asks={"publish": Approval, "pay": Approval})(work)
    first = delivered(bench, submitted(bench, bench.tasks["work"]))
    answers.answer(bench.system, OWNER, first.id, "publish", {"approved": True})
    assert delivered(bench, first).suspended
    look(bench.system, first)
    assert bench.jobs.records[first.id].suspended


def test_a_question_is_due_when_its_time_is_over() -> None:
    bench = Bench()
    record = waiting(bench, lambda job: job.ask("publish", prompt="", timeout=200))
    assert record.wait is not None
    assert record.due_at is not None
    assert record.due_at < (record.wait.until or 0)
    bench.clock.time = record.due_at
    sweep(bench.system, bench.clock.time + HOUR)
    record = bench.jobs.records[record.id]
    assert record.wait is not None
    assert (record.due, record.due_at) == (DuePartition.MUST, record.wait.until)
    short = waiting(bench, lambda job: job.ask("publish", prompt="", timeout=60))
    assert short.wait is not None
    assert (short.due, short.due_at) == (DuePartition.MUST, short.wait.until)


def test_a_repeated_submit_sends_a_suspended_job_no_message() -> None:
    bench = Bench()
    bench.tasks["work"] = asking(publishes)
    again = Submission(owner=OWNER, task="work", params={}, key="k")
    record = delivered(bench, submit(bench.system, again).job)
    sent = len(bench.queue.lanes["default"])
    assert submit(bench.system, again).job == record
    assert len(bench.queue.lanes["default"]) == sent


@pytest.mark.parametrize("asks", [True, False])
def test_jobs_keep_the_urls_base_only_where_a_task_asks(asks: bool) -> None:
    """Be it another one: a child may ask."""
    bench = Bench(tasks=[asking(publishes)] if asks else [])
    bench.tasks["plain"] = task("plain")(naps)
    base = "https://api.test"
    job = submit(bench.system, Submission(owner=OWNER, task="plain", params={}, base=base)).job
    assert job.base == (base if asks else None)


def test_a_message_makes_a_suspended_job_look_and_never_run() -> None:
    bench = Bench()
    record = waiting(bench, publishes)
    assert delivered(bench, record).nonce == record.nonce
    assert "claim" not in [entry.verb for entry in delivered(bench, record).history[3:]]


def test_a_question_without_an_answer_is_closed_after_its_timeout() -> None:
    bench, raised = Bench(), []

    def work(job: Job) -> str:
        try:
            publishes(job)
        except Unanswered as error:
            raised.append(str(error))
        return "went on"

    start = bench.clock.time
    done = bench.run(asking(work), {})
    assert (done.result, raised) == ("went on", ["'publish' got no answer in time."])
    assert HOUR <= bench.clock.time - start < HOUR + 20 * MINUTE


def test_a_question_left_unanswered_fails_the_job_under_a_problem_of_its_own() -> None:
    done = Bench().run(asking(publishes), {})
    assert done.error is not None
    assert (done.status, done.error.type) == ("failed", "/problems/unanswered")


def test_a_retry_by_the_client_asks_again_what_was_not_answered_in_time() -> None:
    bench = Bench()
    bench.run(asking(publishes), {})
    [record] = bench.jobs.records.values()
    control.retry(bench.system, OWNER, record.id)
    again = delivered(bench, record, generation=1)
    assert again.suspended
    assert again.wait is not None
    assert again.wait.round == 1
    answers.answer(bench.system, OWNER, record.id, "publish", {"approved": False})
    assert delivered(bench, again, generation=1).status is Status.SUCCEEDED


def test_a_retry_asks_again_what_was_open_when_the_job_ended_and_has_expired_since() -> None:
    bench = Bench()
    record = waiting(bench, publishes)
    control.cancel(bench.system, OWNER, record.id)
    bench.clock.time += 2 * HOUR
    control.retry(bench.system, OWNER, record.id)
    again = delivered(bench, record, generation=1)
    assert again.suspended
    assert again.wait is not None
    assert again.wait.round == 1


def test_a_question_that_is_still_open_outlives_a_retry_with_its_urls() -> None:
    bench = Bench()
    record = waiting(bench, publishes)
    control.cancel(bench.system, OWNER, record.id)
    control.retry(bench.system, OWNER, record.id)
    again = delivered(bench, record, generation=1)
    assert again.suspended
    assert again.wait is not None
    assert again.wait.round == 0


def test_a_suspended_job_is_canceled_at_once() -> None:
    bench = Bench()
    record = waiting(bench, publishes)
    assert control.cancel(bench.system, OWNER, record.id).status is Status.CANCELED


def test_a_cancel_that_came_first_wins_over_a_suspension() -> None:
    bench = Bench()

    def work(job: Job) -> bool:
        control.cancel(bench.system, OWNER, job.id)
        return publishes(job)

    assert waiting(bench, work).status is Status.CANCELED


def test_what_is_due_for_a_suspended_job_is_its_message_also_behind_a_backlog() -> None:
    bench = Bench()
    others = [queued(bench, lambda job: None) for _ in range(2 * FIRST)]
    bench.clock.time += SECOND
    record = waiting(bench, publishes)
    bench.clock.time += 3 * MINUTE
    done = sweep(bench.system, bench.clock.time + HOUR)
    assert (done["remind"], done["postpone"]) == (FIRST + 1, len(others) - FIRST)
    assert bench.queue.lanes["default"][-1].job == record.id


def test_a_suspended_job_is_looked_at_every_quarter_of_an_hour_at_least() -> None:
    bench = Bench()
    bench.tasks["work"] = asking(lambda job: job.ask("publish", prompt="", timeout=80_000))
    record = submitted(bench, bench.tasks["work"])
    record = delivered(bench, record)
    waits = []
    for _ in range(8):
        assert record.due_at is not None
        waits.append(record.due_at - bench.clock.time)
        bench.clock.time = record.due_at
        sweep(bench.system, bench.clock.time + HOUR)
        record = bench.jobs.records[record.id]
    assert max(waits) == 15 * MINUTE


def test_a_suspended_job_is_not_late_however_long_it_waits() -> None:
    """The alarm on what is overdue would ring for every question that is open for an hour."""
    bench = Bench()
    record = waiting(bench, lambda job: job.ask("publish", prompt="", timeout=80_000))
    bench.clock.time += 10 * HOUR
    sweep(bench.system, bench.clock.time + HOUR)
    record = bench.jobs.records[record.id]
    assert record.due_at is not None
    bench.clock.time = record.due_at + SECOND
    with lines() as said:
        sweep(bench.system, bench.clock.time + HOUR)
    assert said[-1]["OldestDueSeconds"] == 1.0
