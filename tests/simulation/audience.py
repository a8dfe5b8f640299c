"""Whoever watches jobs in a scenario: the ports of pushing, and what their messages must tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.domain.errors import OvertimeError
from chalicelib.domain.job import DAY, JobRecord, Status
from chalicelib.http.representation import job_page
from chalicelib.memory.push import MemoryConnections
from chalicelib.ports.push import Pushing, Subscriber
from chalicelib.ports.system import System
from chalicelib.service.subscribe import watch
from tests.simulation.promises import require

if TYPE_CHECKING:
    from tests.simulation.world import World


def shown(record: JobRecord) -> str:
    """What a message tells of a job."""
    return f"{record.uid} {job_page(record, '').etag}"


class Audience:
    def __init__(self, records: Mapping[str, JobRecord]) -> None:
        self._records = records
        self.told: defaultdict[str, set[str]] = defaultdict(set)
        self._watching: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        self._due: list[tuple[str, JobRecord]] = []  # what whom has to be told

    def watch(self, system: System, name: str, owner: str, job_id: str) -> None:
        """Subscribe, and take the state that is sent at once."""
        to = Subscriber(name, "")
        record = watch(system, owner, job_id, to, system.clock.now() + 30 * DAY)
        self.told[name].add(shown(record))
        self._watching[record.id, record.uid].append(name)
        if (now_is := self._records.get(job_id)) is not None:
            self._due.append((name, now_is))

    def written(self, before: JobRecord, after: JobRecord) -> None:
        if shown(before) != shown(after):
            names = self._watching[after.id, after.uid]
            self._due += [(name, after) for name in names if after.status is not Status.ERASING]

    def at_the_end(self) -> None:
        """Where nothing went wrong, all were told of everything, but for jobs that are gone: an
        erase takes the subscriptions along."""
        for name, record in self._due:
            kept = self._records.get(record.id)
            require(
                kept is None or kept.uid != record.uid or shown(record) in self.told[name],
                "no change falls between subscribing and being told",
                f"{name} was never told that {record.id[-4:]} was {record.status}",
            )

    def pushing(self, world: World) -> Pushing:
        return Pushing(
            url="",
            host=None,
            connections=_Connections(world),
            push=_Push(world),
            outbox=_AtOnce(),
            updated=lambda record, base, tasks: shown(record),
            refused=_never_asked,
        )


def _never_asked(error: OvertimeError, job: str | None) -> str:
    raise AssertionError("no client here sends messages")


class _AtOnce:
    """Implements ports.Outbox within the process that put it there, step by step."""

    def put(self, key: str, send: Callable[[], None]) -> None:
        send()


class _Push:
    """Implements ports.Push."""

    def __init__(self, world: World) -> None:
        self._world = world

    def send(self, address: str, message: str) -> None:
        told = self._world.audience.told[address]
        self._world.call(f"push to {address}", lambda: told.add(message))


class _Connections:
    """Implements ports.Connections over the memory's, every call a step of the scheduler."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._memory = MemoryConnections(world.jobs)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._memory, name)
        return lambda *arguments: self._world.call(
            f"connections.{name}", lambda: method(*arguments)
        )
