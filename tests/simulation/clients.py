"""What jobs do, and what clients do to them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from chalicelib.domain.errors import ClientError, PermanentError, RetryLater, Unavailable
from chalicelib.domain.handle import Job
from chalicelib.domain.job import HOUR, MINUTE, SECOND, TERMINAL, JobRecord, Status, Webhook
from chalicelib.domain.task import Task, task
from chalicelib.ports.system import System
from chalicelib.service import control, read
from chalicelib.service.erase import erase
from chalicelib.service.submit import Submission, submit
from tests.simulation.promises import require
from tests.simulation.questions import STEPS, step_of
from tests.simulation.world import OWNER, World

WEBHOOK = Webhook("https://receiver.test/", tuple(sorted(TERMINAL)), "https://overtime.test")
PLANS = (  # what a task does, a letter a step: see `_act`
    "r",
    "wr",
    "wpwr",
    "ocwocwr",
    "wcwcwcwcwcwcwcwcwcwcr",
    "oowor",
    "apwaplr",
    "aCr",
    "aCaCwr",
    "acwacwxaCwr",
    "apaCLacwr",
    "wxr",
    "owXr",
    "wwwwwwwwX",
    "wLr",
    "wLLLr",
    "xxxxxx",
    "Bwr",
    "w" * 12 + "r",
    "owowowowowowr",
    "wcwcwcwcwcwcwcwcwcwcwcwcwcwcr",
    *("sr", "qr", "wswqr", "uqr", "uwqsr", "qqr", "uqxuqr", "csqcr", "owqoqX"),
    *("mr", "wmwr", "mX", "cmcmr", "Mr", "wMlwr", "MwMr"),
)
UNEVEN = ("r", "X", "wX", "wwwwwwwwwwr")  # a child fails while another runs on
PLANS_OF_CHILDREN = ("r", "r", "wr", "wwwwr", "xr", "X", "wwwwX", "wcwcwr", "owr", "wLr", "mr")


def script(world: World) -> Task:
    """A task that does what its params say, letter by letter."""

    asks = {step_of(at): str for at in range(STEPS)}

    @task("script", max_attempts=3, timeout=30 * 24 * 3_600.0, backoff=4.0, asks=asks)
    def run(job: Job, params: dict[str, Any]) -> Any:
        plan: str = params["plan"]
        record: JobRecord = getattr(job, "record")  # noqa: B009
        world.families.begins(record)
        world.clockwork.begins(record)
        done = job.state["done"] if isinstance(job.state, dict) else 0
        for at in range(done, len(plan)):
            if plan[at] == "r":
                return "x" * (40_000 if "B" in plan else 10)
            _act(world, job, plan[at], at, params)
        return None

    return run


def _act(world: World, job: Job, letter: str, at: int, params: dict[str, Any]) -> None:
    first_time = job.attempt == 1
    match letter:
        case "w":  # work, for a while
            until = world.scheduler.time + world.random.choice((0, 2, 15, 40)) * SECOND
            while world.scheduler.time < until:
                world.scheduler.sleep_until(min(until, world.scheduler.time + 5 * SECOND))
                job.time_left()
                _checked(job)
        case "p":
            job.progress(at / 20, f"step {at}")
        case "c":
            job.checkpoint({"done": at + 1})
        case "C":
            job.checkpoint({"done": at + 1, "ballast": "x" * 5_000})
        case "o":
            job.once(f"step-{at}", world.new_id)
        case "a":
            job.attach(f"file-{at}.txt", "content")
        case "m" | "M":
            failure = "raise" if letter == "M" else "keep"
            found = job.map(f"map-{at}", "script", params.get("items", []), on_failure=failure)
            if found:
                world.families.mapped(job, f"map-{at}", found)
        case "s":
            world.questions.sleeps(job, at)
        case "q":
            world.questions.asks(job, at)
        case "u":
            world.questions.gives_away_a_url(job, at)
        case "l":
            job.log(f"line {at}")
        case "x" if first_time or world.random.random() < 0.5:
            raise ValueError("a bad day")
        case "X":
            raise PermanentError("no way")
        case "L" if first_time:
            raise RetryLater(world.random.choice((0, 20, 20 * 60)))
        case _:
            pass


def _checked(job: Any) -> None:
    """Where a real interrupt would come at any point, this one comes between two."""
    job.interrupts.check()


def start(world: World) -> None:
    """All the scenario's clients, and the jobs that nobody looks at."""
    scenario = world.scenario
    world.tasks["script"] = script(world)
    for number in range(scenario.jobs):
        key = f"key-{number}" if world.random.random() < 0.7 or scenario.clients > 1 else None
        plan = "r" if scenario.undisturbed else world.random.choice(PLANS)
        other = world.random.random() < 0.1
        webhook = world.random.choice((None, WEBHOOK, replace(WEBHOOK, events=(Status.FAILED,))))
        items = _items(world, plan)
        for client in range(scenario.clients):
            params = {"plan": "r" + plan if other and client == 1 else plan, **items}
            _client(world, f"client-{number}.{client}", params, key, webhook)
    for number in range(scenario.backlog):
        _client(world, f"backlog-{number}", {"plan": "r"}, None, None, actions=0)


