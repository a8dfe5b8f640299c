"""What a task does when it is interrupted, it does on the bench as it does in production: see
test_interrupts.py for the same by real signals."""

from __future__ import annotations

from chalicelib.domain.errors import Interrupted, InvocationEnding
from chalicelib.domain.handle import Job
from chalicelib.domain.task import task
from chalicelib.testing import Bench


def test_what_is_saved_as_an_invocation_ends_is_where_the_next_one_goes_on() -> None:
    @task("count", max_attempts=1)
    def count(job: Job) -> int:
        number = job.state or 0
        try:
            while number < 10:
                job.progress(number / 10)
                number += 1
        except InvocationEnding:
            job.checkpoint(number)
            job.log(f"goes on at {number}")
            raise
        return number

    done = Bench().run(count, {}, end_invocations_after=4)
    assert (done.status, done.result, done.attempts) == ("succeeded", 10, 1)
    assert done.checkpoints == [3, 6, 9]
    assert done.logs == ["goes on at 3", "goes on at 6", "goes on at 9"]


def test_all_calls_work_while_a_cancel_is_handled() -> None:
    @task("tidy")
    def tidy(job: Job) -> None:
        try:
            while True:
                job.time_left()
                job.progress(0.5)
        finally:
            job.log("tidying up")
            job.attach("kept.txt", "kept")
            job.checkpoint("kept")

    done = Bench().run(tidy, {}, cancel_after=2)
    assert (done.status, done.logs, done.checkpoints) == ("canceled", ["tidying up"], ["kept"])
    assert done.artifacts == {"kept.txt": b"kept"}


def test_a_task_that_swallows_it_is_told_again_before_its_next_call_does_anything() -> None:
    told = []

    @task("deaf")
    def deaf(job: Job) -> None:
        try:
            job.progress(0.5)
        except Interrupted as interrupted:
            told.append(interrupted)
        job.attach("late.txt", "late")

    done = Bench().run(deaf, {}, cancel_after=1)
    assert (done.status, len(told), done.artifacts) == ("canceled", 1, {})
