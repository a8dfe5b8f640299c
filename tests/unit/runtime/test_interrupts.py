"""Cancel, deadline and the invocation's end reach a task wherever it is: with the real signals,
the real heartbeat thread and the real clock, whose lease is short here."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from chalicelib.domain.errors import Interrupted, InvocationEnding, JobCanceled
from chalicelib.domain.handle import Job
from chalicelib.domain.job import Hint, JobRecord
from chalicelib.domain.task import Task, task
from chalicelib.domain.values import encode
from chalicelib.ports.system import Rules, System
from chalicelib.runtime.beating import beating_in_a_thread, end_invocation
from chalicelib.runtime.clock import RealClock
from chalicelib.runtime.interrupts import SignalInterrupts
from chalicelib.service import control
from chalicelib.service.submit import Submission, submit
from chalicelib.service.worker import process_messages
from chalicelib.testing import Bench

OWNER = "ada"


def real_system() -> System:
    return structs.replace(
        Bench().system,
        clock=RealClock(),
        interrupts=SignalInterrupts,
        beating=beating_in_a_thread,
        rules=Rules(lease=300, ending_margin=200),  # so a heartbeat each 100 ms
    )


def run(function: Callable[[Job], Any], seconds: float = 60, **asked: Any) -> JobRecord:
    """The record after one delivery of a job that runs this function."""
    system = real_system()
    tasks: dict[str, Task] = {"work": task("work", max_attempts=2, backoff=0)(function)}
    system = structs.replace(system, tasks=lambda: tasks)
    accepted = submit(system, Submission(owner=OWNER, task="work", params={}, **asked))
    running.append((system, accepted.job.id))
    hint = encode(Hint(accepted.job.id, 0))
    process_messages(system, [hint], system.clock.now() + int(seconds * 1_000))
    record = system.jobs.read(accepted.job.id)
    assert record is not None
    return record


running: list[tuple[System, str]] = []


def cancel() -> None:
    system, job_id = running[-1]
    control.cancel(system, OWNER, job_id)


def compute_for_ever(job: Job) -> None:
    cancel()
    while True:
        pass


def wait_for_ever_in_a_system_call(job: Job) -> None:
    cancel()
    receiving, sending = socket.socketpair()
    with receiving, sending:
        receiving.recv(1)


def wait_for_ever_for_a_lock(job: Job) -> None:
    cancel()
    lock = threading.Lock()
    with lock:
        lock.acquire()


def sleep_for_ever(job: Job) -> None:
    cancel()
    threading.Event().wait()


@pytest.mark.parametrize(
    "function",
    [compute_for_ever, wait_for_ever_in_a_system_call, wait_for_ever_for_a_lock, sleep_for_ever],
)
def test_a_cancel_ends_a_task_that_never_calls_its_job(function: Callable[[Job], Any]) -> None:
    assert run(function).status == "canceled"


def test_a_cancel_passes_a_task_that_catches_every_exception() -> None:
    def stubborn(job: Job) -> None:
        cancel()
        while True:
            try:
                threading.Event().wait()
            except Exception:
                continue

    assert run(stubborn).status == "canceled"


def test_a_task_that_swallows_it_is_told_again_at_its_next_call() -> None:
    told = []

    def deaf(job: Job) -> None:
        cancel()
        try:
            threading.Event().wait()
        except Interrupted as interrupted:
            told.append(interrupted)
        job.progress(0.5)

    assert run(deaf).status == "canceled"
    assert isinstance(told[0], JobCanceled)


def test_a_task_can_clean_up_after_a_cancel() -> None:
    tidied = []

    def tidy(job: Job) -> None:
        cancel()
        try:
            threading.Event().wait()
        finally:
            tidied.append(True)

    assert run(tidy).status == "canceled"
    assert tidied == [True]


def test_a_task_may_save_where_it_is_while_it_handles_the_end_of_its_invocation() -> None:
    def long(job: Job) -> None:
        try:
            threading.Event().wait()
        except InvocationEnding:
            job.checkpoint({"row": 7})
            raise

    record = run(long, seconds=1)
    assert (record.status, record.wait_reason, record.attempt) == ("queued", "continuing", 0)
    assert record.checkpoint is not None
    assert record.checkpoint.text == '{"row":7}'


def test_all_calls_work_while_a_cancel_is_handled() -> None:
    done: list[Any] = []

    def thorough(job: Job) -> None:
        cancel()
        try:
            threading.Event().wait()
        finally:
            job.log("tidying up")
            job.attach("kept.txt", "kept")
            job.checkpoint("kept")
            job.progress(0.5)
            done.append(job.once("undo", lambda: "undone"))
            try:
                raise ValueError("in the midst of it")
            except ValueError:
                job.log("a detour")

    record = run(thorough)
    assert (record.status, done) == ("canceled", ["undone"])
    assert [one.name for one in record.artifacts] == ["kept.txt"]
    assert record.checkpoint is not None
    lines = running[-1][0].jobs.lines(record, "", 9)
    assert [line.message for line in lines] == ["tidying up", "a detour"]


def test_a_deadline_ends_a_blocked_task() -> None:
    record = run(lambda job: threading.Event().wait(), cancel_after=250)
    assert record.status == "failed"
    assert record.error is not None
    assert record.error.type == "/problems/deadline-exceeded"


def test_an_invocation_that_ends_hands_on_from_the_checkpoint() -> None:
    def long(job: Job) -> None:
        job.checkpoint({"row": 7})
        threading.Event().wait()

    record = run(long, seconds=1)
    assert (record.status, record.wait_reason, record.attempt) == ("queued", "continuing", 0)
    assert record.checkpoint is not None
    assert record.checkpoint.text == '{"row":7}'


def test_an_invocation_that_ends_without_a_checkpoint_has_used_up_an_attempt() -> None:
    record = run(lambda job: threading.Event().wait(), seconds=1)
    assert (record.status, record.wait_reason, record.attempt) == ("queued", "backoff", 1)
    assert record.error is not None
    assert record.error.type == "/problems/out-of-time"


def test_a_lease_that_is_lost_stops_the_task_and_writes_nothing() -> None:
    def robbed(job: Job) -> None:
        system, job_id = running[-1]
        jobs: Any = system.jobs
        jobs.records[job_id] = structs.replace(jobs.records[job_id], lease_token="another")
        threading.Event().wait()

    record = run(robbed)
    assert (record.status, record.lease_token) == ("running", "another")


def test_an_interrupt_after_the_task_has_returned_is_too_late() -> None:
    def quick(job: Job) -> str:
        cancel()
        return "done"

    assert run(quick).status == "succeeded"


def test_a_task_outside_the_main_thread_hears_of_a_cancel_at_its_next_call() -> None:
    ended: list[JobRecord] = []

    def polite(job: Job) -> None:
        cancel()
        while True:
            job.time_left()
            job.progress(0.1)
            time.sleep(0)

    thread = threading.Thread(target=lambda: ended.append(run(polite)))
    thread.start()
    thread.join(30)
    assert ended[0].status == "canceled"


def test_calls_under_way_in_other_threads_keep_nothing_from_the_main_thread() -> None:
    interrupts, over = SignalInterrupts(), threading.Event()
    all_inside = threading.Barrier(3)

    def call() -> None:
        with interrupts.shielded():
            all_inside.wait(30)
            over.wait(30)

    def work() -> None:
        for helper in helpers:
            helper.start()
        all_inside.wait(30)
        threading.Timer(0, interrupts.interrupt, [JobCanceled()]).start()
        over.wait(10)

    helpers = [threading.Thread(target=call) for _ in range(2)]
    try:
        with pytest.raises(JobCanceled), interrupts.armed():
            work()
    finally:
        over.set()
        for helper in helpers:
            helper.join()


def test_a_task_that_handles_one_interrupt_is_not_interrupted_by_another() -> None:
    interrupts, ended = SignalInterrupts(), []

    def work() -> None:
        try:
            interrupts.interrupt(JobCanceled())
            threading.Event().wait(10)
        finally:
            interrupts.interrupt(InvocationEnding())
            with interrupts.shielded():
                interrupts.check()
            ended.append("well")

    with pytest.raises(JobCanceled), interrupts.armed():
        work()
    assert ended == ["well"]


def test_an_interrupt_from_before_the_task_is_raised_at_its_start() -> None:
    interrupts, began = SignalInterrupts(), []
    interrupts.interrupt(InvocationEnding())
    with pytest.raises(InvocationEnding), interrupts.armed():
        began.append(True)
    assert began == []


def test_a_signal_that_comes_late_does_not_end_the_process() -> None:
    program = """
import os, signal
from chalicelib.runtime.interrupts import SIGNAL, SignalInterrupts
with SignalInterrupts().armed():
    pass
os.kill(os.getpid(), SIGNAL)
print("alive")
"""
    late = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (late.returncode, late.stdout) == (0, "alive\n")


def test_a_process_that_stops_ends_its_jobs_invocation_at_the_checkpoint() -> None:
    def save_and_wait(job: Job) -> None:
        job.checkpoint({"rows": 7})
        threading.Thread(target=end_invocation, kwargs={"at_once": False}).start()
        threading.Event().wait(60)

    record = run(save_and_wait)
    assert (record.status, record.wait_reason, record.attempt) == ("queued", "continuing", 0)
