"""A parent that stores its children goes on where it stopped."""

from __future__ import annotations

import pytest

from chalicelib.domain import children
from chalicelib.domain.errors import InvocationEnding
from chalicelib.domain.handle import Job
from chalicelib.domain.job import JobRecord
from chalicelib.service import maps
from chalicelib.service.run import Run
from chalicelib.testing import Bench
from tests.unit.service.mapping import of_kind, page, pages, tried


def test_a_crash_anywhere_leaves_one_child_for_each_item(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps, "CHUNK", 4)
    monkeypatch.setattr(maps, "AT_ONCE", 2)
    for crash in range(1, 12):
        bench = Bench(tasks=[page])
        done = tried(lambda job: len(job.map("pages", page, pages(9))), bench, crash_after=crash)
        assert done.result == 9
        assert len(of_kind(bench, "page")) == 9


def test_a_parent_whose_invocation_ends_while_it_submits_goes_on_from_its_cursor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(maps, "CHUNK", 4)
    monkeypatch.setattr(maps, "AT_ONCE", 2)
    bench = Bench(tasks=[page])
    done = tried(lambda job: len(job.map("pages", page, pages(40))), bench, end_invocations_after=8)
    assert (done.result, done.attempts) == (40, 1)
    [book] = of_kind(bench, "book")
    assert "continue" in [entry.verb for entry in book.history]
    assert len(of_kind(bench, "page")) == 40


def test_a_run_after_a_crash_reads_children_that_exist_and_submits_only_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(maps, "AT_ONCE", 2)
    bench, submitted = Bench(tasks=[page]), list[int]()
    submit_job = bench.jobs.submit

    def submitting(record: JobRecord) -> None:
        submitted.extend([record.parent.index] if record.parent else [])
        submit_job(record)
        if submitted == [*range(6)]:
            raise OSError("The worker dies here.")

    monkeypatch.setattr(bench.jobs, "submit", submitting)
    assert tried(lambda job: len(job.map("pages", page, pages(9))), bench).result == 9
    assert submitted == [*range(9)]


def test_an_invocation_that_ends_while_it_stores_children_notes_them_before_it_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(maps, "AT_ONCE", 2)
    bench, began = Bench(tasks=[page]), list[int]()
    submit_job = bench.jobs.submit

    def book(job: Job) -> int:
        assert isinstance(job, Run)
        known = children.map_of(job.record, "pages")
        began.append(known.stored if known else 0)

        def submitting(record: JobRecord) -> None:
            submit_job(record)
            if record.parent is not None and record.parent.index in (2, 5):
                job.interrupts.interrupt(InvocationEnding("The time of this invocation is up."))

        monkeypatch.setattr(bench.jobs, "submit", submitting)
        return len(job.map("pages", page, pages(8)))

    assert tried(book, bench).result == 8
    assert began == [0, 4, 6, 8]
