"""A schedule on the Bench, its sweeps and its jobs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.domain.job import HOUR, MINUTE, SECOND, Hint, JobRecord
from chalicelib.domain.schedules import Overlap, Plan, ScheduleRecord
from chalicelib.domain.values import encode
from chalicelib.memory.schedules import MemorySchedules
from chalicelib.service.schedules import Schedules
from chalicelib.service.sweeper import sweep
from chalicelib.service.worker import process_messages
from chalicelib.tasks import Job, task
from chalicelib.testing import OWNER, Bench

HALF_PAST = "30 * * * *"
EVERY_MINUTE = "* * * * *"


@task("nightly", max_attempts=2)
def nightly(job: Job) -> None:
    pass


@pytest.fixture
def bench() -> Bench:
    """At 2027-01-15T08:00:00Z."""
    bench = Bench()
    bench.tasks[nightly.name] = nightly
    return bench


def at(hour: int, minute: int, second: int = 0, day: int = 15) -> int:
    moment = datetime(2027, 1, day, hour, minute, second, tzinfo=UTC)
    return round(moment.timestamp()) * SECOND


def plan(cron: str = HALF_PAST, **fields: Any) -> Plan:
    values: dict[str, Any] = {
        "cron": cron,
        "timezone": "UTC",
        "task": "nightly",
        "params": "{}",
        "overlap": Overlap.SKIP,
    }
    return Plan(**{**values, **fields})


def put(bench: Bench, cron: str = HALF_PAST, **fields: Any) -> ScheduleRecord:
    found, _ = Schedules(bench.system).put(OWNER, "mine", plan(cron, **fields), lambda _: True)
    return found


def stored(bench: Bench, name: str = "mine") -> ScheduleRecord:
    found = bench.system.schedules.read(OWNER, name)
    assert found is not None
    return found


def swept(bench: Bench, now: int) -> dict[str, int]:
    bench.clock.time = now
    return dict(sweep(bench.system, now + MINUTE))


def jobs(bench: Bench) -> list[JobRecord]:
    return sorted(bench.jobs.records.values(), key=lambda one: one.run_at or 0)


def moments(bench: Bench) -> list[int | None]:
    return [one.run_at for one in jobs(bench)]


def delivered(bench: Bench, record: JobRecord) -> JobRecord:
    bench._steps.begin_invocation()
    hint = encode(Hint(record.id, record.generation))
    process_messages(bench.system, [hint], bench.clock.time + HOUR)
    return bench.jobs.records[record.id]


class Racing(MemorySchedules):
    """`meanwhile` happens just before a write."""

    meanwhile: Callable[[], Any] | None = None

    def replace(self, before: ScheduleRecord | None, after: ScheduleRecord) -> bool:
        if (happens := self.meanwhile) is not None:
            self.meanwhile = None
            happens()
        return super().replace(before, after)


def racing(bench: Bench) -> Racing:
    store = Racing(bench.jobs)
    bench.system = replace(bench.system, schedules=store)
    return store
