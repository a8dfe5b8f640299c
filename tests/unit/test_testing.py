"""What a task does when it is interrupted, it does on the bench as it does in production: see
test_interrupts.py for the same by real signals."""

from __future__ import annotations

import pytest

from chalicelib.domain.errors import (
    Interrupted,
    InvalidRequest,
    InvocationEnding,
    PermanentError,
    RetryLater,
    Unanswered,
)
from chalicelib.domain.handle import Job
from chalicelib.domain.task import Task, task
from chalicelib.tasks import Schedule
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


# ── schedules ──


def scheduled(*schedules: Schedule, sleeps: float = 0) -> Task:
    @task("tick", schedules=schedules)
    def tick(job: Job) -> None:
        job.sleep("a-while", sleeps)

    return tick


def moments(bench: Bench, tried: Task, days: float) -> list[str | None]:
    return [done.run_at for done in bench.run_schedules(tried, days=days)]


def test_a_scheduled_task_runs_at_its_moments_in_its_zone_also_where_the_clocks_change() -> None:
    berlin = scheduled(Schedule("30 2 * * *", timezone="Europe/Berlin"))
    bench = Bench(now="2027-03-26T12:00:00+01:00")
    assert moments(bench, berlin, 3) == [
        "2027-03-27T01:30:00.000Z",
        "2027-03-28T01:00:00.000Z",  # the clocks skip half past two
        "2027-03-29T00:30:00.000Z",
    ]
    assert moments(bench, berlin, 1) == ["2027-03-30T00:30:00.000Z"]


def test_two_schedules_that_coincide_both_run_at_their_moment() -> None:
    began = []

    @task("twice", schedules=[Schedule("0 9 * * *"), Schedule("*/30 9 * * *")])
    def twice(job: Job) -> None:
        began.append(bench.clock.now() - start)

    bench = Bench(now="2027-01-15T08:00:00Z")
    start = bench.clock.now()
    assert [done.status for done in bench.run_schedules(twice, days=1)] == ["succeeded"] * 3
    assert [at // 1_000 for at in began] == [3_600, 3_600, 5_400]


@pytest.mark.parametrize(
    ("overlap", "statuses"),
    [
        ("skip", ["succeeded", "canceled", "succeeded", "canceled"]),
        ("allow", ["succeeded"] * 4),
    ],
)
def test_a_scheduled_task_that_still_waits_at_its_next_moment_overlaps(
    overlap: str, statuses: list[str]
) -> None:
    slow = scheduled(Schedule("0 8-11 * * *", overlap=overlap), sleeps=5_400)  # type: ignore[arg-type]
    found = Bench(now="2027-01-15T07:00:00Z").run_schedules(slow, days=1)
    assert [done.status for done in found] == statuses


def test_a_job_is_returned_by_the_call_in_which_it_finishes() -> None:
    slow, bench = scheduled(Schedule("0 8 * * *"), sleeps=3_600), Bench(now="2027-01-15T07:30:00Z")
    assert moments(bench, slow, 1 / 24) == []
    assert moments(bench, slow, 1 / 24) == ["2027-01-15T08:00:00.000Z"]
    assert moments(bench, slow, 1 / 24) == []


def test_a_service_that_stood_still_makes_up_for_the_latest_moment() -> None:
    hourly, bench = scheduled(Schedule("0 * * * *")), Bench(now="2027-01-15T07:30:00Z")
    assert moments(bench, hourly, 1 / 24) == ["2027-01-15T08:00:00.000Z"]
    bench.clock.sleep(3 * 3_600)
    assert moments(bench, hourly, 1 / 24) == [
        "2027-01-15T11:00:00.000Z",
        "2027-01-15T12:00:00.000Z",
    ]


def test_a_schedule_submits_nothing_while_a_job_of_its_task_is_tried() -> None:
    slow = scheduled(Schedule("* * * * *"), sleeps=86_000)
    bench = Bench()
    assert bench.run(slow, {}).status == "succeeded"
    assert len(bench.jobs.records) == 1


def test_a_schedule_that_cannot_be_used_is_refused() -> None:
    never = scheduled(Schedule("0 0 31 2 *", timezone="Europe/Berlin"))
    with pytest.raises(ValueError, match=r"'tick' cannot be used.*never happens"):
        Bench().run_schedules(never, days=1)


def test_a_bench_needs_the_offset_of_its_start() -> None:
    with pytest.raises(ValueError, match="write 2027-01-15T08:00:00Z"):
        Bench(now="2027-01-15T08:00:00")


# ── a test that fails because its task did ──


def test_the_report_of_a_failed_test_shows_the_tasks_error_and_where_it_arose(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @task("sums", max_attempts=1)
    def sums(job: Job) -> int:
        return int("no number")

    assert Bench().run(sums, {}).status == "failed"
    assert "ValueError: invalid literal for int()" in caplog.text
    assert 'return int("no number")' in caplog.text


@pytest.mark.parametrize("error", [PermanentError("13 is unlucky."), RetryLater(1, "13 is late.")])
def test_the_report_of_a_failed_test_shows_where_its_task_raised_an_error_on_purpose(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    @task("refuses", max_attempts=1)
    def refuses(job: Job) -> None:
        raise error

    assert Bench().run(refuses, {}).status == "failed"
    assert str(error) in caplog.text
    assert f'File "{__file__}", line ' in caplog.text
    assert "    raise error\n" in caplog.text


def test_the_report_of_a_failed_test_names_job_and_attempt_of_each_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    jobs = []

    @task("refuses", max_attempts=2)
    def refuses(job: Job) -> None:
        jobs.append(job.id)
        raise ValueError("never")

    Bench().run(refuses, {})
    assert [
        one.message.splitlines()[0] for one in caplog.records if one.levelname == "WARNING"
    ] == [
        f"attempt_failed: refuses, job {jobs[0][:8]}, attempt 1",
        f"attempt_failed: refuses, job {jobs[0][:8]}, attempt 2",
    ]


# ── values that do not fit ──


@task("publishes", asks={"publish": bool})
def publishes(job: Job) -> bool:
    try:
        return bool(job.ask("publish", prompt="Publish?", timeout=60))
    except Unanswered:
        return False


def test_an_answer_that_does_not_fit_names_its_step_and_fault() -> None:
    bench = Bench()
    bench.answer("publish", "yes")
    with pytest.raises(InvalidRequest, match=r"type\. Expected true or false, got text") as refused:
        bench.run(publishes, {})
    assert refused.value.__notes__ == ["bench.answer has given this answer to 'publish'."]


def test_a_misspelled_name_of_an_answer_is_reported_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench()
    bench.answer("pubish", True)
    assert bench.run(publishes, {}).result is False
    assert [one.message for one in caplog.records if one.levelname == "WARNING"] == [
        "publishes asks 'publish' and gets no answer: bench.answer was given for 'pubish'"
    ]


def test_a_bench_without_any_answer_reports_no_misspelled_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert Bench().run(publishes, {}).result is False
    assert "bench.answer" not in caplog.text
