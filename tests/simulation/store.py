"""The job store of a scenario, which tells every write to those that check the promises."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from chalicelib.domain.children import Ledger
from chalicelib.domain.errors import ConditionFailed
from chalicelib.domain.events import LogLine
from chalicelib.domain.job import DuePartition, JobRecord, Status
from chalicelib.domain.schedules import Build, ScheduleRecord
from chalicelib.domain.writes import Write
from tests.simulation.scheduler import Process

if TYPE_CHECKING:
    from tests.simulation.world import World


class Jobs:
    """Implements ports.JobStore over the memory's, every call a step of the scheduler."""

    def __init__(self, world: World, process: Process) -> None:
        self._world, self._process, self._jobs = world, process, world.jobs

    def submit(self, record: JobRecord) -> None:
        def effect() -> None:
            existed = self._jobs.records.get(record.id)
            self._jobs.submit(record)
            self._world.watch.submitted(existed, record)
            if existed is None:
                self._world.families.submitted(record)
                self._world.clockwork.submitted(record, self._process)

        self._world.call(f"jobs.submit {record.id[-4:]}", effect)

    def apply(self, job_id: str, write: Write) -> JobRecord:
        def effect() -> JobRecord:
            before = self._jobs.records.get(job_id)
            try:
                after = self._jobs.apply(job_id, write)
            except ConditionFailed as failed:
                self._world.watch.refused(write, failed.current)
                raise
            if before is not None and after is not before:
                for companion in write.companions:
                    self._world.watch.submitted(None, companion.record)
                self._world.watch.written(before, write, after, self._process)
                self._world.families.written(before, write, after, self._process)
                self._world.clockwork.written(before, write, after)
                self._world.questions.written(before, write, after)
                self._world.audience.written(before, after)
                self._world.overtake(self._process, after.id)
                self._world.watch.told(before, after, self._jobs.records)
            return after

        others = "".join(f" and jobs.submit {one.record.id[-4:]}" for one in write.companions)
        name = f"jobs.{write.verb} {job_id[-4:]}{others}"
        return self._world.call(name, effect, writes=job_id)

    def read(self, job_id: str) -> JobRecord | None:
        return self._world.call(f"jobs.read {job_id[-4:]}", lambda: self._jobs.read(job_id))

    def read_many(self, job_ids: Sequence[str]) -> list[JobRecord]:
        return self._world.call("jobs.read_many", lambda: self._jobs.read_many(job_ids))

    def owned(self, owner: str, before: str | None, limit: int) -> list[tuple[str, str]]:
        return self._world.call("jobs.owned", lambda: self._jobs.owned(owner, before, limit))

    def due(self, urgency: DuePartition, now: int) -> Iterator[str]:
        def effect() -> list[str]:
            if self._world.strikes("stale_index", 0.3):
                ids = [
                    *self._jobs.records,
                    *self._jobs.schedules,
                ]  # some that are not due, and some that are gone
                self._world.random.shuffle(ids)
                return ids[: self._world.random.randrange(len(ids) + 1)]
            return list(self._jobs.due(urgency, now))

        return iter(self._world.call(f"jobs.due {urgency}", effect))

    def once(self, record: JobRecord, step: str, expires_at: int) -> str | None:
        return self._world.call(
            f"jobs.once {step}", lambda: self._jobs.once(record, step, expires_at)
        )

    def store_once(self, record: JobRecord, step: str, result: str, expires_at: int) -> str:
        def effect() -> str:
            stored = self._jobs.store_once(record, step, result, expires_at)
            current = self._jobs.records.get(record.id)
            self._world.watch.step_stored(record, step, stored, current)
            self._world.questions.stored(record, step)
            return stored

        return self._world.call(f"jobs.store_once {step}", effect, writes=record.id)

    def log(self, record: JobRecord, lines: Sequence[LogLine], expires_at: int) -> None:
        self._world.call("jobs.log", lambda: self._jobs.log(record, lines, expires_at))

    def lines(self, record: JobRecord, after: str, limit: int) -> list[LogLine]:
        return self._world.call("jobs.lines", lambda: self._jobs.lines(record, after, limit))

    def delete(self, record: JobRecord, at_most: int) -> bool:
        def effect() -> bool:
            before = self._jobs.records.get(record.id)
            finished = self._jobs.delete(record, at_most)
            if before is not None and record.id not in self._jobs.records:
                self._world.watch.forgotten(before, self._jobs)
                self._world.families.forgotten(before)
            return finished

        return self._world.call(f"jobs.delete {record.id[-4:]}", effect)


class Ledgers:
    """Implements ports.Ledgers likewise."""

    def __init__(self, world: World) -> None:
        self._world, self._ledgers = world, world.ledgers

    def add(
        self,
        name: str,
        ended: Mapping[Status, Collection[int]],
        expires_at: int,
        size: int | None = None,
    ) -> Ledger:
        return self._world.call(
            f"ledgers.add {name[-4:]}", lambda: self._ledgers.add(name, ended, expires_at, size)
        )

    def read(self, names: Sequence[str]) -> list[Ledger]:
        return self._world.call("ledgers.read", lambda: self._ledgers.read(names))

    def delete(self, names: Sequence[str]) -> None:
        def effect() -> None:
            self._world.families.ledgers_deleted.update(names)
            self._ledgers.delete(names)

        self._world.call("ledgers.delete", effect)


class Schedules:
    """Implements ports.ScheduleStore over the memory's, every call a step of the scheduler."""

    def __init__(self, world: World, process: Process) -> None:
        self._world, self._process, self._schedules = world, process, world.schedules

    def read(self, owner: str, name: str) -> ScheduleRecord | None:
        return self._world.call(f"schedules.read {name}", lambda: self._schedules.read(owner, name))

    def read_many(self, ids: Sequence[str]) -> list[ScheduleRecord]:
        return self._world.call("schedules.read_many", lambda: self._schedules.read_many(ids))

    def owned(self, owner: str, after: str | None, limit: int) -> list[ScheduleRecord]:
        return self._world.call(
            "schedules.owned", lambda: self._schedules.owned(owner, after, limit)
        )

    def replace(self, before: ScheduleRecord | None, after: ScheduleRecord) -> bool:
        def effect() -> bool:
            stored = self._schedules.read(after.owner, after.name)
            replaced = self._schedules.replace(before, after)
            if replaced and (stored is None or stored.nonce != after.nonce):
                self._world.clockwork.replaced(stored, after)
                self._world.overtake(self._process, after.id)
            return replaced

        return self._world.call(f"schedules.replace {after.name}", effect, writes=after.id)

    def delete(self, record: ScheduleRecord) -> bool:
        def effect() -> bool:
            deleted = self._schedules.delete(record)
            if deleted:
                self._world.overtake(self._process, record.id)
            return deleted

        return self._world.call(f"schedules.delete {record.name}", effect, writes=record.id)

    def build(self) -> Build:
        return self._schedules.build()  # a process reads it once

    def store_build(self, build: Build) -> None:
        self._world.call("schedules.store_build", lambda: self._schedules.store_build(build))
