"""A schedule's moments: each gives one job, to the second."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chalicelib.domain import verbs
from chalicelib.domain.job import DAY, HOUR, MINUTE, SECOND, JobRecord, Status
from chalicelib.domain.schedules import Overlap, ScheduleRecord
from chalicelib.memory.schedules import MemorySchedules
from chalicelib.ports.system import Rules
from chalicelib.service import control
from chalicelib.service.schedules import Schedules
from chalicelib.service.sweeper import sweep
from chalicelib.tasks import Job, task
from chalicelib.testing import OWNER, Bench
from tests.lines import lines
from tests.unit.service.scheduling import (
    EVERY_MINUTE,
    at,
    bench,
    delivered,
    jobs,
    moments,
    nightly,
    plan,
    put,
    racing,
    stored,
    swept,
)

__all__ = ["bench"]  # a fixture


# ── ahead of time ─────────────────────────────────────────────────────────────────────────


def test_a_job_is_submitted_90_seconds_ahead_and_runs_at_the_moment(bench: Bench) -> None:
    put(bench, params="{}")
    assert swept(bench, at(8, 28, 29)) == {}
    assert swept(bench, at(8, 28, 30)) == {"schedule": 1}
    [job] = jobs(bench)
    assert (job.run_at, job.not_before, job.owner) == (at(8, 30), at(8, 30), OWNER)
    [message] = bench.queue.lanes["default"]
    assert message.delay_seconds == 90
    assert delivered(bench, job).status is Status.QUEUED  # it is early
    bench.clock.time = at(8, 30)
    assert delivered(bench, job).status is Status.SUCCEEDED


@pytest.mark.parametrize("early", [1, 500, 2_000])
def test_a_worker_whose_message_is_a_little_early_waits_for_the_moment(
    bench: Bench, early: int
) -> None:
    put(bench)
    swept(bench, at(8, 29))
    [job] = jobs(bench)
    bench.clock.time = at(8, 30) - early
    began = []
    bench.tasks["nightly"] = task("nightly")(lambda job: began.append(bench.clock.time))
    done = delivered(bench, job)
    assert done.status is Status.SUCCEEDED
    assert done.started_at == at(8, 30)
    assert began[0] >= at(8, 30)


def test_a_child_of_a_schedules_job_gives_urls_that_begin_as_the_schedules_put(
    bench: Bench,
) -> None:
    """Also if the schedule's own task asks nothing, and the stage has no PUBLIC_URL."""
    bench.system = replace(bench.system, rules=Rules())
    given: list[str] = []

    @task("child", asks={"done": bool})
    def child(job: Job) -> None:
        given.append(job.answer_url("done", 60))

    bench.tasks["child"] = child
    bench.tasks["nightly"] = task("nightly")(lambda job: len(job.map("parts", child, [{}])))
    base = "https://jobs.example/api"
    Schedules(bench.system).put(OWNER, "mine", plan(), lambda _: True, base)
    swept(bench, at(8, 29))
    bench.clock.time = at(8, 30)
    delivered(bench, jobs(bench)[0])
    [part] = [one for one in jobs(bench) if one.task == "child"]
    assert delivered(bench, part).status is Status.SUCCEEDED
    assert given[0].startswith(f"{base}/answers/")


def test_each_moment_gives_one_job_however_many_sweeps_there_are(bench: Bench) -> None:
    put(bench, EVERY_MINUTE)
    for second in range(0, 600, 20):
        swept(bench, at(8, 0) + second * SECOND)
    assert moments(bench) == [at(8, minute) for minute in range(1, 12)]
    assert stored(bench).missed == 0


def test_two_sweepers_at_once_submit_one_job(bench: Bench) -> None:
    store, _ = racing(bench), put(bench)
    store.meanwhile = lambda: sweep(bench.system, bench.clock.time + MINUTE)
    assert swept(bench, at(8, 29)) == {"nothing": 1}
    assert moments(bench) == [at(8, 30)]
    assert stored(bench).next_at == at(9, 30)


def test_a_sweeper_that_dies_between_its_two_writes_is_made_up_for(bench: Bench) -> None:
    store, _ = racing(bench), put(bench)

    def dies() -> None:
        raise KeyboardInterrupt

    store.meanwhile = dies
    with pytest.raises(KeyboardInterrupt):
        swept(bench, at(8, 29))
    assert (moments(bench), stored(bench).last_at) == ([at(8, 30)], None)
    swept(bench, at(8, 30))
    assert (moments(bench), stored(bench).last_at) == ([at(8, 30)], at(8, 30))


def test_a_task_that_this_build_does_not_know_leaves_the_moment_to_the_next(bench: Bench) -> None:
    put(bench)
    del bench.tasks["nightly"]
    with lines() as logged:
        assert swept(bench, at(9, 29)) == {"schedule_without_task": 1}
    assert logged[-1]["OldestDueSeconds"] == 0, "its owner has to change it: that is no alarm"
    bench.tasks["nightly"] = nightly
    swept(bench, at(9, 31))
    assert moments(bench) == [at(9, 30)]


