"""Lists: whatever the filters and the size of pages, each job that fits is shown once."""

from __future__ import annotations

import random
from unittest.mock import Mock

import pytest
from msgspec.structs import replace

from chalicelib.domain.job import Status
from chalicelib.service import read
from chalicelib.testing import Bench
from tests.records import NOW, failed, queued, running, succeeded


@pytest.mark.parametrize("seed", range(100))
def test_pages_together_show_every_job_that_fits_once_newest_first(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(read, "READ_AT_ONCE", chance.randint(1, 12))
    monkeypatch.setattr(read, "EXAMINED_AT_MOST", chance.randint(1, 30))
    bench = Bench()
    bench.clock.time = NOW + 10
    for _ in range(chance.randint(0, 60)):
        kind = chance.choice((queued, running, succeeded, failed))
        job = kind(task=chance.choice(("echo", "big")), created_at=NOW + chance.randint(0, 9))
        if chance.random() < 0.2:
            job = replace(job, expires_at=NOW)  # gone for everybody, though still stored
        bench.jobs.records[job.id] = job
    status, task = chance.choice((None, *Status)), chance.choice((None, "echo", "big"))
    newest_first = sorted(bench.jobs.records.values(), key=lambda job: job.position, reverse=True)
    fits = [
        job.id
        for job in newest_first
        if job.visible(bench.clock.time)
        if status in (None, job.status) and task in (None, job.task)
    ]
    shown, before, limit = list[str](), None, chance.randint(1, 10)
    while True:
        page = read.list_jobs(
            bench.system, "ada", status=status, task=task, limit=limit, before=before
        )
        assert len(page.jobs) <= limit
        shown += [job.id for job in page.jobs]
        if (before := page.next) is None:
            break
    assert shown == fits


@pytest.mark.parametrize("limit", [1, 20, 100])
def test_a_filtered_page_costs_five_rounds_at_most_however_small_it_is(
    limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round is one query and one read of what it found: test_call_counts has that."""
    bench = Bench()
    for _ in range(510):
        bench.jobs.submit(queued(bench.clock.time))
    owned, read_many = Mock(wraps=bench.jobs.owned), Mock(wraps=bench.jobs.read_many)
    monkeypatch.setattr(bench.jobs, "owned", owned)
    monkeypatch.setattr(bench.jobs, "read_many", read_many)
    page = read.list_jobs(
        bench.system, "ada", status=Status.FAILED, task=None, limit=limit, before=None
    )
    assert page.jobs == []
    assert page.next
    assert owned.call_count == read_many.call_count == 5
    assert {len(call.args[0]) for call in read_many.call_args_list} == {100}
