"""Schedules that tasks declare: stored by the first sweep of a build, and removed by the first
sweep of a build without them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.job import HOUR, MINUTE, Status
from chalicelib.domain.schedules import Build, Overlap, Plan, Schedule, ScheduleRecord
from chalicelib.memory.schedules import MemorySchedules
from chalicelib.service.schedules import Schedules
from chalicelib.service.sweeper import sweep
from chalicelib.tasks import Job, task
from chalicelib.testing import Bench
from tests.lines import lines
from tests.unit.service.scheduling import delivered, jobs


@dataclass
class Params:
    rows: int = 1


NIGHTLY = Schedule("30 2 * * *", timezone="Europe/Berlin", params={"rows": 7}, owner="reports")


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.system = replace(bench.system, rules=replace(bench.system.rules, schedule_owner=None))
    return bench


def deploy(bench: Bench, *schedules: Schedule, name: str = "report") -> None:
    """A new build, with processes of its own."""

    def report(job: Job, params: Params) -> None:
        pass

    bench.tasks[name] = task(name, schedules=schedules)(report)
    sweep(bench.system, bench.clock.time + MINUTE)


def stored(bench: Bench) -> dict[str, ScheduleRecord]:
    return {one.name: one for one in bench.jobs.schedules.values()}


def test_the_first_sweep_of_a_build_stores_what_it_declares(bench: Bench) -> None:
    other = Schedule("0 * * * *", owner="reports", name="hourly", overlap="allow")
    deploy(bench, NIGHTLY, Schedule("0 6 * * *", owner="reports"), other)
    found = stored(bench)
    assert sorted(found) == ["hourly", "report", "report-2"]
    assert found["report"].plan == Plan(
        cron="30 2 * * *",
        timezone="Europe/Berlin",
        task="report",
        params='{"rows":7}',
        overlap=Overlap.SKIP,
        declared=True,
    )
    assert found["report"].owner == "reports"
    assert found["hourly"].overlap is Overlap.ALLOW


def test_a_build_that_declares_something_else_changes_and_removes(bench: Bench) -> None:
    deploy(bench, NIGHTLY, Schedule("0 6 * * *", owner="reports"))
    before = stored(bench)["report"]
    deploy(bench, replace(NIGHTLY, cron="45 2 * * *"))
    assert list(stored(bench)) == ["report"]
    after = stored(bench)["report"]
    assert (after.uid, after.cron) == (before.uid, "45 2 * * *")


def test_a_build_without_schedules_removes_them_and_their_jobs_do_not_start(bench: Bench) -> None:
    deploy(bench, Schedule("* * * * *", owner="reports"))
    sweep(bench.system, bench.clock.time + MINUTE)
    deploy(bench)
    assert stored(bench) == {}
    bench.clock.time += 2 * MINUTE
    ends = {delivered(bench, job).status for job in jobs(bench)}
    assert ends == {Status.CANCELED}


def test_what_was_stored_and_is_declared_again_stays_as_it_is(bench: Bench) -> None:
    deploy(bench, NIGHTLY)
    before = stored(bench)
    bench.clock.time += HOUR
    deploy(bench, NIGHTLY, Schedule("0 6 * * *", owner="reports"))
    assert stored(bench)["report"] == before["report"]


def test_a_schedule_of_a_client_is_no_builds_to_remove(bench: Bench) -> None:
    deploy(bench, NIGHTLY)
    plan = replace(stored(bench)["report"].plan, declared=False)
    Schedules(bench.system).put("reports", "own", plan, lambda _: True)
    deploy(bench)
    assert list(stored(bench)) == ["own"]


def test_a_sweep_of_the_same_build_writes_nothing(bench: Bench) -> None:
    deploy(bench, NIGHTLY)
    store = bench.system.schedules

    class ReadOnly(MemorySchedules):
        def replace(self, before: ScheduleRecord | None, after: ScheduleRecord) -> bool:
            raise AssertionError("written")

        def store_build(self, build: Build) -> None:
            raise AssertionError("written")

    bench.system = replace(bench.system, schedules=ReadOnly(bench.jobs, store.build()))
    with lines() as logged:
        sweep(bench.system, bench.clock.time + MINUTE)
    assert "schedules_not_declared" not in str(logged)


def test_a_stage_without_declared_schedules_writes_nothing(bench: Bench) -> None:
    deploy(bench)
    assert bench.system.schedules.build() == Build()


@pytest.mark.parametrize("write", range(1, 6))
def test_a_build_that_was_cut_off_leaves_nothing_behind(bench: Bench, write: int) -> None:
    """Whatever the build after it declares."""
    left = write

    class Dying(MemorySchedules):
        def _write(self) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise Unavailable("The store is away.")

        def replace(self, before: ScheduleRecord | None, after: ScheduleRecord) -> bool:
            self._write()
            return super().replace(before, after)

        def delete(self, record: ScheduleRecord) -> bool:
            self._write()
            return super().delete(record)

        def store_build(self, build: Build) -> None:
            self._write()
            super().store_build(build)

    deploy(bench, NIGHTLY)
    healthy = bench.system
    dying = Dying(bench.jobs, healthy.schedules.build())
    bench.system = replace(healthy, schedules=dying)
    deploy(bench, Schedule("0 6 * * *", owner="reports", name="second"))
    bench.system = replace(healthy, schedules=MemorySchedules(bench.jobs, dying.build()))
    deploy(bench, Schedule("0 7 * * *", owner="reports", name="third"))
    assert list(stored(bench)) == ["third"]


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        (replace(NIGHTLY, owner=None), "needs an owner"),
        (replace(NIGHTLY, cron="30 25 * * *"), "'25' is not valid as the hour"),
        (replace(NIGHTLY, timezone="Europe/Berln"), "Did you mean Europe/Berlin"),
        (replace(NIGHTLY, params={"rows": "x"}), "/params/rows"),
        (replace(NIGHTLY, params={"rows": float("nan")}), "not JSON"),
        (replace(NIGHTLY, params={"rows": object()}), "not JSON"),
        (replace(NIGHTLY, params={"x" * 5_000: 1}), "over 4,096 bytes"),
        (replace(NIGHTLY, name="No Name"), "cannot be its name"),
        (
            replace(NIGHTLY, overlap="maybe"),
            "overlap is 'maybe'",
        ),
    ],
)
def test_a_schedule_that_cannot_be_used_is_logged_and_the_others_are_stored(
    bench: Bench, schedule: Any, said: str
) -> None:
    with lines() as logged:
        deploy(bench, schedule, Schedule("0 6 * * *", owner="reports", name="good"))
    assert list(stored(bench)) == ["good"]
    [refused] = [line for line in logged if line["event"] == "schedule_refused"]
    assert said in refused["text"]
    assert "the task 'report'" in refused["text"]


def test_two_schedules_of_one_name_are_refused(bench: Bench) -> None:
    with lines() as logged:
        deploy(bench, NIGHTLY, replace(NIGHTLY, name="report"))
    assert stored(bench) == {}
    assert "Another schedule of this owner has the name" in str(logged)


def test_a_stage_without_credentials_has_an_owner_for_schedules_that_name_none() -> None:
    bench = Bench()
    bench.system = replace(bench.system, rules=replace(bench.system.rules, schedule_owner="local"))
    deploy(bench, replace(NIGHTLY, owner=None))
    assert stored(bench)["report"].owner == "local"


def test_a_task_that_declares_something_else_than_schedules_says_what_to_write() -> None:
    with pytest.raises(TypeError, match=r"write Schedule\('30 2 \* \* \*'\)"):
        task("report", schedules=["30 2 * * *"])  # type: ignore[list-item]
