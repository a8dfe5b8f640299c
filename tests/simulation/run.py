"""Run a scenario to its end, and find a shorter one that fails alike."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType

from chalicelib.domain import children, transitions
from chalicelib.domain.job import DAY, HOUR, TERMINAL
from chalicelib.service import erase, ledgers, maps, push, sweeper
from tests.simulation import clients, planners
from tests.simulation.faults import Scenario
from tests.simulation.promises import Violation, require
from tests.simulation.scheduler import Fiber
from tests.simulation.world import FAULTS_FOR, World

STEPS_AT_MOST = 20_000
REST_WITHIN = 28 * HOUR  # of virtual time after the last fault; a webhook may be a day off
Trace = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    scenario: Scenario
    steps: int
    violation: str | None = None

    @property
    def promise(self) -> str:
        """The name of what was broken."""
        return (self.violation or "").partition(":")[0]


def simulate(scenario: Scenario, trace: Trace | None = None) -> Outcome:
    with _quiet_and_short():
        return _simulate(World(scenario, trace))


@contextmanager
def _quiet_and_short() -> Iterator[None]:
    """No logs, histories so short that they are always being cut, erasures that take many visits,
    backlogs of two, maps in portions of two, and all the time that there is for pushes: a step may
    take seconds here, and they would be given up."""
    short: list[tuple[ModuleType, str, int]] = [
        (transitions, "HISTORY_HEAD", 2),
        (transitions, "HISTORY_TAIL", 3),
        (erase, "WEBHOOKS_A_VISIT", 1),
        (erase, "OBJECTS_A_VISIT", 2),
        (erase, "ITEMS_A_VISIT", 2),
        (sweeper, "FIRST", 1),
        (children, "PORTION", 2),
        (maps, "TEN", 1),
        (maps, "AT_ONCE", 2),
        (maps, "CHUNK", 2),
        (ledgers, "LOOKED_AT", 5),
        (erase, "CHILDREN_A_VISIT", 1),
        (push, "CHANGE_AT_MOST", DAY),
    ]
    before = [(module, name, getattr(module, name)) for module, name, _ in short]
    for module, name, value in short:
        setattr(module, name, value)
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        for module, name, value in before:
            setattr(module, name, value)


def _simulate(world: World) -> Outcome:
    scenario = world.scenario
    try:
        clients.start(world)
        planners.start(world)
        _run_to_rest(world)
        world.watch.at_the_end(world.jobs.records, world.payloads.objects)
        world.families.at_the_end()
        if scenario.rate == 0:
            world.audience.at_the_end()
        if scenario.undisturbed:
            for record in world.jobs.records.values():
                at_once_and_whole = record.run_at is None and record.time_limit > DAY
                if at_once_and_whole and not record.internal:
                    world.watch.undisturbed(record)
    except Violation as violation:
        return Outcome(scenario, world.scheduler.steps, str(violation))
    finally:
        for process in list(world.scheduler.processes):
            process.dead = True
            world.scheduler.bury(process)
    return Outcome(scenario, world.scheduler.steps)


def shrink(failed: Outcome) -> Outcome:
    """The smallest scenario found that breaks the same promise."""
    for smaller in failed.scenario.smaller():
        outcome = simulate(smaller)
        if outcome.promise == failed.promise and outcome.violation:
            return shrink(outcome)
    return failed


def _run_to_rest(world: World) -> None:
    scheduler = world.scheduler
    must_rest_by: int | None = None
    while not _at_rest(world):
        require(scheduler.steps < STEPS_AT_MOST, "everything comes to rest", "too many steps")
        if not world.faults_stopped and scheduler.steps >= FAULTS_FOR:
            world.faults_stopped, world.faults_stopped_at = True, scheduler.time
            scheduler.note("faults stop")
        if world.faults_stopped and must_rest_by is None:
            must_rest_by = scheduler.time + REST_WITHIN
        if must_rest_by is not None and scheduler.time > must_rest_by:
            return  # what is not at rest yet, the last check names
        planners.close(world)
        _happen(world)


def _at_rest(world: World) -> bool:
    erased = (record.status in TERMINAL for record in world.jobs.records.values())
    waiting = world.scheduler.processes or world.messages or world.jobs.schedules
    return not waiting and all(erased)


def _happen(world: World) -> None:
    """One thing of all that may happen now; if none may, time goes on to the next."""
    scheduler = world.scheduler
    scheduler.kill_overtime()
    world.expire_records()
    busy = sum(process.name.startswith("worker") for process in scheduler.processes)
    visible = [message for message in world.messages if message.visible_at <= scheduler.time]
    things: list[Callable[[], None]] = [_advancing(world, fiber) for fiber in scheduler.ready()]
    if busy < world.scenario.workers:
        things += [lambda message=message: world.deliver(message) for message in visible[:3]]  # type: ignore[misc]
    if world.next_sweep <= scheduler.time:
        things.append(world.sweep)
    if things:
        world.random.choice(things)()
        return
    times = [world.next_sweep, *(message.visible_at for message in world.messages)]
    if (event := scheduler.next_event()) is not None:
        times.append(event)
    scheduler.time = max(
        scheduler.time + 1, min(time for time in times if time > scheduler.time - 1)
    )


def _advancing(world: World, fiber: Fiber) -> Callable[[], None]:
    return lambda: world.scheduler.advance(fiber)
