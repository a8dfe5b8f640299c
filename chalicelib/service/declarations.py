"""Store the schedules that the code declares: once for each build, by its first sweep."""

from __future__ import annotations

import hashlib
import logging

from chalicelib.domain import schedules
from chalicelib.domain.declared import Declared, declared, mistakes, plan
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.schedules import Build, Plan, ScheduleRecord, schedule_id
from chalicelib.ports.system import System
from chalicelib.service.transition import DECISIONS_AT_MOST, stamp

logger = logging.getLogger(__name__)

UNFINISHED = "unfinished"


def store_declared(system: System) -> None:
    """Bring the stored schedules in line with the code. A process whose build was the last to do
    so, or that has done it, only compares two texts.

    A build that was cut off here leaves its marker unfinished, with the ids of both builds, so that
    the next one finds every schedule that the code no longer declares.
    """
    found = _declared(system)
    text = repr([(key, task.name, schedule) for key, task, schedule in found])
    build = hashlib.sha256(text.encode()).hexdigest() if found else ""
    stored = system.schedules.build()
    if stored.hash == build:
        return
    wrong = mistakes(found)
    for sentence in wrong.values():
        logger.error("schedule_refused", extra={"text": sentence})
    plans = {key: plan(task, schedule) for key, task, schedule in found if key not in wrong}
    ids = {schedule_id(*key) for key in plans}
    system.schedules.store_build(Build(UNFINISHED, tuple(sorted(ids.union(stored.ids)))))
    for (owner, name), wanted in plans.items():
        _store(system, owner, name, wanted)
    for record in system.schedules.read_many(sorted(set(stored.ids) - ids)):
        _remove(system, record)
    system.schedules.store_build(Build(build, tuple(sorted(ids))))
    logger.info("schedules_declared", extra={"text": ", ".join(sorted(ids))})


def refused(system: System) -> list[str]:
    """A sentence for each declared schedule that cannot be used on this stage."""
    return list(mistakes(_declared(system)).values())


def _declared(system: System) -> list[Declared]:
    return list(declared(system.tasks().values(), system.rules.schedule_owner))


def _store(system: System, owner: str, name: str, wanted: Plan) -> None:
    """It replaces a client's schedule of the same name."""
    for _ in range(DECISIONS_AT_MOST):
        before = next(iter(system.schedules.read_many([schedule_id(owner, name)])), None)
        if before is not None and before.plan == wanted:
            return
        after = (
            schedules.created(owner, name, wanted, stamp(system))
            if before is None
            else schedules.edited(before, wanted, stamp(system))
        )
        if system.schedules.replace(before, after):
            return
    raise Unavailable(f"The schedule {name} changes too fast.")


def _remove(system: System, record: ScheduleRecord | None) -> None:
    while record is not None and record.declared:
        if system.schedules.delete(record):
            return
        record = next(iter(system.schedules.read_many([record.id])), None)
