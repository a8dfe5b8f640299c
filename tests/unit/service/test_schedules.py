"""What clients do with a schedule, and when it counts."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chalicelib.domain import schedules, verbs
from chalicelib.domain.errors import InvalidRequest, NotFound, ScheduleChanged, ScheduleDeclared
from chalicelib.domain.job import HOUR, MINUTE, Status, WaitReason
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
def test_a_job_whose_schedule_is_paused_or_deleted_does_not_start(bench: Bench, stop: str) -> None:
    put(bench)
    swept(bench, at(8, 29))
    _stop(bench, stop)
    bench.clock.time = at(8, 30)
    [job] = jobs(bench)
    done = delivered(bench, job)
    assert done.status is Status.CANCELED
    assert done.error is not None
    assert done.error.type == "/problems/schedule-stopped"
    swept(bench, at(11, 0))
    assert len(jobs(bench)) == 1


def _stop(bench: Bench, how: str) -> None:
    if how == "pause":
        put(bench, paused=True)
    else:
        Schedules(bench.system).delete(OWNER, "mine", lambda _: True)


@pytest.mark.parametrize("stop", ["pause", "delete"])
@pytest.mark.parametrize("hour", [8, 11])
def test_a_job_that_is_submitted_while_its_schedule_stops_does_not_run(
    bench: Bench, stop: str, hour: int
) -> None:
    store, _ = racing(bench), put(bench)
    store.meanwhile = lambda: _stop(bench, stop)
    swept(bench, at(hour, 29))  # at 11, it makes up for the latest of three
    bench.clock.time = at(hour, 30)
    [job] = jobs(bench)
    assert delivered(bench, job).status is Status.CANCELED


def test_a_job_does_not_start_under_a_pause_also_if_a_worker_died_as_it_took_it(
    bench: Bench,
) -> None:
    put(bench)
    swept(bench, at(8, 29))
    put(bench, paused=True)
    bench.clock.time = at(8, 30)
    [job] = jobs(bench)
    bench.system.jobs.apply(job.id, verbs.claim(0, "dead", bench.clock.time + MINUTE, at(8, 30)))
    swept(bench, at(8, 32))
    rescued = bench.jobs.records[job.id]
    assert rescued.wait_reason is WaitReason.RESCUED
    assert delivered(bench, rescued).status is Status.CANCELED


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
    bench.clock.time = at(11, 0)
    put(bench)
    assert stored(bench).coming(1, at(11, 0)) == [at(11, 30)]
    assert stored(bench).missed == 0


@pytest.mark.parametrize("submitted", [True, False])
def test_a_schedule_that_is_resumed_before_a_moment_loses_nothing(
    bench: Bench, submitted: bool
) -> None:
    put(bench)
    swept(bench, at(8, 29) if submitted else at(8, 28))
    put(bench, paused=True)
    swept(bench, at(8, 29, 20))
    put(bench)
    swept(bench, at(8, 29, 30))
    assert moments(bench) == [at(8, 30)]
    assert stored(bench).next_at == at(9, 30)
    bench.clock.time = at(8, 30)
    [job] = jobs(bench)
    assert delivered(bench, job).status is Status.SUCCEEDED


def test_the_next_moments_are_shown_until_they_come(bench: Bench) -> None:
    """Also once their jobs are submitted, and if an edit does not change these any more."""
    put(bench, EVERY_MINUTE)
    swept(bench, at(8, 0, 30))
    assert moments(bench) == [at(8, 1), at(8, 2)]
    expected = [at(8, minute) for minute in range(1, 6)]
    assert stored(bench).coming(5, at(8, 0, 59)) == expected
    assert stored(bench).coming(5, at(8, 1)) == [*expected[1:], at(8, 6)]
    bench.clock.time = at(8, 1)
    put(bench)
    assert stored(bench).coming(3, at(8, 1)) == [at(8, 2), at(8, 30), at(9, 30)]
    put(bench, paused=True)
    assert stored(bench).coming(3, at(8, 1)) == []


def test_moments_that_are_made_up_for_are_not_shown_as_next(bench: Bench) -> None:
    put(bench)
    assert stored(bench).coming(1, at(11, 0)) == [at(11, 30)]


def test_a_schedule_of_the_same_name_is_another_one(bench: Bench) -> None:
    put(bench)
    swept(bench, at(8, 29))
    _stop(bench, "delete")
    put(bench)
    swept(bench, at(8, 29, 30))
    bench.clock.time = at(8, 30)
    ends = [delivered(bench, job).status for job in jobs(bench)]
    assert sorted(ends) == [Status.CANCELED, Status.SUCCEEDED]


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
