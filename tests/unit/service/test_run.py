"""Whatever a task gives its job can be stored and read again, or is refused in the task itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pydantic
import pytest

from chalicelib.domain.handle import Job
from chalicelib.domain.job import Progress
from chalicelib.domain.response import HttpResponse
from chalicelib.domain.task import task
from chalicelib.testing import Bench, Done
from tests.unit.harness import ended

FILE = "r\udce9sum\udce9.csv"  # a name that is not UTF-8, as os.listdir() gives it


@pytest.mark.parametrize(
    ("fraction", "percent"),
    [(math.nan, 0.0), (-math.inf, 0.0), (math.inf, 100.0), (-1, 0.0), (2, 100.0), (1 / 3, 33.3)],
)
def test_progress_is_a_percentage_whatever_the_fraction(fraction: float, percent: float) -> None:
    def divided_by_nothing(job: Job) -> None:
        job.progress(fraction, "Reading")
        raise ValueError("not at 100 % for having succeeded")

    record = ended(divided_by_nothing)
    assert (record.status, record.progress) == ("queued", Progress(percent, "Reading"))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda job: job.progress("half"), "job.progress: "),
        (lambda job: job.progress(0.5, 7), "job.progress: "),
        (lambda job: job.log(None), "job.log: "),
        (lambda job: job.attach("../a", b""), "job.attach: '../a' cannot name an artifact"),
        (lambda job: job.attach(7, b""), "job.attach: "),
        (lambda job: job.attach("a", None), "job.attach: a cannot be stored"),
        (lambda job: job.attach("a", b"", "text\n"), "is not a content type"),
        (lambda job: job.once("", dict), "job.once: '' cannot name a step"),
        (lambda job: job.once("step", 7), "job.once: 7 is not a function"),
        (lambda job: job.open(None), "job.open: source is NoneType; it must be str"),
        (lambda job: job.open("upload:" + "0" * 32, -1), "job.open: start is -1"),
        (lambda job: job.request("GET", b"http://"), "job.request: url is bytes; it must be str"),
        (lambda job: job.request("GET", "http://a", body="x"), "job.request: body is str"),
    ],
)
def test_a_wrong_argument_fails_at_once_without_further_attempts(
    call: Callable[[Job], Any], said: str
) -> None:
    record = ended(call)
    assert (record.status, record.attempt) == ("failed", 1)
    assert record.error is not None
    assert said in record.error.detail


def test_an_error_of_a_steps_own_function_is_worth_another_attempt() -> None:
    record = ended(lambda job: job.once("step", int, "x"))
    assert record.status == "queued"


# ── texts that UTF-8 cannot carry ──


def test_a_file_name_that_is_not_utf8_can_be_logged_and_shown() -> None:
    def reading(job: Job) -> None:
        job.log(f"Reading {FILE}")
        job.progress(0.5, f"Reading {FILE}")

    bench = Bench()
    record = ended(reading, bench)
    assert record.progress == Progress(100.0, "Reading r?sum?.csv")
    assert [line.message for line in bench.jobs.lines(record, "", 9)] == ["Reading r?sum?.csv"]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda job: job.checkpoint({"file": FILE}), "checkpoint is not JSON"),
        (lambda job: job.checkpoint({FILE: 1}), "checkpoint is not JSON"),
        (lambda job: job.checkpoint(object()), "checkpoint is not JSON"),
        (lambda job: job.once(FILE, dict), "cannot name a step"),
        (lambda job: job.once("read", lambda: FILE), "result of step 'read' is not JSON"),
        (lambda job: job.attach(FILE, b""), "cannot name an artifact"),
        (lambda job: job.attach("a.csv", FILE), "surrogates not allowed"),
        (lambda job: job.attach("a.csv", b"", FILE), "is not a content type"),
        (lambda job: job.attach("a.csv", b"", "text/csv\n"), "is not a content type"),
    ],
)
def test_text_that_must_be_exact_fails_in_the_task_and_nothing_else_is_lost(
    call: Callable[[Job], Any], said: str
) -> None:
    def work(job: Job) -> None:
        job.attach("kept.txt", "kept")
        job.checkpoint("kept")
        call(job)

    record = ended(work)
    assert record.error is not None
    assert said in record.error.detail
    assert [one.name for one in record.artifacts] == ["kept.txt"]
    assert record.checkpoint is not None
    assert record.checkpoint.text == '"kept"'


class Best(pydantic.BaseModel):
    best: float


@dataclass
class Bound:
    low: float


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (math.inf, "inf (as the whole value)"),
        ({"best": math.inf, "none": None}, "inf (at /best)"),
        ({"a/b": [1.0, {"c": -math.inf}]}, "-inf (at /a~1b/1/c)"),
        ({1: (None, math.nan)}, "nan (at /1/1)"),
        ([Best(best=math.nan)], "nan (at /0/best)"),
        ({"bound": Bound(math.inf)}, "inf (at /bound/low)"),
    ],
)
def test_an_infinity_or_nan_is_refused_at_the_call(value: Any, where: str) -> None:
    """It would come back as null."""
    for hand_over in (
        lambda job: job.checkpoint(value),
        lambda job: job.once("step", lambda: value),
        lambda job: value,
    ):
        record = ended(hand_over)
        assert record.status == "failed"
        assert record.error is not None
        assert where in record.error.detail


def test_null_is_not_taken_for_an_infinity() -> None:
    record = ended(lambda job: {"none": [None, 1e308]})
    assert record.status == "succeeded"


@pytest.mark.parametrize("result", ["漢" * 150_000, "r\udce9", object()], ids=["big", "text", "x"])
def test_a_step_whose_result_cannot_be_stored_does_not_run_again(result: Any) -> None:
    taken = []

    def charge() -> Any:
        taken.append(1)
        return result

    def work(job: Job) -> None:
        job.once("charge", charge)

    assert ended(work).status == "failed"
    assert taken == [1]


# ── sources ──


@task("reads")
def reads(job: Job) -> int:
    with job.open("https://example.com/a.csv") as source:
        return len(source.readall())


def opened(*answers: HttpResponse) -> tuple[Done, float]:
    """And after how many seconds."""
    bench = Bench()
    for answer in answers:
        bench.answers("GET", "https://example.com/a.csv", answer)
    before = bench.clock.now()
    return bench.run(reads, {}), (bench.clock.now() - before) / 1_000


@pytest.mark.parametrize("status", [429, 503])
def test_a_source_is_opened_again_when_its_host_says_and_not_before(status: int) -> None:
    busy = HttpResponse(status, {"retry-after": "1800"}, b"")
    done, seconds = opened(busy, HttpResponse(200, {}, b"abc"))
    assert (done.result, done.attempts) == (3, 2)
    assert 1_800 <= seconds < 1_860


def test_a_source_without_such_a_time_is_opened_again_by_the_backoff() -> None:
    done, seconds = opened(HttpResponse(503, {}, b""), HttpResponse(200, {}, b"abc"))
    assert (done.result, done.attempts) == (3, 2)
    assert seconds < 60


def test_a_source_that_does_not_exist_is_opened_once() -> None:
    done, _ = opened(HttpResponse(404, {"retry-after": "1"}, b""))
    assert (done.status, done.attempts) == ("failed", 1)
