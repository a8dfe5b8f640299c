"""Schedules: stored beside the jobs, due with them, each write on the state that it was decided
on."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.domain.job import DAY, HOUR, DuePartition
from chalicelib.domain.schedules import Build, Overlap, ScheduleRecord
from chalicelib.domain.transitions import DISPATCH_AHEAD
from chalicelib.ports.schedules import ScheduleStore
from tests.contract.conftest import Stores
from tests.records import NOW, new_id, running


def schedule(name: str = "nightly", owner: str = "ada", **fields: Any) -> ScheduleRecord:
    uid = new_id()
    values: dict[str, Any] = {
        "owner": owner,
        "name": name,
        "uid": uid,
        "nonce": uid,
        "version": uid,
        "created_at": NOW,
        "updated_at": NOW,
        "cron": "30 2 * * *",
        "timezone": "Europe/Berlin",
        "task": "echo",
        "params": '{"text":"é"}',
        "overlap": Overlap.SKIP,
        "next_at": NOW + HOUR,
    }
    return ScheduleRecord(**{**values, **fields})


def written(before: ScheduleRecord, **changes: Any) -> ScheduleRecord:
    return replace(before, nonce=new_id(), **changes)


@pytest.fixture
def schedules(stores: Stores) -> ScheduleStore:
    return stores.schedules()


def test_a_schedule_is_read_as_it_was_stored(schedules: ScheduleStore) -> None:
    bare = schedule("bare", next_at=None)
    whole = schedule(
        paused=True,
        declared=True,
        overlap=Overlap.ALLOW,
        last_at=NOW,
        last_job=new_id(),
        under_way=new_id(),
        missed=3,
        base="https://jobs.example",
    )
    for one in (bare, whole):
        assert schedules.replace(None, one)
        assert schedules.read(one.owner, one.name) == one
    assert schedules.read("ada", "other") is None
    found = schedules.read_many([bare.id, whole.id, schedule("gone").id])
    assert sorted(found, key=lambda one: one.name) == [bare, whole]


def test_a_schedule_is_stored_in_place_of_what_was_read_only(schedules: ScheduleStore) -> None:
    first = schedule()
    assert not schedules.replace(schedule(), first)
    assert schedules.read("ada", "nightly") is None
    assert schedules.replace(None, first)
    assert not schedules.replace(None, schedule())
    second = written(first, missed=1)
    assert schedules.replace(first, second)
    assert not schedules.replace(first, written(first, missed=2))
    assert schedules.read("ada", "nightly") == second


def test_a_write_that_the_sdk_repeats_has_succeeded(schedules: ScheduleStore) -> None:
    first = schedule()
    second = written(first, missed=1)
    for _ in range(2):
        assert schedules.replace(None, first)
    for _ in range(2):
        assert schedules.replace(first, second)
    for _ in range(2):
        assert schedules.delete(second)


def test_a_schedule_is_deleted_in_the_state_that_was_read_only(schedules: ScheduleStore) -> None:
    first = schedule()
    second = written(first)
    schedules.replace(None, first)
    schedules.replace(first, second)
    assert not schedules.delete(first)
    assert schedules.read("ada", "nightly") == second
    assert schedules.delete(second)
    assert schedules.read("ada", "nightly") is None


def test_an_owners_schedules_come_by_name(schedules: ScheduleStore) -> None:
    names = ["0", "a", "a-1", "a.2", "b_3", "zz"]
    for name in names:
        schedules.replace(None, schedule(name))
    schedules.replace(None, schedule("a-other", owner="ada#1"))
    schedules.replace(None, schedule("a-other", owner="eve"))
    assert [one.name for one in schedules.owned("ada", None, 100)] == names
    assert [one.name for one in schedules.owned("ada", "a-1", 2)] == ["a.2", "b_3"]
    assert [one.name for one in schedules.owned("ada", "zz", 2)] == []


def test_a_schedule_is_due_ahead_of_its_moment_among_the_musts(stores: Stores) -> None:
    schedules = stores.schedules()
    odd = schedule("odd", owner="https://issuer.example|#1")
    job = running()
    stores.jobs.submit(job)
    for one in (schedule(), odd, schedule("paused", next_at=None)):
        schedules.replace(None, one)

    def due(partition: DuePartition, now: int) -> list[str]:
        return list(stores.jobs.due(partition, now))

    ahead = NOW + HOUR - DISPATCH_AHEAD
    assert due(DuePartition.MUST, ahead - 1) == [job.id]
    assert due(DuePartition.MUST, ahead)[0] == job.id, "its lease ended first"
    assert set(due(DuePartition.MUST, ahead)) == {job.id, schedule().id, odd.id}
    assert schedules.read_many([odd.id]) == [odd]
    assert due(DuePartition.REMIND, NOW + DAY) == due(DuePartition.ERASE, NOW + DAY) == []


def test_a_schedule_that_moves_on_is_due_later(stores: Stores) -> None:
    schedules, first = stores.schedules(), schedule()
    schedules.replace(None, first)
    later = written(first, next_at=NOW + 2 * HOUR)
    schedules.replace(first, later)
    assert list(stores.jobs.due(DuePartition.MUST, NOW + HOUR)) == []
    assert list(stores.jobs.due(DuePartition.MUST, NOW + 2 * HOUR)) == [first.id]
    schedules.replace(later, written(later, next_at=None))
    assert list(stores.jobs.due(DuePartition.MUST, NOW + DAY)) == []


def test_the_build_is_the_one_that_was_stored_last(stores: Stores) -> None:
    assert stores.schedules().build() == Build()
    first, second = Build("first", ("schedule#ada#nightly",)), Build("second", ())
    one, other = stores.schedules(), stores.schedules()
    one.store_build(first)
    assert one.build() == first
    assert stores.schedules().build() == first
    other.store_build(second)
    assert other.build() == second
    assert stores.schedules().build() == second


def test_a_process_reads_the_build_once(tables: Stores) -> None:
    """So a process of the build before does not undo what a new build has stored."""
    old = tables.schedules()
    assert old.build() == Build()
    tables.schedules().store_build(Build("new"))
    assert old.build() == Build()
