"""Answers to questions: who may give one, which one counts, and what is refused."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.domain.errors import (
    AlreadyAnswered,
    InvalidRequest,
    JobFinished,
    NotFound,
)
from chalicelib.domain.handle import Job
from chalicelib.domain.job import HOUR, MINUTE, JobRecord, Status
from chalicelib.domain.task import task
from chalicelib.service import answers, control
from chalicelib.service.erase import erase
from chalicelib.service.waits import look
from chalicelib.tasks import Unanswered, Upload
from chalicelib.testing import OWNER, Bench
from tests.unit.harness import delivered
from tests.unit.service.waiting import asking, publishes, submitted, waiting

YES, NO = {"approved": True}, {"approved": False}


class Third:
    """A third party that was given the URL of a question."""

    def __init__(self, timeout: float = 3_600) -> None:
        self.bench = Bench()
        self.urls: list[str] = []

        def work(job: Job) -> bool:
            self.urls.append(job.answer_url("publish", timeout))
            return publishes(job)

        self.record = waiting(self.bench, work)

    @property
    def sealed(self) -> str:
        return self.urls[0].rpartition("/")[2]

    def answers(self, answer: object, sealed: str | None = None) -> None:
        answers.answer_sealed(self.bench.system, sealed or self.sealed, answer)

    def now(self) -> JobRecord:
        return self.bench.jobs.records[self.record.id]


def answered(bench: Bench, record: JobRecord, answer: object, step: str = "publish") -> None:
    answers.answer(bench.system, OWNER, record.id, step, answer)


def test_an_answer_to_a_job_that_is_erased_meanwhile_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench()
    record = waiting(bench, publishes)
    store = bench.jobs.store_once

    def once_it_is_erased(*fact: Any) -> str:
        control.cancel(bench.system, OWNER, record.id)
        erase(bench.system, OWNER, record.id)
        return store(*fact)

    monkeypatch.setattr(bench.jobs, "store_once", once_it_is_erased)
    with pytest.raises(NotFound, match="deleted meanwhile"):
        answered(bench, record, YES)


def test_the_same_answer_again_is_taken_and_another_is_refused() -> None:
    bench = Bench()
    record = waiting(bench, publishes)
    answered(bench, record, YES)
    answered(bench, record, YES)
    with pytest.raises(AlreadyAnswered, match="has another answer"):
        answered(bench, record, NO)
    assert delivered(bench, record).status is Status.SUCCEEDED
    answered(bench, record, YES)


def test_a_repeated_answer_wakes_a_job_that_the_first_left_asleep() -> None:
    """The first request died between its write and its look."""
    bench = Bench()
    record = waiting(bench, publishes)
    before = dict(bench.jobs.records)
    answered(bench, record, YES)
    bench.jobs.records.update(before)
    answered(bench, record, YES)
    assert bench.jobs.records[record.id].wait_reason == "backlog"


def test_an_answer_that_does_not_fit_its_type_is_refused_where_it_does_not() -> None:
    bench = Bench()
    record = waiting(bench, publishes)
    with pytest.raises(InvalidRequest) as refused:
        answered(bench, record, {"approved": "yes"})
    assert [field.pointer for field in refused.value.errors] == ["/approved"]
    answered(bench, record, YES)


def test_an_answer_to_what_is_not_asked_finds_nothing() -> None:
    bench = Bench()
    record = waiting(bench, publishes)
    with pytest.raises(NotFound):
        answered(bench, record, YES, step="pay")
    with pytest.raises(NotFound):
        answers.answer(bench.system, "another", record.id, "publish", YES)


def test_a_question_that_is_closed_takes_no_answer() -> None:
    bench = Bench()
    bench.run(asking(publishes), {})
    [record] = bench.jobs.records.values()
    with pytest.raises(AlreadyAnswered, match="not answered in time"):
        answered(bench, record, YES)


def test_a_finished_job_takes_no_answer() -> None:
    bench = Bench()
    record = waiting(bench, publishes)
    control.cancel(bench.system, OWNER, record.id)
    with pytest.raises(JobFinished):
        answered(bench, record, YES)


def test_a_url_answers_its_question_without_credentials() -> None:
    third = Third()
    third.answers(YES)
    assert delivered(third.bench, third.record).status is Status.SUCCEEDED


def test_every_run_gives_the_same_url() -> None:
    third = Third()
    third.answers(YES)
    delivered(third.bench, third.record)
    assert third.urls == [third.urls[0]] * 2


def test_a_damaged_url_reads_nothing() -> None:
    third = Third()
    system = replace(third.bench.system, jobs=None)
    for damaged in ("", "x", third.sealed[:-1], third.sealed + "A", third.sealed.swapcase()):
        with pytest.raises(NotFound):
            answers.answer_sealed(system, damaged, YES)


def test_a_url_that_expired_takes_no_answer() -> None:
    third = Third(timeout=60)
    third.bench.clock.time += HOUR
    with pytest.raises(NotFound):
        third.answers(YES)


def test_a_url_answers_no_later_job_with_the_same_id() -> None:
    third = Third()
    control.cancel(third.bench.system, OWNER, third.record.id)
    erase(third.bench.system, OWNER, third.record.id)
    with pytest.raises(NotFound):
        third.answers(YES)
    again = submitted(third.bench, third.bench.tasks["work"])
    third.bench.jobs.records[third.record.id] = replace(again, id=third.record.id)
    with pytest.raises(NotFound):
        third.answers(YES)


def test_a_task_that_asks_the_same_again_fails_where_it_would_never_end() -> None:
    def work(job: Job) -> None:
        while not publishes(job):
            pass

    bench = Bench()
    bench.answer("publish", {"approved": False})
    done = bench.run(asking(work), {})
    assert done.error is not None
    assert "'publish' is reached twice" in done.error.detail


def test_an_answer_that_comes_after_its_time_is_refused_and_closes_the_question() -> None:
    """Before the look that is due then. The job must not get it either."""
    bench = Bench()
    record = waiting(bench, publishes)
    bench.clock.time += HOUR
    for _ in range(2):
        with pytest.raises(AlreadyAnswered, match="not answered in time"):
            answered(bench, record, YES)
    after = delivered(bench, delivered(bench, record))  # the first message wakes it
    assert after.error is not None
    assert after.error.type == "/problems/unanswered"


@pytest.mark.parametrize("step", ["", "publish\x1f0", "x" * 2_000, "Publish", "\ud800"])
def test_what_cannot_name_a_step_is_not_looked_for(step: str) -> None:
    bench = Bench()
    record = waiting(bench, publishes)
    with pytest.raises(NotFound):
        answered(bench, record, YES, step=step)


def test_an_answer_names_only_uploads_that_exist() -> None:
    bench = Bench()
    there, gone = bench.upload(b"x"), f"upload:{'0' * 32}"

    def work(job: Job) -> int:
        picture: str = job.ask("picture", prompt="Which?", timeout=60)
        with job.open(picture) as source:
            return len(source.read())

    record = delivered(bench, submitted(bench, task("work", asks={"picture": Upload})(work)))
    with pytest.raises(InvalidRequest) as refused:
        answered(bench, record, gone, "picture")
    assert [field.pointer for field in refused.value.errors] == [""]
    answered(bench, record, there, "picture")
    assert delivered(bench, record).status is Status.SUCCEEDED


def test_a_late_look_does_not_wake_a_job_that_waits_for_something_else_by_now() -> None:
    bench = Bench()

    def work(job: Job) -> None:
        for step in ("publish", "print"):
            job.ask(step, prompt="", timeout=3_600)

    asking_twice = task("work", asks={"publish": bool, "print": bool})(work)
    at_first = delivered(bench, submitted(bench, asking_twice))
    answered(bench, at_first, True)
    by_now = delivered(bench, at_first)
    assert by_now.suspended
    look(bench.system, at_first)
    assert bench.jobs.records[at_first.id] == by_now


def test_a_question_that_its_job_has_closed_takes_no_answer_by_a_clock_that_is_behind() -> None:
    bench = Bench()

    def work(job: Job) -> None:
        with suppress(Unanswered):
            publishes(job)
        job.sleep("nap", 600)

    record = waiting(bench, work)
    bench.clock.time += HOUR
    after = delivered(bench, delivered(bench, record))  # the first message wakes it
    assert after.wait_reason == "sleep"
    bench.clock.time -= MINUTE
    with pytest.raises(AlreadyAnswered):
        answered(bench, record, YES)
