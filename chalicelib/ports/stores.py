"""What the service needs of the world, a sentence of contract each.

Every call may raise `Unavailable`: then it is not known whether a write happened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from chalicelib.domain.events import LogLine
from chalicelib.domain.job import DuePartition, JobRecord
from chalicelib.domain.source import Source
from chalicelib.domain.writes import Write

READ_AT_ONCE = 100  # jobs by one call of `read_many`: DynamoDB's limit on a batch read


class JobStore(Protocol):
    def submit(self, record: JobRecord) -> None:
        """Store a record whose id does not exist, else raise ConditionFailed with what does.

        Finding the same nonce there is success: an answer was lost, and the SDK tried again.
        """

    def apply(self, job_id: str, write: Write) -> JobRecord:
        """Carry out a write with its companions, all or none, and return the record after it,
        else raise ConditionFailed with the record as it is. Finding the write's own nonce there
        is success, too."""

    def read(self, job_id: str) -> JobRecord | None:
        """The record as of the last write, expired and half-erased ones included."""

    def read_many(self, job_ids: Sequence[str]) -> list[JobRecord]:
        """The records that exist and can be read, in the order asked for, each as of its last
        write."""

    def owned(self, owner: str, before: str | None, limit: int) -> list[tuple[str, str]]:
        """(position, id) of an owner's jobs, newest first, from after position `before` on.
        Eventually consistent. Fewer than `limit` means that there are no more."""

    def due(self, partition: DuePartition, now: int) -> Iterator[str]:
        """Ids of the jobs due by `now`, the longest due first, fetched as they are asked for.
        Eventually consistent."""

    def once(self, record: JobRecord, step: str, expires_at: int) -> str | None:
        """The stored result of a step, JSON text; None if there is none. Consistent. A result
        that would expire before `expires_at` (ms) is kept until then."""

    def store_once(self, record: JobRecord, step: str, result: str, expires_at: int) -> str:
        """Store a step's result if there is none, and return the one that is stored."""

    def log(self, record: JobRecord, lines: Sequence[LogLine], expires_at: int) -> None:
        """Add lines beside the record; lines stored twice under one position are one line."""

    def lines(self, record: JobRecord, after: str, limit: int) -> list[LogLine]:
        """The first `limit` lines with a position greater than `after`, in order."""

    def delete(self, record: JobRecord, at_most: int) -> bool:
        """Delete what stands beside a record being erased, then the record itself. At most
        `at_most` items beside it go at once: False while some are left."""


class MessageQueue(Protocol):
    def send(self, record: JobRecord, delay_seconds: int) -> None:
        """Send a hint to look at this job, no sooner than in `delay_seconds` (900 at most)."""

    def waiting(self, lane: str) -> int:
        """About how many messages wait in a lane, for a worker or for their delay."""


class PayloadStore(Protocol):
    def put(self, key: str, body: bytes | Path | BinaryIO, content_type: str) -> int:
        """Store an object whole and return its size in bytes: of a file object, seekable or
        not, all from where it stands. TypeError for what holds no bytes. Keys are never reused."""

    def get(self, key: str) -> bytes:
        """FileNotFoundError if there is no such object."""

    def open(self, key: str, start: int) -> Source:
        """A stream of the object from byte `start` on; FileNotFoundError if there is none."""

    def size(self, key: str) -> int | None:
        """In bytes; None if there is no such object."""

    def upload_url(
        self, key: str, content_type: str, size: int, seconds: int
    ) -> tuple[str, Mapping[str, str]]:
        """A presigned PUT, and the headers that go with it, by which this key can be written
        once, with exactly `size` bytes, within `seconds`."""

    def download_url(self, key: str, filename: str | None, content_type: str, seconds: int) -> str:
        """A presigned GET; a `filename` makes browsers save it under that name."""

    def delete(self, keys: Sequence[str]) -> None:
        """Delete these objects; those that do not exist are none."""

    def erase(self, prefix: str, at_most: int) -> bool:
        """Delete the objects under a prefix, about `at_most` at once: False while some are left."""


class HeldRequests(Protocol):
    """How many requests each owner has held at the moment, in all processes of the stage."""

    def begin(self, owner: str, hold: str, until: int, now: int, at_most: int) -> bool:
        """Count a request that is held until `until` at the latest (epoch ms; it then counts no
        longer, whatever became of its process). False where that is one more than `at_most`."""

    def end(self, owner: str, hold: str, until: int) -> None:
        """Count it no longer."""


class SecretStore(Protocol):
    """The stage's, of 256 random bits each, the same for every process. Asked for only where they
    are needed: the first call of a process costs a read, the first of a stage a write."""

    def for_ids(self) -> bytes:
        """It never changes."""

    def for_seals(self) -> tuple[bytes, ...]:
        """The first seals, any of them unseals. A process learns within 5 minutes that they were
        rotated, by another read, and seals with none that another process does not know."""


class TaskSecrets(Protocol):
    def read(self, name: str, now: int) -> str:
        """The secret that the stage keeps for its tasks under this name, as it was some minutes
        ago at most (`now` in epoch ms). Raises PermanentError, which says how to set it, where
        there is none."""


class SigningSecrets(Protocol):
    """What webhooks are signed with, `whsec_…` (Standard Webhooks), an owner's own."""

    def of(self, owner: str, now: int) -> tuple[str, ...]:
        """Those that sign, the newest first: two while one replaces another, none before the
        first is made."""

    def replace(self, owner: str, old: str | None, new: str, until: int) -> bool:
        """Have `new` sign from now on, and `old` beside it until then (epoch ms). Nothing
        happens, and False is returned, where `old` is not the newest (None: where there is one)."""
