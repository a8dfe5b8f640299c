"""Waiting steps: what they store, when they stop a task, and what they refuse."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest

from chalicelib.domain.handle import Job
from chalicelib.domain.job import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    DuePartition,
    Hint,
    JobRecord,
    Status,
    WaitReason,
)
from chalicelib.domain.task import Task, task
from chalicelib.domain.values import encode
from chalicelib.domain.writes import Verb, Write
from chalicelib.memory.stores import MemoryJobs
from chalicelib.ports.system import Rules
from chalicelib.service import answers, control
from chalicelib.service.submit import Submission, submit
from chalicelib.service.sweeper import FIRST, sweep
from chalicelib.service.waits import look
from chalicelib.service.worker import process_messages
from chalicelib.tasks import PermanentError, Unanswered
from chalicelib.testing import OWNER, Bench
from tests.lines import lines
from tests.unit.harness import delivered, queued


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


def test_only_the_jobs_of_tasks_that_ask_keep_the_urls_base() -> None:
    bench = Bench()
    bench.tasks["work"] = asking(publishes)
    bench.tasks["plain"] = task("plain")(naps)
    base = "https://api.test"
    jobs = {
        name: submit(bench.system, Submission(owner=OWNER, task=name, params={}, base=base)).job
        for name in ("work", "plain")
    }
    assert (jobs["work"].base, jobs["plain"].base) == (base, None)


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


# ── what is refused ──


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
    "'nap' waits twice": sleeps_twice,
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
