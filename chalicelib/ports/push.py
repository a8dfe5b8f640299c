"""The ports of push, for stages that have it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from chalicelib.domain.errors import OvertimeError
from chalicelib.domain.job import JobRecord
from chalicelib.domain.task import Tasks


class Connection(msgspec.Struct, frozen=True):
    """An open WebSocket. Links in its messages begin with `base`; `jobs` are its subscriptions, as
    (id, uid)."""

    id: str
    owner: str
    base: str
    expires_at: int
    jobs: frozenset[tuple[str, str]] = frozenset()


class Subscriber(msgspec.Struct, frozen=True):
    """Where to send a job's changes: the id of a connection, or a channel."""

    address: str
    base: str


class Connections(Protocol):
    """Open connections and their subscriptions. All of them expire by themselves."""

    def open(self, connection: Connection, ticket: str, until: int) -> bool:
        """Store a connection; False if another connection has used this ticket. A used ticket is
        remembered until `until` (epoch ms)."""

    def find(self, connection_id: str, now: int) -> Connection | None:
        """Consistent; None if it is closed or has expired."""

    def reserve(self, connection: Connection, record: JobRecord, at_most: int) -> bool:
        """Record on a connection that it is subscribed to a job; False if that would be more than
        `at_most`, or if the connection is closed."""

    def subscribe(self, record: JobRecord, to: Subscriber, expires_at: int) -> None:
        """From now on `subscribers` returns it. A second call has no further effect."""

    def subscribers(self, record: JobRecord, now: int) -> list[Subscriber]:
        """Consistent; without expired ones."""

    def drop(self, record: JobRecord, address: str) -> None:
        """End one subscription, even if its connection is unknown."""

    def unsubscribe(self, connection: Connection, job_id: str) -> None:
        """Undo `reserve` and `subscribe`, if there was a subscription."""

    def close(self, connection_id: str) -> None:
        """Delete a connection and all its subscriptions."""


class Push(Protocol):
    def send(self, address: str, message: str) -> None:
        """Send to a connection or channel, within a few seconds. Raises Gone if the connection is
        closed."""


class Outbox(Protocol):
    def put(self, key: str, send: Callable[[], None]) -> None:
        """Call `send` soon, in another thread. It replaces one that waits under the same key.
        Returns at once."""


class Pushing(msgspec.Struct, frozen=True):
    """Everything that push needs, on a stage that has it."""

    url: str  # where clients connect
    host: str | None  # the host to name there, for AppSync
    connections: Connections
    push: Push
    outbox: Outbox
    updated: Callable[[JobRecord, str, Tasks], str]  # the message with a job, and links to the str
    refused: Callable[[OvertimeError, str | None], str]  # the message with a problem, and a job id
