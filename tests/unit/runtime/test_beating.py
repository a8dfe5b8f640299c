"""One parked thread beats for the jobs of a process, and sleeps through those that need no beat."""

from __future__ import annotations

import contextvars
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from chalicelib.runtime import beating
from chalicelib.runtime.beating import beating_in_a_thread

LONG = 30.0  # seconds, for what happens at once


class Job:
    """Stands for a heartbeat: beats once when it is due, and notes in which thread."""

    def __init__(self, due_in: float = 3_600.0) -> None:
        self.seconds = due_in
        self.notify: Callable[[], None] = lambda: None
        self.beaten_by: list[int] = []
        self.beaten = threading.Event()

    def next_at(self) -> int:
        return 0

    def due_in(self) -> float:
        return self.seconds

    def beat(self) -> None:
        self.seconds = 3_600.0
        self.beaten_by.append(threading.get_ident())
        self.beaten.set()

    def end(self, *, at_once: bool) -> None: ...


@pytest.fixture(autouse=True)
def no_parked_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(beating, "_parked", [])
    yield
    assert beating._under_way == []


def run(job: Job) -> Job:
    with beating_in_a_thread(job):
        assert job.seconds > 0 or job.beaten.wait(LONG)
    return job


def test_all_jobs_of_a_process_have_one_thread() -> None:
    jobs = [run(Job(due_in=0)) for _ in range(20)]
    assert len({thread for job in jobs for thread in job.beaten_by}) == 1
    assert len(beating._parked) == 1


def test_short_jobs_do_not_wake_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    heart, woken = beating._Heart(), []
    changed = heart._changed

    def notify(wake: Callable[[], None] = changed.notify) -> None:
        woken.append(True)
        wake()

    monkeypatch.setattr(changed, "notify", notify)
    for _ in range(20):
        with changed:  # so the job has ended before the thread can look
            heart.begin(Job())
            heart.end()
        until = time.monotonic() + LONG
        while heart._wakes_at == -math.inf and time.monotonic() < until:
            time.sleep(0)
    assert len(woken) == 1  # by the first, since the thread was parked


def test_the_thread_wakes_for_a_job_that_is_due_earlier_than_the_one_before() -> None:
    run(Job(due_in=3_600))
    assert run(Job(due_in=0)).beaten.is_set()


def test_new_output_brings_the_next_beat_forward() -> None:
    job = Job()
    with beating_in_a_thread(job):
        job.seconds = 0
        job.notify()
        assert job.beaten.wait(LONG)


def test_the_end_waits_for_the_beat_that_has_begun() -> None:
    began, go_on, ended = threading.Event(), threading.Event(), []

    class Slow(Job):
        def beat(self) -> None:
            began.set()
            assert go_on.wait(LONG)
            ended.append("beat")
            super().beat()

    job = Slow(due_in=0)
    with beating_in_a_thread(job):
        assert began.wait(LONG)
        threading.Timer(0.05, go_on.set).start()
    ended.append("job")
    assert ended == ["beat", "job"]


def test_no_beat_follows_the_end() -> None:
    job = run(Job(due_in=0))
    job.seconds = 0
    job.notify()
    beating._parked[0]._beat((job, contextvars.copy_context()))  # it was due, and then ended
    run(Job(due_in=0))
    assert len(job.beaten_by) == 1


def test_jobs_that_overlap_have_a_thread_each() -> None:
    jobs = [Job(due_in=0) for _ in range(3)]
    with ExitStack() as running:
        for job in jobs:
            running.enter_context(beating_in_a_thread(job))
        assert all(job.beaten.wait(LONG) for job in jobs)
    assert len({thread for job in jobs for thread in job.beaten_by}) == 3


def test_a_beat_that_crashes_does_not_end_the_thread() -> None:
    class Crashing(Job):
        def beat(self) -> None:
            super().beat()
            raise RuntimeError("crashed")

    crashed = run(Crashing(due_in=0))
    assert run(Job(due_in=0)).beaten_by == crashed.beaten_by


def test_a_thread_that_is_gone_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that was forked, where the parent's threads do not run."""
    first = run(Job(due_in=0))
    monkeypatch.setattr(beating._parked[0], "is_alive", lambda: False)
    assert run(Job(due_in=0)).beaten_by != first.beaten_by