def test_an_error_in_one_schedule_does_not_stop_the_others(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    put(bench)
    broken = replace(stored(bench), name="broken", cron="never")
    bench.jobs.schedules[broken.id] = broken
    with lines() as logged:
        assert swept(bench, at(8, 30)) == {"schedule": 1, "error": 1}
    assert "visit_failed" in str(logged)
    assert moments(bench) == [at(8, 30)]


# ── a stage that stood still ──────────────────────────────────────────────────────────────


def test_a_stage_that_stood_still_for_three_hours_makes_up_for_one_moment(bench: Bench) -> None:
    put(bench, "*/10 * * * *")
    swept(bench, at(11, 5))
    assert moments(bench) == [at(11, 0)]
    assert stored(bench).missed == 17
    assert stored(bench).coming(2, at(11, 5)) == [at(11, 10), at(11, 20)]
    [job] = jobs(bench)
    assert delivered(bench, job).status is Status.SUCCEEDED
    swept(bench, at(11, 9))
    assert moments(bench) == [at(11, 0), at(11, 10)]


def test_a_stage_that_stood_still_for_a_month_counts_all_that_it_missed(bench: Bench) -> None:
    put(bench, EVERY_MINUTE)
    now = at(8, 0, 30) + 30 * DAY
    for _ in range(3):
        swept(bench, now)
    assert stored(bench).missed == 30 * 24 * 60 - 1
    assert moments(bench)[0] == now - 30 * SECOND


def test_a_made_up_job_has_all_the_time_of_its_task(bench: Bench) -> None:
    put(bench)
    swept(bench, at(11, 5))
    [job] = jobs(bench)
    assert job.deadline == at(11, 5) + round(nightly.timeout) * SECOND


# ── overlap ───────────────────────────────────────────────────────────────────────────────


def two_moments(bench: Bench, overlap: Overlap) -> tuple[JobRecord, JobRecord]:
    """Of a schedule whose moments are a minute apart; both have come."""
    put(bench, EVERY_MINUTE, overlap=overlap)
    swept(bench, at(8, 0))
    swept(bench, at(8, 1))
    bench.clock.time = at(8, 2)
    first, second = jobs(bench)
    return first, second


@pytest.mark.parametrize(
    ("overlap", "ends"), [(Overlap.SKIP, Status.CANCELED), (Overlap.ALLOW, Status.SUCCEEDED)]
)
def test_a_job_whose_predecessor_runs_is_skipped_unless_both_are_allowed(
    bench: Bench, overlap: Overlap, ends: Status
) -> None:
    first, second = two_moments(bench, overlap)
    seen: list[JobRecord] = []

    def runs(job: Job) -> None:
        if job.id == first.id:
            seen.append(delivered(bench, second))

    bench.tasks["nightly"] = task("nightly")(runs)
    assert delivered(bench, first).status is Status.SUCCEEDED
    assert seen[0].status is ends
    if ends is Status.CANCELED:
        assert seen[0].error is not None
        assert first.id in seen[0].error.detail


def test_a_job_runs_once_its_predecessor_has_ended(bench: Bench) -> None:
    first, second = two_moments(bench, Overlap.SKIP)
    assert delivered(bench, first).status is Status.SUCCEEDED
    assert delivered(bench, second).status is Status.SUCCEEDED


def test_a_job_that_tries_again_is_still_under_way(bench: Bench) -> None:
    first, second = two_moments(bench, Overlap.SKIP)
    attempts = []

    def fails_once(job: Job) -> None:
        attempts.append(job.id)
        if len(attempts) == 1:
            raise OSError("not yet")

    bench.tasks["nightly"] = task("nightly", max_attempts=2)(fails_once)
    assert delivered(bench, first).status is Status.QUEUED
    assert delivered(bench, second).status is Status.CANCELED
    bench.clock.time += HOUR
    assert delivered(bench, first).status is Status.SUCCEEDED
    assert attempts == [first.id, first.id]


def test_a_pause_stops_every_job_that_a_worker_comes_to_before_it_is_over(bench: Bench) -> None:
    """In a backlog two may wait."""
    first, second = two_moments(bench, Overlap.ALLOW)
    put(bench, overlap=Overlap.ALLOW, paused=True)
    assert delivered(bench, first).status is Status.CANCELED
    put(bench, overlap=Overlap.ALLOW)
    assert delivered(bench, second).status is Status.SUCCEEDED


def test_a_job_that_goes_on_under_a_pause_is_the_one_under_way(bench: Bench) -> None:
    """Its first worker died before it had noted that."""
    first, second = two_moments(bench, Overlap.SKIP)
    now = bench.clock.time
    bench.system.jobs.apply(first.id, verbs.claim(0, "dead", now + MINUTE, now))
    put(bench, EVERY_MINUTE, paused=True)
    swept(bench, now + 2 * MINUTE)
    put(bench, EVERY_MINUTE)
    seen: list[JobRecord] = []

    def runs(job: Job) -> None:
        seen.append(delivered(bench, second))

    bench.tasks["nightly"] = task("nightly")(runs)
    delivered(bench, bench.jobs.records[first.id])
    assert [one.status for one in seen] == [Status.CANCELED]


def test_a_clients_retry_runs_whatever_the_schedule_says(bench: Bench) -> None:
    _, second = two_moments(bench, Overlap.SKIP)
    put(bench, paused=True)
    assert delivered(bench, second).status is Status.CANCELED
    again = control.retry(bench.system, OWNER, second.id)
    assert delivered(bench, again).status is Status.SUCCEEDED


def test_a_job_of_no_schedule_reads_none(bench: Bench) -> None:
    class Unread(MemorySchedules):
        def read(self, owner: str, name: str) -> ScheduleRecord | None:
            raise AssertionError("read")

    bench.system = replace(bench.system, schedules=Unread(bench.jobs))
    assert bench.run(nightly, {}).status == "succeeded"