def _items(world: World, plan: str, depth: int = 2) -> dict[str, Any]:
    """For a plan with a map: the params of its children."""
    if not depth or not set(plan) & {"m", "M"}:
        return {}
    count = world.random.choice((1, 2, 3, 5))
    of_children = UNEVEN if "M" in plan else PLANS_OF_CHILDREN
    plans = [world.random.choice(of_children) for _ in range(count)]
    return {"items": [{"plan": one, **_items(world, one, depth - 1)} for one in plans]}


def _client(
    world: World,
    name: str,
    params: dict[str, Any],
    key: str | None,
    webhook: Webhook | None,
    actions: int | None = None,
) -> None:
    count = world.scenario.actions if actions is None else actions
    scheduled = world.random.random() < 0.1
    run_at = world.scheduler.time + world.random.choice((MINUTE, HOUR)) if scheduled else None
    cancel_after = (
        world.random.choice((30 * SECOND, HOUR)) if world.random.random() < 0.05 else None
    )
    if run_at and cancel_after:
        cancel_after = None
    asked = Submission(
        owner=OWNER,
        task="script",
        params=params,
        key=key,
        run_at=run_at,
        cancel_after=cancel_after,
        webhook=webhook,
        base="https://overtime.test",
    )
    process = world.process(name)
    system = world.system(process)

    def live() -> None:
        job_id = _submitted(world, system, asked)
        if job_id is None:
            return
        more = params["plan"].count("q") + params["plan"].count("M")
        for _ in range(count + (more if count else 0)):
            if "M" in params["plan"] and world.random.random() < 0.5:
                _await_end(world, system, job_id)
            else:
                system.clock.sleep(world.random.choice((0, 1, 5, 20, 60, 70, 200)))
            target = _one_of_family(world, job_id)
            _meddle(world, system, name, target, params["plan"])

    world.scheduler.start(process, live, delay=world.random.choice((0, 0, 10, 2_000)))


def _await_end(world: World, system: System, job_id: str) -> None:
    """What comes next meets the children that the job's end has left."""
    for _ in range(60):
        record = world.jobs.records.get(job_id)
        if record is None or record.finished:
            return
        system.clock.sleep(2)


def _submitted(world: World, system: System, asked: Submission) -> str | None:
    """As a good client does it: the same request under the same key until there is an answer."""
    for _ in range(6):
        try:
            accepted = submit(system, asked)
        except Unavailable:
            if asked.key is None:
                return None
            system.clock.sleep(1)
            continue
        except ClientError:
            return None
        world.scheduler.note(f"202 for {accepted.job.id[-4:]}, replayed: {accepted.replayed}")
        stored = json.loads(accepted.job.params.text or "null")
        require(stored == asked.params, "a key stands for one request", f"{asked} led to {stored}")
        world.watch.accepted(accepted.job, world.jobs.records)
        return accepted.job.id
    return None


def _one_of_family(world: World, job_id: str) -> str:
    """The job, or one of its children."""
    children = [
        one.id for one in world.jobs.records.values() if one.parent and one.parent.id == job_id
    ]
    if not children or world.random.random() < 0.6:
        return job_id
    return world.random.choice(children)


def _meddle(world: World, system: System, name: str, job_id: str, plan: str) -> None:
    actions: tuple[Callable[[], object], ...] = (
        lambda: control.cancel(system, OWNER, job_id),
        lambda: control.retry(system, OWNER, job_id),
        lambda: erase(system, OWNER, job_id),
        lambda: read.get(system, OWNER, job_id),
        lambda: read.events(system, OWNER, job_id, 20, ""),
        lambda: world.audience.watch(system, name, OWNER, job_id),
        lambda: world.questions.answer(system, OWNER, job_id),
    )
    asked = (6,) * 8 if "q" in plan else ()
    failed = (1,) * 4 if "M" in plan else ()
    number = world.random.choice((0, 0, 1, 1, 1, 2, 3, 4, 5, 5, 5, *asked, *failed))
    acts = ("cancel", "retry", "erase", "look", "look at events", "watch", "answer")
    world.scheduler.note(acts[number])
    with contextlib.suppress(ClientError, Unavailable):  # the client is told, and lets it be
        actions[number]()
