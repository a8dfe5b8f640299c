"""Clients with schedules: they set, edit, pause, resume and delete them."""

from __future__ import annotations

import contextlib

from msgspec.structs import replace

from chalicelib.domain.errors import ClientError, Unavailable
from chalicelib.domain.job import MINUTE, SECOND
from chalicelib.domain.schedules import Overlap, Plan
from chalicelib.domain.values import encode
from chalicelib.service.schedules import Schedules
from tests.simulation.clockwork import PERIODS
from tests.simulation.world import OWNER, World

PLANS = ("r", "wr", "wwwr", "wwwwwwwwwwr", "wxr", "wX")
CLOSING = "closing"


def start(world: World) -> None:
    for number in range(world.scenario.schedules):
        _planner(world, f"schedule-{number}")


def _planner(world: World, name: str) -> None:
    """It keeps the overlap that it began with."""
    process, random = world.process(f"planner-{name}"), world.random
    schedules = Schedules(world.system(process))
    plan = Plan(
        cron=random.choice([*PERIODS]),
        timezone="UTC",
        task="script",
        params=encode({"plan": random.choice(PLANS)}),
        overlap=random.choice([*Overlap]),
    )

    def put(changed: Plan) -> None:
        with contextlib.suppress(ClientError, Unavailable):
            schedules.put(OWNER, name, changed, lambda _: True)

    def live() -> None:
        put(plan)
        for _ in range(2 * world.scenario.actions):
            world.scheduler.sleep_until(
                world.scheduler.time + random.choice((1, 20, 60, 100, 200)) * SECOND
            )
            act = random.choice(("edit", "edit", "pause", "resume", "delete"))
            world.scheduler.note(f"{act} {name}")
            match act:
                case "edit":
                    put(replace(plan, cron=random.choice([*PERIODS])))
                case "pause":
                    put(replace(plan, paused=True))
                case "resume":
                    put(plan)
                case _:
                    with contextlib.suppress(ClientError, Unavailable):
                        schedules.delete(OWNER, name, lambda _: True)

    world.scheduler.start(process, live)


def close(world: World) -> None:
    """Once nothing goes wrong any more, whoever is left of the clients deletes what is left."""
    names = [process.name for process in world.scheduler.processes]
    at_work = any(name.startswith(("planner", CLOSING)) for name in names)
    if not world.faults_stopped or at_work or not world.jobs.schedules:
        return
    process = world.process(CLOSING)
    schedules = Schedules(world.system(process))

    def live() -> None:
        world.scheduler.sleep_until(world.scheduler.time + 4 * MINUTE)
        for record in list(world.jobs.schedules.values()):
            world.clockwork.in_time(record)
            schedules.delete(record.owner, record.name, lambda _: True)

    world.scheduler.start(process, live)
