"""Claim, run, finish: what each way to end makes of the job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from chalicelib.domain.errors import (
    DeadlineExceeded,
    InvocationEnding,
    JobCanceled,
    LeaseLost,
    PermanentError,
    RetryLater,
    Unavailable,
)
from chalicelib.domain.handle import Job
from chalicelib.domain.job import DAY, HOUR, MINUTE, SECOND, Hint
from chalicelib.domain.task import task
from chalicelib.domain.values import encode
from chalicelib.memory.stores import Message
from chalicelib.service import control
from chalicelib.service.sweeper import sweep
from chalicelib.service.worker import BadMessage, process_messages
from chalicelib.testing import OWNER, Bench
from tests.lines import lines
from tests.unit.harness import delivered, queued, raising


def test_a_result_ends_a_job() -> None:
    bench = Bench()
    done = delivered(bench, queued(bench, lambda job: {"rows": 3}))
    assert done.status == "succeeded"
    assert done.result is not None
    assert done.result.text == '{"rows":3}'
    assert done.expires_at == done.updated_at + 30 * DAY


def test_an_exception_is_tried_again_after_a_pause_drawn_from_the_backoff() -> None:
    bench = Bench()
    bench.system = structs.replace(bench.system, random=lambda: 0.5)
    after = delivered(bench, queued(bench, raising(ValueError("no"))))
    assert (after.status, after.wait_reason, after.attempt) == ("queued", "backoff", 1)
    assert after.not_before - after.updated_at == 4 * SECOND
    assert bench.queue.lanes["default"][-1] == Message(after.id, 0, 4)
    assert after.error is not None
    assert (after.error.title, after.error.detail) == ("The task failed", "ValueError: no")


def test_the_last_attempts_exception_ends_the_job() -> None:
    bench = Bench()
    record = queued(bench, raising(ValueError("no")))
    delivered(bench, record)
    bench.clock.sleep(60)
    assert delivered(bench, record).status == "failed"


def test_a_permanent_error_ends_the_job_at_once() -> None:
    bench = Bench()
    after = delivered(bench, queued(bench, raising(PermanentError("no such file"))))
    assert (after.status, after.attempt) == ("failed", 1)
    assert after.error is not None
    assert after.error.detail == "no such file"


def test_retry_later_is_obeyed_to_the_second() -> None:
    bench = Bench()
    after = delivered(bench, queued(bench, raising(RetryLater(300, "busy"))))
    assert after.not_before - after.updated_at == 300 * SECOND
    assert bench.queue.lanes["default"][-1].delay_seconds == 300


def test_a_pause_beyond_what_sqs_can_delay_is_left_to_the_sweeper() -> None:
    bench = Bench()
    record = queued(bench, raising(RetryLater(7_200)))
    sent = len(bench.queue.lanes["default"])
    after = delivered(bench, record)
    assert len(bench.queue.lanes["default"]) == sent
    bench.clock.sleep(7_200 - 90)
    sweep(bench.system, bench.clock.time + MINUTE)
    assert bench.queue.lanes["default"][-1] == Message(after.id, 0, 90)


@pytest.mark.parametrize(
    "error",
    [SystemExit(1), JobCanceled(), DeadlineExceeded(), InvocationEnding(), LeaseLost()],
)
def test_an_interrupt_that_a_task_raises_itself_is_a_failed_attempt(error: BaseException) -> None:
    bench = Bench()
    after = delivered(bench, queued(bench, raising(error)))
    assert (after.status, after.wait_reason, after.attempt) == ("queued", "backoff", 1)


def test_a_result_that_is_not_json_fails_at_once_and_says_why() -> None:
    bench = Bench()
    after = delivered(bench, queued(bench, lambda job: object()))
    assert after.status == "failed"
    assert after.error is not None
    assert "object" in after.error.detail


def test_params_that_no_longer_fit_fail_at_once() -> None:
    bench = Bench()
    record = queued(bench, lambda job: None)

    def changed(job: Job, params: dict[str, int]) -> None: ...

    bench.tasks["work"] = task("work")(changed)
    bench.jobs.records[record.id] = structs.replace(
        record, params=structs.replace(record.params, text='{"a":"b"}')
    )
    after = delivered(bench, record)
    assert after.status == "failed"
    assert after.error is not None
    assert after.error.type == "/problems/params-invalid"
    assert "/params/a" in after.error.detail or "/params" in after.error.detail


def test_a_task_that_this_deployment_does_not_know_is_tried_later_and_fails_in_the_end() -> None:
    bench = Bench()
    record = queued(bench, lambda job: None)
    bench.tasks.clear()
    waiting = delivered(bench, record)
    assert (waiting.status, waiting.not_before - waiting.updated_at) == ("queued", 60 * SECOND)
    bench.clock.sleep(60)
    assert delivered(bench, record).status == "failed"


def test_a_message_that_is_not_ours_is_raised_for_the_dead_letter_queue() -> None:
    for body in ("", "hello", "[]", '{"job":1,"generation":0}', '{"job":"x"}'):
        with pytest.raises(BadMessage):
            process_messages(Bench().system, [body], Bench().clock.time + HOUR)


def test_one_bad_message_does_not_keep_the_others_of_its_delivery() -> None:
    bench = Bench()
    record = queued(bench, lambda job: "done")
    bench._steps.begin_invocation()
    bodies = ["garbage", encode(Hint(record.id, 0))]
    with pytest.raises(BadMessage):
        process_messages(bench.system, bodies, bench.clock.time + HOUR)
    assert bench.jobs.records[record.id].status == "succeeded"


def test_a_delivery_that_has_no_time_left_sends_the_rest_on() -> None:
    bench = Bench()
    first = queued(bench, lambda job: bench.clock.sleep(3_590))
    second = queued(bench, lambda job: bench.clock.sleep(3_590))
    bench._steps.begin_invocation()
    sent = len(bench.queue.lanes["default"])
    bodies = [encode(Hint(record.id, 0)) for record in (first, second)]
    process_messages(bench.system, bodies, bench.clock.time + HOUR)
    assert bench.jobs.records[second.id].status == "queued"
    assert [one.job for one in bench.queue.lanes["default"][sent:]] == [second.id]


def test_a_second_delivery_of_a_message_does_nothing() -> None:
    bench, runs = Bench(), []
    record = queued(bench, lambda job: runs.append(1))
    delivered(bench, record)
    delivered(bench, record)
    assert runs == [1]


def test_a_message_of_an_older_generation_does_nothing() -> None:
    bench, runs = Bench(), []

    def fail(job: Job) -> None:
        runs.append(1)
        raise PermanentError("no")

    record = queued(bench, fail)
    delivered(bench, record)
    control.retry(bench.system, OWNER, record.id)
    delivered(bench, record, generation=0)
    assert len(runs) == 1
    delivered(bench, record, generation=1)
    assert len(runs) == 2


def test_a_message_ahead_of_its_time_is_sent_again_with_what_remains() -> None:
    bench = Bench()
    record = queued(bench, lambda job: None, run_at=bench.clock.time + 10 * SECOND)
    bench.queue.lanes["default"].clear()
    assert delivered(bench, record).status == "queued"
    assert bench.queue.lanes["default"] == [Message(record.id, 0, 10)]


def test_a_lease_never_reaches_past_the_deadline() -> None:
    bench, leases = Bench(), []

    def look(job: Job) -> None:
        leases.append(bench.jobs.records[job.id])

    delivered(bench, queued(bench, look, cancel_after=30 * SECOND))
    assert leases[0].due_at == leases[0].deadline


def test_a_job_whose_deadline_passed_in_the_queue_is_not_run() -> None:
    bench, runs = Bench(), []
    record = queued(bench, lambda job: runs.append(1), cancel_after=30 * SECOND)
    bench.clock.sleep(31)
    after = delivered(bench, record)
    assert (after.status, runs) == ("failed", [])


def test_a_table_that_does_not_answer_is_raised_so_that_sqs_delivers_again() -> None:
    bench = Bench()
    record = queued(bench, lambda job: None)

    def away(*_: Any) -> Any:
        raise Unavailable("away")

    bench.jobs.apply = away  # type: ignore[method-assign, assignment]
    with pytest.raises(Unavailable):
        delivered(bench, record)


def test_the_log_has_the_traceback_and_the_client_does_not_see_it() -> None:
    bench = Bench()
    with lines() as said:
        after = delivered(bench, queued(bench, raising(ValueError("no"))))
    [failed] = [line for line in said if line["event"] == "attempt_failed"]
    assert "Traceback" in failed["traceback"]
    assert after.error is not None
    assert "Traceback" not in after.error.detail


@pytest.mark.parametrize(
    "error",
    [OSError("refused"), TimeoutError("no answer"), PermanentError("x"), RetryLater(1, "x")],
)
def test_an_expected_failure_is_one_line_with_its_message(error: Exception) -> None:
    bench = Bench()
    with lines() as said:
        delivered(bench, queued(bench, raising(error)))
    [failed] = [line for line in said if line["event"] == "attempt_failed"]
    assert str(error) in failed["detail"]
    assert failed["error"].startswith("/problems/")
    assert "traceback" not in failed


def replacing(fails: Exception | None = None) -> Callable[[Job], None]:
    """A task that attaches a file and saves a checkpoint, each stored apart, and both again."""

    def function(job: Job) -> None:
        for text in ("first", "second"):
            job.attach("a.txt", text)
            job.checkpoint(text * 1_000)
        if fails is not None:
            raise fails

    return function


def test_a_replaced_object_is_deleted_once_the_record_names_its_successor() -> None:
    bench = Bench()
    record = queued(bench, replacing(RetryLater(1)))
    after = delivered(bench, record)
    assert after.checkpoint is not None
    assert set(bench.payloads.objects) == {after.artifacts[0].key, after.checkpoint.key}
    bench = Bench()
    done = delivered(bench, queued(bench, replacing()))
    assert set(bench.payloads.objects) == {done.artifacts[0].key}


def test_an_attempt_that_lost_its_lease_deletes_nothing() -> None:
    bench, kept = Bench(), set[str]()

    def function(job: Job) -> None:
        replacing()(job)
        kept.update(bench.payloads.objects)
        record = bench.jobs.records[job.id]
        bench.jobs.records[job.id] = structs.replace(
            record, lease_token="another's", nonce="another's"
        )

    delivered(bench, queued(bench, function))
    assert len(kept) == 4
    assert kept <= set(bench.payloads.objects)


def test_a_deletion_that_fails_changes_no_outcome() -> None:
    bench = Bench()

    def away(*_: Any) -> Any:
        raise Unavailable("away")

    bench.payloads.delete = away  # type: ignore[method-assign, assignment]
    assert delivered(bench, queued(bench, replacing())).status == "succeeded"


def test_a_step_is_taken_once_through_all_attempts() -> None:
    bench, taken = Bench(), []

    def charge() -> int:
        taken.append(1)
        return len(taken)

    def function(job: Job) -> int:
        number = job.once("charge", charge)
        if job.attempt == 1:
            raise ValueError("after the charge")
        return number

    record = queued(bench, function)
    delivered(bench, record)
    bench.clock.sleep(60)
    done = delivered(bench, record)
    assert (done.status, taken) == ("succeeded", [1])


def test_the_key_stays_through_attempts_and_a_clients_retry() -> None:
    bench, keys = Bench(), []

    def function(job: Job) -> None:
        keys.append(job.key)
        raise PermanentError("no")

    record = queued(bench, function)
    delivered(bench, record)
    control.retry(bench.system, OWNER, record.id)
    delivered(bench, record, generation=1)
    assert len(keys) == 2
    assert len(set(keys)) == 1
