"""Connections and subscriptions in memory, beside the records of stores.py."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec.structs import replace

from chalicelib.domain.job import JobRecord
from chalicelib.memory.stores import MemoryJobs
from chalicelib.ports.push import Connection, Subscriber


@dataclass
class MemoryConnections:
    """Implements ports.Connections; subscriptions stand beside the records."""

    jobs: MemoryJobs
    connections: dict[str, Connection] = field(default_factory=dict)
    tickets: dict[str, str] = field(default_factory=dict)

    def open(self, connection: Connection, ticket: str, until: int) -> bool:
        if self.tickets.setdefault(ticket, connection.id) != connection.id:
            return False
        self.connections[connection.id] = connection
        return True

    def find(self, connection_id: str, now: int) -> Connection | None:
        found = self.connections.get(connection_id)
        return found if found is not None and found.expires_at > now else None

    def reserve(self, connection: Connection, record: JobRecord, at_most: int) -> bool:
        current = self.connections.get(connection.id)
        if current is None:
            return False
        jobs = current.jobs | {(record.id, record.uid)}
        if len(jobs) > at_most and len(jobs) > len(current.jobs):
            return False
        self.connections[connection.id] = replace(current, jobs=jobs)
        return True

    def subscribe(self, record: JobRecord, to: Subscriber, expires_at: int) -> None:
        self.jobs.subscriptions.setdefault((record.id, record.uid), {})[to] = expires_at

    def subscribers(self, record: JobRecord, now: int) -> list[Subscriber]:
        there = self.jobs.subscriptions.get((record.id, record.uid), {})
        return sorted((one for one in there if there[one] > now), key=lambda one: one.address)

    def drop(self, record: JobRecord, address: str) -> None:
        self._drop(address, frozenset({(record.id, record.uid)}))

    def unsubscribe(self, connection: Connection, job_id: str) -> None:
        current = self.connections.get(connection.id, connection)
        gone = frozenset(job for job in current.jobs if job[0] == job_id)
        self._drop(connection.id, gone)
        if connection.id in self.connections:
            self.connections[connection.id] = replace(current, jobs=current.jobs - gone)

    def close(self, connection_id: str) -> None:
        closed = self.connections.pop(connection_id, None)
        self._drop(connection_id, closed.jobs if closed else frozenset())

    def _drop(self, address: str, jobs: frozenset[tuple[str, str]]) -> None:
        for job in jobs:
            there = self.jobs.subscriptions.get(job, {})
            for subscriber in [one for one in there if one.address == address]:
                del there[subscriber]
