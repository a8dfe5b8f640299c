"""The schedules in memory. They share the due index with the jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from chalicelib.domain.schedules import Build, ScheduleRecord, schedule_id
from chalicelib.memory.stores import MemoryJobs


@dataclass
class MemorySchedules:
    """Implements ports.ScheduleStore; the records are in `jobs.schedules`."""

    jobs: MemoryJobs = field(default_factory=MemoryJobs)
    stored: Build = field(default_factory=Build)

    def read(self, owner: str, name: str) -> ScheduleRecord | None:
        return self.jobs.schedules.get(schedule_id(owner, name))

    def read_many(self, ids: Sequence[str]) -> list[ScheduleRecord]:
        return [self.jobs.schedules[one] for one in ids if one in self.jobs.schedules]

    def owned(self, owner: str, after: str | None, limit: int) -> list[ScheduleRecord]:
        mine = [one for one in self.jobs.schedules.values() if one.owner == owner]
        mine.sort(key=lambda one: one.name)
        return [one for one in mine if after is None or one.name > after][:limit]

    def replace(self, before: ScheduleRecord | None, after: ScheduleRecord) -> bool:
        if self._is_stored(before, after.id):
            self.jobs.schedules[after.id] = after
        return self._is_stored(after, after.id)

    def delete(self, record: ScheduleRecord) -> bool:
        if not self._is_stored(record, record.id):
            return record.id not in self.jobs.schedules
        del self.jobs.schedules[record.id]
        return True

    def _is_stored(self, record: ScheduleRecord | None, id: str) -> bool:
        current = self.jobs.schedules.get(id)
        return (current and current.nonce) == (record and record.nonce)

    def build(self) -> Build:
        return self.stored

    def store_build(self, build: Build) -> None:
        self.stored = build
