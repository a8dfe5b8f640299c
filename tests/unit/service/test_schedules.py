"""What clients do with a schedule, and when it counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain import schedules
from chalicelib.domain.errors import InvalidRequest, NotFound, ScheduleChanged, ScheduleDeclared
from chalicelib.domain.job import HOUR, Status
from chalicelib.domain.transitions import Stamp
from chalicelib.service.schedules import SCHEDULES_AT_MOST, Schedules
from chalicelib.tasks import Job, task
from chalicelib.testing import OWNER, Bench
from tests.unit.service.scheduling import (
    EVERY_MINUTE,
    HALF_PAST,
    at,
    bench,
    delivered,
    jobs,
    moments,
    plan,
    put,
    racing,
    stored,
    swept,
)

__all__ = ["bench"]  # a fixture


# ── edits ─────────────────────────────────────────────────────────────────────────────────


def test_an_edit_counts_from_the_next_moment_on(bench: Bench) -> None:
    put(bench)
    swept(bench, at(8, 29))
    put(bench, "45 * * * *")
    swept(bench, at(8, 44))
    swept(bench, at(9, 44))
    assert moments(bench) == [at(8, 30), at(8, 45), at(9, 45)]


def test_a_moment_that_is_due_outlives_an_edit(bench: Bench) -> None:
    """A sweeper may be submitting it."""
    put(bench)
    bench.clock.time = at(8, 29)
    put(bench, "45 * * * *")
    swept(bench, at(8, 29, 10))
    swept(bench, at(8, 44))
    assert moments(bench) == [at(8, 30), at(8, 45)]


def test_the_same_again_changes_nothing(bench: Bench) -> None:
    before = put(bench)
    bench.clock.time += HOUR
    assert put(bench) == before


@pytest.mark.parametrize("stop", ["pause", "delete"])
def test_pausing_and_deleting_cancel_the_job_that_waits(bench: Bench, stop: str) -> None:
    put(bench)
    swept(bench, at(8, 29))
    _stop(bench, stop)
    [job] = jobs(bench)
    assert job.status is Status.CANCELED
    swept(bench, at(11, 0))
    assert len(jobs(bench)) == 1


def _stop(bench: Bench, how: str) -> None:
    if how == "pause":
        put(bench, paused=True)
    else:
        Schedules(bench.system).delete(OWNER, "mine", lambda _: True)


@pytest.mark.parametrize("stop", ["pause", "delete"])
@pytest.mark.parametrize("dies", [False, True])
@pytest.mark.parametrize("hour", [8, 11])
def test_a_job_that_is_submitted_while_its_schedule_stops_does_not_run(
    bench: Bench, stop: str, dies: bool, hour: int
) -> None:
    """Whichever comes second sees the other; where the sweeper dies before it looks, the claim."""
    store, _ = racing(bench), put(bench)

    def stopped() -> None:
        waiting = dict(bench.jobs.records)
        bench.jobs.records.clear()  # as if submitted after the look of whoever stopped it
        _stop(bench, stop)
        bench.jobs.records.update(waiting)
        if dies:
            raise KeyboardInterrupt

    store.meanwhile = stopped
    try:
        swept(bench, at(hour, 29))  # at 11, it makes up for the latest of three
    except KeyboardInterrupt:
        bench.clock.time = at(hour, 30)
        [job] = jobs(bench)
        assert job.status is Status.QUEUED
        delivered(bench, job)
    [job] = jobs(bench)
    assert job.status is Status.CANCELED
    if dies:
        assert job.error is not None
        assert job.error.type == "/problems/schedule-stopped"


def test_pausing_leaves_a_job_that_has_started(bench: Bench) -> None:
    put(bench)
    swept(bench, at(8, 29))
    bench.clock.time = at(8, 30)
    [job] = jobs(bench)
    states = []

    def runs(job: Job) -> None:
        put(bench, paused=True)
        states.append(bench.jobs.records[job.id].cancel_requested)

    bench.tasks["nightly"] = task("nightly")(runs)
    assert delivered(bench, job).status is Status.SUCCEEDED
    assert states == [False]


def test_a_paused_schedule_goes_on_with_the_next_moment(bench: Bench) -> None:
    put(bench, paused=True)
    assert stored(bench).coming(5) == []
    bench.clock.time = at(11, 0)
    put(bench)
    assert stored(bench).coming(1) == [at(11, 30)]
    assert stored(bench).missed == 0


def test_a_schedule_that_is_resumed_at_once_does_not_repeat_its_moment(bench: Bench) -> None:
    put(bench)
    swept(bench, at(8, 29))
    put(bench, paused=True)
    put(bench)
    swept(bench, at(8, 29, 30))
    assert [job.status for job in jobs(bench)] == [Status.CANCELED]
    assert stored(bench).coming(1) == [at(9, 30)]


def test_a_schedule_of_the_same_name_is_another_one(bench: Bench) -> None:
    put(bench)
    swept(bench, at(8, 29))
    _stop(bench, "delete")
    put(bench)
    swept(bench, at(8, 29, 30))
    assert [job.status for job in jobs(bench)] == [Status.CANCELED, Status.QUEUED]


# ── what is refused ───────────────────────────────────────────────────────────────────────


def test_a_client_cannot_change_what_the_code_declares(bench: Bench) -> None:
    put(bench)
    record = replace(stored(bench), declared=True)
    bench.jobs.schedules[record.id] = record
    with pytest.raises(ScheduleDeclared):
        put(bench, EVERY_MINUTE)
    with pytest.raises(ScheduleDeclared):
        _stop(bench, "delete")
    assert stored(bench) == record


def test_an_edit_of_an_older_state_is_refused(bench: Bench) -> None:
    put(bench)
    with pytest.raises(ScheduleChanged):
        Schedules(bench.system).put(OWNER, "mine", plan(EVERY_MINUTE), lambda one: one is None)
    assert stored(bench).cron == HALF_PAST


def test_an_owner_has_a_bounded_number_of_schedules(bench: Bench) -> None:
    one = put(bench)
    for number in range(SCHEDULES_AT_MOST - 1):
        other = replace(one, name=f"other-{number}")
        bench.jobs.schedules[other.id] = other
    with pytest.raises(InvalidRequest, match="500"):
        Schedules(bench.system).put(OWNER, "new", plan(), lambda _: True)
    put(bench, EVERY_MINUTE)  # an edit is none more


def test_another_owners_schedule_is_not_found(bench: Bench) -> None:
    put(bench)
    with pytest.raises(NotFound):
        Schedules(bench.system).get("eve", "mine")


def test_the_id_of_a_job_cannot_be_told_from_what_clients_see(bench: Bench) -> None:
    first = schedules.created(OWNER, "mine", plan(), Stamp(0, "a"))
    other = schedules.created(OWNER, "mine", plan(), Stamp(0, "b"))
    assert first.job_id(1) != other.job_id(1)
    assert first.job_id(1) != first.job_id(2)
