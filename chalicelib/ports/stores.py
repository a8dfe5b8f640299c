"""The stores and queues that the service needs, each method with its contract.

Every call may raise `Unavailable`: it is then unknown whether a write happened.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from chalicelib.domain.children import Ledger
from chalicelib.domain.events import LogLine
from chalicelib.domain.job import DuePartition, JobRecord, Status
from chalicelib.domain.source import Source
from chalicelib.domain.writes import Write

READ_AT_ONCE = 100  # jobs by one call of `read_many`: DynamoDB's limit on a batch read


class JobStore(Protocol):
    def submit(self, record: JobRecord) -> None:
        """Store a record whose id does not exist, else raise ConditionFailed with the existing one.

        An existing record with the same nonce means success: an answer was lost, and the SDK
        repeated the write.
        """

    def apply(self, job_id: str, write: Write) -> JobRecord:
        """Carry out a write with its companions, all or none, and return the record after it, else
        raise ConditionFailed with the record as it is. A record that already has the write's own
        nonce means success."""

    def read(self, job_id: str) -> JobRecord | None:
        """The record, read consistently, also if it is expired or being erased."""

    def read_many(self, job_ids: Sequence[str]) -> list[JobRecord]:
        """The records that exist and are readable, in the order of the ids, read consistently."""

    def owned(self, owner: str, before: str | None, limit: int) -> list[tuple[str, str]]:
        """(position, id) of an owner's jobs, newest first, only those older than `before`.
        Eventually consistent. Fewer than `limit` means that there are no more."""

    def due(self, partition: DuePartition, now: int) -> Iterator[str]:
        """Ids of the jobs and schedules due by `now`, the longest due first, fetched lazily.
        Eventually consistent. Schedules are due with `must`."""

    def once(self, record: JobRecord, step: str, expires_at: int) -> str | None:
        """The stored result of a step, JSON text; None if there is none. Consistent. A result
        that would expire before `expires_at` (ms) is kept until then."""

    def store_once(self, record: JobRecord, step: str, result: str, expires_at: int) -> str:
        """Store a step's result if there is none, and return the one that is stored."""

    def log(self, record: JobRecord, lines: Sequence[LogLine], expires_at: int) -> None:
        """Add lines beside the record. A line stored again under its position replaces itself."""

    def lines(self, record: JobRecord, after: str, limit: int) -> list[LogLine]:
        """The first `limit` lines with a position greater than `after`, in order."""

    def delete(self, record: JobRecord, at_most: int) -> bool:
        """Delete the items beside a record being erased, then the record itself. A call deletes
        `at_most` items at most, and returns False while some are left."""


class Ledgers(Protocol):
    """Which children of a step have ended, and how (domain/children.py). Names are of any kind; a
    ledger that was never added to is empty."""

    def add(
        self,
        name: str,
        ended: Mapping[Status, Collection[int]],
        expires_at: int,
        size: int | None = None,
    ) -> Ledger:
        """Add these places, and set the size if one is given. Returns the ledger after it."""

    def read(self, names: Sequence[str]) -> list[Ledger]:
        """In the order of the names, read consistently."""

    def delete(self, names: Sequence[str]) -> None:
        """Missing ones are ignored."""


class MessageQueue(Protocol):
    def send(self, record: JobRecord, delay_seconds: int) -> None:
        """Send this job's message, delayed by `delay_seconds` (900 at most)."""

    def send_many(self, records: Sequence[JobRecord]) -> None:
        """Send the messages of any number of jobs of one lane, without delay. If it raises
        Unavailable, some may have been sent."""

    def waiting(self, lane: str) -> int:
        """The approximate number of messages in a lane that wait for a worker or are delayed."""


class PayloadStore(Protocol):
    def put(self, key: str, body: bytes | Path | BinaryIO, content_type: str) -> int:
        """Store an object and return its size in bytes. A file object, seekable or not, is read
        from its current position. Raises TypeError for other types. Keys are never reused."""

    def get(self, key: str) -> bytes:
        """FileNotFoundError if there is no such object."""

    def open(self, key: str, start: int) -> Source:
        """A stream of the object from byte `start` on; FileNotFoundError if there is none."""

    def size(self, key: str) -> int | None:
        """In bytes; None if there is no such object."""

    def upload_url(
        self, key: str, content_type: str, size: int, seconds: int
    ) -> tuple[str, Mapping[str, str]]:
        """A presigned PUT and its headers. It writes this key once, with exactly `size` bytes,
        within `seconds`."""

    def download_url(self, key: str, filename: str | None, content_type: str, seconds: int) -> str:
        """A presigned GET; a `filename` makes browsers save it under that name."""

    def delete(self, keys: Sequence[str]) -> None:
        """Delete these objects; missing ones are ignored."""

    def erase(self, prefix: str, at_most: int) -> bool:
        """Delete the objects under a prefix, about `at_most` a call; False while some are left."""


class HeldRequests(Protocol):
    """The number of held requests of each owner, in all processes of the stage."""

    def begin(self, owner: str, hold: str, until: int, now: int, at_most: int) -> bool:
        """Count a request that is held until `until` at the latest (epoch ms). After that it no
        longer counts, even if its process died. False if that would be more than `at_most`."""

    def end(self, owner: str, hold: str, until: int) -> None:
        """Stop counting it."""


class SecretStore(Protocol):
    """The stage's secrets, of 256 random bits each, the same in every process. The first call of a
    process costs a read, the first of a stage also a write, so call it only when needed."""

    def for_ids(self) -> bytes:
        """The secret for ids; it never changes."""

    def for_seals(self) -> tuple[bytes, ...]:
        """The first seals, any of them unseals. A process notices a rotation within 5 minutes, by
        another read. A new secret seals only once every process knows it."""


class TaskSecrets(Protocol):
    def read(self, name: str, now: int) -> str:
        """The tasks' secret of this name, at most some minutes old (`now` in epoch ms). If there
        is none, raises a PermanentError that says how to set it."""


class SigningSecrets(Protocol):
    """Each owner's secrets for signing webhooks, `whsec_…` (Standard Webhooks)."""

    def of(self, owner: str, now: int) -> tuple[str, ...]:
        """The secrets that sign now, the newest first: two during a rotation, none before the
        first is made."""

    def replace(self, owner: str, old: str | None, new: str, until: int) -> bool:
        """Sign with `new` from now on, and also with `old` until `until` (epoch ms). Changes
        nothing and returns False if `old` is not the newest secret (None: if there is one)."""
