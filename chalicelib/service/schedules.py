"""What clients do with their schedules: show, set, pause and delete them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from chalicelib.domain import cron, schedules
from chalicelib.domain.errors import (
    FieldError,
    InvalidRequest,
    NotFound,
    ScheduleChanged,
    ScheduleDeclared,
    Unavailable,
    refuse_any,
)
from chalicelib.domain.schedules import (
    NAME,
    NAME_RULE,
    NOT_VALID,
    PARAMS_AT_MOST,
    Plan,
    ScheduleRecord,
)
from chalicelib.domain.values import decode_json, encode
from chalicelib.ports.system import System
from chalicelib.service.submit import Submission, check, task_named
from chalicelib.service.transition import DECISIONS_AT_MOST, stamp

SCHEDULES_AT_MOST = 500  # of one owner

Unchanged = Callable[[ScheduleRecord | None], bool]
"""Whether a schedule is still as the client saw it."""


class Schedules(msgspec.Struct, frozen=True):
    """An owner's schedules, for the routes."""

    system: System

    def get(self, owner: str, name: str) -> ScheduleRecord:
        record = self.system.schedules.read(owner, name) if NAME.fullmatch(name) else None
        if record is None:
            raise NotFound("There is no such schedule.")
        return record

    def page(
        self, owner: str, after: str | None, limit: int
    ) -> tuple[list[ScheduleRecord], str | None]:
        """By name, and the position where the next page begins."""
        found = self.system.schedules.owned(owner, after, limit + 1)
        page = found[:limit]
        return page, page[-1].name if len(found) > limit else None

    def put(
        self, owner: str, name: str, plan: Plan, unchanged: Unchanged, base: str | None = None
    ) -> tuple[ScheduleRecord, bool]:
        """Create or edit a schedule; also returns whether it is new. `base` is what the API's URLs
        begin with. Raises InvalidRequest, ScheduleChanged and ScheduleDeclared."""
        system = self.system
        if not NAME.fullmatch(name):
            raise InvalidRequest(f"{name!r} cannot name a schedule: {NAME_RULE}.")
        given = {"cron": plan.cron, "timezone": plan.timezone, "task": plan.task}
        refuse_any(NOT_VALID, self.faults(owner, {**given, "params": decode_json(plan.params)}))
        for _ in range(DECISIONS_AT_MOST):
            before = system.schedules.read(owner, name)
            # An edit that is repeated because its answer was lost has been made: RFC 9110, 13.1.1.
            _refuse(before, lambda one: unchanged(one) or (one is not None and one.plan == plan))
            if before is None:
                self._check_number(owner)
                after = replace(schedules.created(owner, name, plan, stamp(system)), base=base)
            elif before.plan == plan:
                after = before
            else:
                after = replace(schedules.edited(before, plan, stamp(system)), base=base)
            if after is before or system.schedules.replace(before, after):
                return after, before is None
        raise Unavailable("The schedule changes too fast for this request: try again.")

    def delete(self, owner: str, name: str, unchanged: Unchanged) -> None:
        """Raises ScheduleChanged and ScheduleDeclared."""
        for _ in range(DECISIONS_AT_MOST):
            record = self.get(owner, name)
            _refuse(record, unchanged)
            if self.system.schedules.delete(record):
                return
        raise Unavailable("The schedule changes too fast for this request: try again.")

    def faults(self, owner: str, given: Mapping[str, Any]) -> Iterator[FieldError]:
        """What is wrong with these members of a plan. Each has its type; any may be missing."""
        yield from cron.faults(given.get("cron"), given.get("timezone", "UTC"))
        params = given.get("params", {})
        text = encode(params)
        if (size := len(text.encode())) > PARAMS_AT_MOST:
            yield FieldError(
                "/params",
                f"The params have {size:,} bytes; a schedule's may have {PARAMS_AT_MOST:,}.",
            )
        if "task" in given:
            try:
                task = task_named(self.system, given["task"])
                asked = Submission(owner=owner, task=task.name, params=params)
                check(self.system, asked, task, text)
            except InvalidRequest as error:
                yield from error.errors or (FieldError("/params", error.detail),)

    def _check_number(self, owner: str) -> None:
        if len(self.system.schedules.owned(owner, None, SCHEDULES_AT_MOST)) == SCHEDULES_AT_MOST:
            raise InvalidRequest(
                f"You have {SCHEDULES_AT_MOST} schedules, which is the most. Delete one first."
            )


def _refuse(record: ScheduleRecord | None, unchanged: Unchanged) -> None:
    if record is not None and record.declared:
        raise ScheduleDeclared(
            f"The code declares this schedule, with the task {record.task}: change it there."
        )
    if not unchanged(record):
        raise ScheduleChanged("The schedule is not in the state that If-Match names: read it.")
