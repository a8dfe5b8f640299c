"""Where schedules are stored. Every call may raise `Unavailable`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chalicelib.domain.schedules import Build, ScheduleRecord


class ScheduleStore(Protocol):
    """Schedules are due with the jobs (`JobStore.due`). All reads are consistent."""

    def read(self, owner: str, name: str) -> ScheduleRecord | None:
        """For the API and workers. The sweeper may only `read_many`."""

    def read_many(self, ids: Sequence[str]) -> list[ScheduleRecord]:
        """Those that exist, in no particular order."""

    def owned(self, owner: str, after: str | None, limit: int) -> list[ScheduleRecord]:
        """The first `limit` schedules of an owner with a name greater than `after`, by name."""

    def replace(self, before: ScheduleRecord | None, after: ScheduleRecord) -> bool:
        """Store `after` in place of `before` (None: of nothing). Changes nothing and returns False
        if something else is stored by now."""

    def delete(self, record: ScheduleRecord) -> bool:
        """Changes nothing and returns False if something else is stored by now."""

    def build(self) -> Build:
        """The build whose declared schedules were stored last. A process reads it once: later
        calls return what it read or wrote itself."""

    def store_build(self, build: Build) -> None: ...
