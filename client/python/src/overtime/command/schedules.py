"""`overtime schedules`: list, show, set, pause, resume and delete them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from cyclopts import App, Parameter

from overtime.command import screen
from overtime.command.params import find_task, params_of
from overtime.command.work import DONE, NOT_ASKED, Common, sure
from overtime.models import Schedule
from overtime.schedules import Overlap

schedules = App(name="schedules", help="Schedules, which submit jobs by the clock.")
COMMON = Common()


@schedules.default
def list_schedules(*, common: Common = COMMON) -> int:
    """List your schedules, by name."""
    with common.client() as client:
        found = client.schedules.all()
    if common.json:
        screen.show_json(found)
    else:
        rows = ((one.name, one.task, one.cron, one.timezone, _next(one)) for one in found)
        screen.show_table(("SCHEDULE", "TASK", "CRON", "ZONE", "NEXT"), rows)
    return DONE


@schedules.command
def show(name: str, /, *, common: Common = COMMON) -> int:
    """Show a schedule, with its next moments and its latest job."""
    with common.client() as client:
        return _show(client.schedules.get(name), common)


@schedules.command(name="set")
def set_schedule(
    name: str,
    cron: str,
    task: str,
    /,
    *,
    zone: str = "UTC",
    overlap: Overlap = "skip",
    param: Annotated[tuple[str, ...], Parameter(name=["--param", "-p"])] = (),
    params: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    common: Common = COMMON,
) -> int:
    """Create a schedule, or replace it: overtime schedules set nightly "30 2 * * *" report

    Parameters
    ----------
    zone
        Of the clock, such as Europe/Berlin.
    overlap
        skip cancels a job whose predecessor still runs; allow runs both.
    param
        NAME=VALUE, typed by the task's schema; lists by repeating or commas; NAME:=JSON.
    params
        A file with all params as a JSON object; - for standard input.
    """
    with common.client() as client:
        found = find_task(client.tasks(), task)
        given = params_of(found, params, param, {})
        one = client.schedules.put(name, cron, task, given, timezone=zone, overlap=overlap)
        return _show(one, common)


@schedules.command
def pause(name: str, /, *, common: Common = COMMON) -> int:
    """Stop a schedule: no job of it starts until it is resumed."""
    with common.client() as client:
        return _show(client.schedules.pause(name), common)


@schedules.command
def resume(name: str, /, *, common: Common = COMMON) -> int:
    """Let a paused schedule go on. If its next moment is still to come, nothing is lost."""
    with common.client() as client:
        return _show(client.schedules.resume(name), common)


@schedules.command
def delete(name: str, /, *, yes: bool = False, common: Common = COMMON) -> int:
    """Delete a schedule. A job of it that has not started will not start. Its other jobs stay.

    Parameters
    ----------
    yes
        Do not ask.
    """
    if not sure(f"Delete the schedule {name}?", "delete the schedule", yes=yes):
        return NOT_ASKED
    with common.client() as client:
        client.schedules.delete(name)
    common.live.done(f"the schedule {name} is deleted.")
    return DONE


def _next(one: Schedule) -> str:
    return "paused" if one.paused else _local(one.next[0]) if one.next else "never"


def _local(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M %Z")


def _show(one: Schedule, common: Common) -> int:
    if common.json:
        screen.show_json(one)
        return DONE
    facts = {
        "schedule": one.name + (", declared by code" if one.declared else ""),
        "task": one.task,
        "cron": f"{one.cron} ({one.timezone})",
        "params": screen.json_text(one.params),
        "overlap": one.overlap,
        "next": "paused" if one.paused else ", ".join(map(_local, one.next)) or "never",
        "last job": one.last_job or "none yet",
        "missed": str(one.missed),
    }
    screen.show_facts(facts.items())
    return DONE
