"""The schedules that tasks declare in code: what they are called, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from chalicelib.domain import cron
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.params import decode
from chalicelib.domain.schedules import (
    NAME,
    NAME_RULE,
    PARAMS_AT_MOST,
    Overlap,
    Plan,
    Schedule,
)
from chalicelib.domain.task import Task
from chalicelib.domain.values import decode_json, encode, strict_json

Key = tuple[str, str]
"""The owner and the name of a schedule."""
Declared = tuple[Key, Task, Schedule]


def declared(tasks: Iterable[Task], default_owner: str | None) -> Iterator[Declared]:
    """`default_owner` is for schedules that name none; None if they are mistakes."""
    for task in tasks:
        for number, schedule in enumerate(task.schedules, 1):
            name = schedule.name or (task.name if number == 1 else f"{task.name}-{number}")
            yield (schedule.owner or default_owner or "", name), task, schedule


def mistakes(found: Iterable[Declared]) -> Mapping[Key, str]:
    """A sentence for each schedule that cannot be stored."""
    wrong: dict[Key, str] = {}
    seen: set[Key] = set()
    for key, task, schedule in found:
        said = [*_mistakes(key, task, schedule)]
        if key in seen:
            said.append("Another schedule of this owner has the name.")
        seen.add(key)
        if said:
            place = f"The schedule {key[1]!r} of the task {task.name!r}"
            wrong[key] = f"{place} cannot be used: {' '.join(said)}"
    return wrong


def _mistakes(key: Key, task: Task, schedule: Schedule) -> Iterator[str]:
    owner, name = key
    if not owner:
        yield "It needs an owner, since callers of this stage need credentials: owner='…'."
    if not NAME.fullmatch(name):
        yield f"{name!r} cannot be its name: {NAME_RULE}."
    if schedule.overlap not in tuple(Overlap):
        yield f"overlap is {schedule.overlap!r}; it must be 'skip' or 'allow'."
    for fault in cron.faults(str(schedule.cron), str(schedule.timezone)):
        yield fault.detail
    try:
        text = strict_json(dict(schedule.params or {}))
        if len(text.encode()) > PARAMS_AT_MOST:
            yield f"Its params are over {PARAMS_AT_MOST:,} bytes."
        decode(task.params_type, decode_json(text))
    except InvalidRequest as error:
        yield " ".join([error.detail, *(f"{one.pointer}: {one.detail}" for one in error.errors)])
    except (TypeError, ValueError) as error:
        yield f"Its params are not JSON: {error}."


def plan(task: Task, schedule: Schedule) -> Plan:
    return Plan(
        cron=schedule.cron,
        timezone=schedule.timezone,
        task=task.name,
        params=encode(dict(schedule.params or {})),
        overlap=Overlap(schedule.overlap),
        declared=True,
    )
