"""What pushing needs of the world, on a stage that does; the rest of the ports is in ports.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from chalicelib.domain.errors import OvertimeError
from chalicelib.domain.job import JobRecord


@dataclass(frozen=True, slots=True)
class Connection:
    """An open WebSocket. `base` is what the links in its messages begin with; `jobs` are those
    that it is subscribed to, as (id, uid)."""

    id: str
    owner: str
    base: str
    expires_at: int
    jobs: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Where a job's changes go: to a connection's id, or to a channel."""

    address: str
    base: str


class Connections(Protocol):
    """Who is connected, and where the changes of a job go. All of it expires of itself."""

    def open(self, connection: Connection, ticket: str, until: int) -> bool:
        """Remember a connection; False where another one has come with this ticket before
        (`until` then, in ms, it is known that it was used)."""

    def find(self, connection_id: str, now: int) -> Connection | None:
        """As of the last write; None if it is closed, or should be."""

    def reserve(self, connection: Connection, record: JobRecord, at_most: int) -> bool:
        """Note on a connection that it is subscribed to a job; False where that would be one
        more than `at_most`, or where it is closed."""

    def subscribe(self, record: JobRecord, to: Subscriber, expires_at: int) -> None:
        """From now on `subscribers` names it. Subscribing twice is subscribing once."""

    def subscribers(self, record: JobRecord, now: int) -> list[Subscriber]:
        """As of the last write, those that have not expired."""

    def drop(self, record: JobRecord, address: str) -> None:
        """End one subscription, also where no connection is known that would have it."""

    def unsubscribe(self, connection: Connection, job_id: str) -> None:
        """Undo `reserve` and `subscribe`; nothing if there was none."""

    def close(self, connection_id: str) -> None:
        """Forget a connection with all its subscriptions."""


class Push(Protocol):
    def send(self, address: str, message: str) -> None:
        """Send to a connection or channel, within some seconds at most. Raises Gone where
        nobody is there any more."""


class Outbox(Protocol):
    def put(self, key: str, send: Callable[[], None]) -> None:
        """Have `send` called soon, elsewhere; in place of what waits under the same key.
        Returns at once."""


@dataclass(frozen=True, slots=True)
class Pushing:
    """All that pushing takes, on a stage that does."""

    url: str  # where clients connect
    host: str | None  # what they have to name there, if anything
    connections: Connections
    push: Push
    outbox: Outbox
    updated: Callable[[JobRecord, str], str]  # the message with a job whose links begin so
    refused: Callable[[OvertimeError, str | None], str]  # and with a problem about a job
