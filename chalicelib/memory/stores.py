"""The stores in memory: for tests of tasks, and as the reference for the other stores.

Records are stored as they are, and a write's own clauses decide whether it is allowed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from chalicelib.domain.children import Ledger
from chalicelib.domain.errors import ConditionFailed, PermanentError, Unavailable
from chalicelib.domain.events import LogLine
from chalicelib.domain.job import DuePartition, JobRecord, Status
from chalicelib.domain.schedules import ScheduleRecord
from chalicelib.domain.source import Source
from chalicelib.domain.writes import Write
from chalicelib.ports.push import Subscriber


@dataclass
class MemoryJobs:
    """Implements ports.JobStore."""

    records: dict[str, JobRecord] = field(default_factory=dict)
    steps: dict[tuple[str, str, str], tuple[str, int]] = field(default_factory=dict)
    log_lines: dict[tuple[str, str], dict[str, LogLine]] = field(default_factory=dict)
    subscriptions: dict[tuple[str, str], dict[Subscriber, int]] = field(default_factory=dict)
    schedules: dict[str, ScheduleRecord] = field(default_factory=dict)  # they share the index

    def submit(self, record: JobRecord) -> None:
        current = self.records.setdefault(record.id, record)
        if current.nonce != record.nonce:
            raise ConditionFailed(current)

    def apply(self, job_id: str, write: Write) -> JobRecord:
        current = self.records.get(job_id)
        if current is None:
            raise ConditionFailed(None)
        if not write.allowed_on(current):
            if current.nonce == write.nonce:
                return current
            raise ConditionFailed(current)
        if any(companion.record.id in self.records for companion in write.companions):
            raise Unavailable("The other job exists.")
        self.records[job_id] = write.applied_to(current)
        self.records |= {companion.record.id: companion.record for companion in write.companions}
        return self.records[job_id]

    def read(self, job_id: str) -> JobRecord | None:
        return self.records.get(job_id)

    def read_many(self, job_ids: Sequence[str]) -> list[JobRecord]:
        return [self.records[job_id] for job_id in job_ids if job_id in self.records]

    def owned(self, owner: str, before: str | None, limit: int) -> list[tuple[str, str]]:
        mine = (
            (record.position, record.id)
            for record in self.records.values()
            if record.owner == owner and record.status is not Status.ERASING and record.listed
        )
        older = sorted((key for key in mine if before is None or key[0] < before), reverse=True)
        return older[:limit]

    def due(self, partition: DuePartition, now: int) -> Iterator[str]:
        late = [
            (record.due_at, record.id)
            for record in self.records.values()
            if record.due is partition and record.due_at is not None and record.due_at <= now
        ]
        if partition is DuePartition.MUST:
            late += [
                (one.due_at, one.id)
                for one in self.schedules.values()
                if one.due_at is not None and one.due_at <= now
            ]
        return iter([job_id for _, job_id in sorted(late)])

    def once(self, record: JobRecord, step: str, expires_at: int) -> str | None:
        key = (record.id, record.uid, step)
        if key not in self.steps:
            return None
        result, until = self.steps[key]
        self.steps[key] = (result, max(until, expires_at))
        return result

    def store_once(self, record: JobRecord, step: str, result: str, expires_at: int) -> str:
        key = (record.id, record.uid, step)
        return self.steps.setdefault(key, (result, expires_at))[0]

    def log(self, record: JobRecord, lines: Sequence[LogLine], expires_at: int) -> None:
        beside = self.log_lines.setdefault((record.id, record.uid), {})
        beside.update({line.position: line for line in lines})

    def lines(self, record: JobRecord, after: str, limit: int) -> list[LogLine]:
        beside = self.log_lines.get((record.id, record.uid), {})
        return [beside[position] for position in sorted(beside) if position > after][:limit]

    def delete(self, record: JobRecord, at_most: int) -> bool:
        beside: list[tuple[dict[Any, Any], Any]] = [
            *((self.steps, key) for key in self.steps if key[0] == record.id),
            *(
                (items, name)
                for kind in (self.log_lines, self.subscriptions)
                for (job_id, _), items in kind.items()
                for name in items
                if job_id == record.id
            ),
        ]
        for items, name in beside[:at_most]:
            del items[name]
        if len(beside) > at_most:
            return False
        current = self.records.get(record.id)
        if current and current.status is Status.ERASING and current.uid == record.uid:
            del self.records[record.id]
        return True


@dataclass(frozen=True, slots=True)
class Message:
    job: str
    generation: int
    delay_seconds: int


@dataclass
class MemoryQueue:
    """Implements ports.MessageQueue; what was sent is in `lanes`."""

    lanes: dict[str, list[Message]] = field(default_factory=dict)

    def send(self, record: JobRecord, delay_seconds: int) -> None:
        message = Message(record.id, record.generation, delay_seconds)
        self.lanes.setdefault(record.lane, []).append(message)

    def send_many(self, records: Sequence[JobRecord]) -> None:
        for record in records:
            self.send(record, 0)

    def waiting(self, lane: str) -> int:
        return len(self.lanes.get(lane, ()))


@dataclass
class MemoryLedgers:
    """Implements ports.Ledgers."""

    ledgers: dict[str, Ledger] = field(default_factory=dict)

    def add(
        self,
        name: str,
        ended: Mapping[Status, Collection[int]],
        expires_at: int,
        size: int | None = None,
    ) -> Ledger:
        before = self.ledgers.get(name, Ledger())
        union = {
            status: before.ended.get(status, frozenset()).union(ended.get(status, ()))
            for status in {*before.ended, *ended}
        }
        self.ledgers[name] = Ledger(union, size or before.size)
        return self.ledgers[name]

    def read(self, names: Sequence[str]) -> list[Ledger]:
        return [self.ledgers.get(name, Ledger()) for name in names]

    def delete(self, names: Sequence[str]) -> None:
        for name in names:
            self.ledgers.pop(name, None)


@dataclass
class MemoryPayloads:
    """Implements ports.PayloadStore."""

    objects: dict[str, bytes] = field(default_factory=dict)

    def put(self, key: str, body: bytes | Path | BinaryIO, content_type: str) -> int:
        if isinstance(body, Path):
            body = body.read_bytes()
        data = body.read() if hasattr(body, "read") else body
        self.objects[key] = bytes(memoryview(data))
        return len(self.objects[key])

    def get(self, key: str) -> bytes:
        if key not in self.objects:
            raise FileNotFoundError(key)
        return self.objects[key]

    def open(self, key: str, start: int) -> Source:
        if key not in self.objects:
            raise FileNotFoundError(key)
        return source_over(self.objects[key][start:])

    def size(self, key: str) -> int | None:
        return len(self.objects[key]) if key in self.objects else None

    def upload_url(
        self, key: str, content_type: str, size: int, seconds: int
    ) -> tuple[str, Mapping[str, str]]:
        return f"memory:{key}", {"Content-Type": content_type, "Content-Length": str(size)}

    def download_url(self, key: str, filename: str | None, content_type: str, seconds: int) -> str:
        return f"memory:{key}"

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.objects.pop(key, None)

    def erase(self, prefix: str, at_most: int) -> bool:
        found = [key for key in self.objects if key.startswith(prefix)]
        for key in found[:at_most]:
            del self.objects[key]
        return len(found) <= at_most


@dataclass
class MemoryHeldRequests:
    """Implements ports.HeldRequests. `holds`: by owner and request, the time until it counts."""

    holds: dict[str, dict[str, int]] = field(default_factory=dict)

    def begin(self, owner: str, hold: str, until: int, now: int, at_most: int) -> bool:
        current = {one: end for one, end in self.holds.get(owner, {}).items() if end > now}
        if hold not in current and len(current) >= at_most:
            return False
        self.holds[owner] = {**current, hold: until}
        return True

    def end(self, owner: str, hold: str, until: int) -> None:
        self.holds.get(owner, {}).pop(hold, None)


@dataclass(frozen=True)
class MemorySecrets:
    """Implements ports.SecretStore."""

    ids: bytes = b"memory"
    seals: tuple[bytes, ...] = (b"memory",)

    def for_ids(self) -> bytes:
        return self.ids

    def for_seals(self) -> tuple[bytes, ...]:
        return self.seals


@dataclass
class MemorySigningSecrets:
    """Implements ports.SigningSecrets. `secrets`: by owner, the newest, the previous one and the
    time until the previous one signs."""

    secrets: dict[str, tuple[str, str | None, int]] = field(default_factory=dict)

    def of(self, owner: str, now: int) -> tuple[str, ...]:
        if owner not in self.secrets:
            return ()
        current, previous, until = self.secrets[owner]
        return (current, previous) if previous is not None and now < until else (current,)

    def replace(self, owner: str, old: str | None, new: str, until: int) -> bool:
        current = self.secrets[owner][0] if owner in self.secrets else None
        if current != old:
            return current == new
        self.secrets[owner] = (new, old, until)
        return True


@dataclass
class MemoryTaskSecrets:
    """Implements ports.TaskSecrets; values by name."""

    secrets: Mapping[str, str] = field(default_factory=dict)

    def read(self, name: str, now: int) -> str:
        if name not in self.secrets:
            raise PermanentError(
                f"There is no secret {name!r}. Give the bench one: Bench(secrets={{{name!r}: …}})"
            )
        return self.secrets[name]


def source_over(data: bytes) -> Source:
    """A stream of these bytes."""
    return Source(iter([data] if data else []), len(data))
