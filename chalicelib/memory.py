"""The ports in memory: for tests of tasks, and the reference that the other stores are held to.

Records are kept as they are, and a write's own clauses are asked whether it is allowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from chalicelib.domain.errors import ConditionFailed, PermanentError
from chalicelib.domain.job import JobRecord, Status, Urgency
from chalicelib.domain.source import Source
from chalicelib.domain.task import HttpResponse
from chalicelib.domain.token import Token
from chalicelib.domain.writes import Write
from chalicelib.service.ports import Connection, LogLine, Subscriber


@dataclass
class MemoryJobs:
    """Implements ports.JobStore."""

    records: dict[str, JobRecord] = field(default_factory=dict)
    steps: dict[tuple[str, str, str], tuple[str, int]] = field(default_factory=dict)
    log_lines: dict[tuple[str, str], dict[str, LogLine]] = field(default_factory=dict)
    subscriptions: dict[tuple[str, str], dict[Subscriber, int]] = field(default_factory=dict)

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
        self.records[job_id] = write.applied_to(current)
        return self.records[job_id]

    def read(self, job_id: str) -> JobRecord | None:
        return self.records.get(job_id)

    def read_many(self, job_ids: Sequence[str]) -> list[JobRecord]:
        return [self.records[job_id] for job_id in job_ids if job_id in self.records]

    def owned(self, owner: str, before: str | None, limit: int) -> list[tuple[str, str]]:
        mine = (
            (owner_position(record), record.id)
            for record in self.records.values()
            if record.owner == owner and record.status is not Status.ERASING
        )
        older = sorted((key for key in mine if before is None or key[0] < before), reverse=True)
        return older[:limit]

    def due(self, urgency: Urgency, now: int) -> Iterator[str]:
        late = [
            (record.due_at, record.id)
            for record in self.records.values()
            if record.due is urgency and record.due_at is not None and record.due_at <= now
        ]
        return iter([job_id for _, job_id in sorted(late)])

    def once(self, record: JobRecord, step: str, expires_at: int) -> str | None:
        key = (record.id, record.birth, step)
        if key not in self.steps:
            return None
        result, until = self.steps[key]
        self.steps[key] = (result, max(until, expires_at))
        return result

    def store_once(self, record: JobRecord, step: str, result: str, expires_at: int) -> str:
        key = (record.id, record.birth, step)
        return self.steps.setdefault(key, (result, expires_at))[0]

    def log(self, record: JobRecord, lines: Sequence[LogLine], expires_at: int) -> None:
        beside = self.log_lines.setdefault((record.id, record.birth), {})
        beside.update({line.position: line for line in lines})

    def lines(self, record: JobRecord, after: str, limit: int) -> list[LogLine]:
        beside = self.log_lines.get((record.id, record.birth), {})
        return [beside[position] for position in sorted(beside) if position > after][:limit]

    def forget(self, record: JobRecord) -> None:
        for key in [key for key in self.steps if key[0] == record.id]:
            del self.steps[key]
        for place in [place for place in self.log_lines if place[0] == record.id]:
            del self.log_lines[place]
        for place in [place for place in self.subscriptions if place[0] == record.id]:
            del self.subscriptions[place]
        current = self.records.get(record.id)
        if current and current.status is Status.ERASING and current.birth == record.birth:
            del self.records[record.id]


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
        jobs = current.jobs | {(record.id, record.birth)}
        if len(jobs) > at_most and len(jobs) > len(current.jobs):
            return False
        self.connections[connection.id] = replace(current, jobs=jobs)
        return True

    def subscribe(self, record: JobRecord, to: Subscriber, expires_at: int) -> None:
        self.jobs.subscriptions.setdefault((record.id, record.birth), {})[to] = expires_at

    def subscribers(self, record: JobRecord, now: int) -> list[Subscriber]:
        there = self.jobs.subscriptions.get((record.id, record.birth), {})
        return sorted((one for one in there if there[one] > now), key=lambda one: one.address)

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


def owner_position(record: JobRecord) -> str:
    """Orders an owner's jobs by age; sorts as text."""
    return f"{record.created_at:015d}-{record.id}"


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

    def waiting(self, lane: str) -> int:
        return len(self.lanes.get(lane, ()))


@dataclass
class MemoryPayloads:
    """Implements ports.PayloadStore."""

    objects: dict[str, bytes] = field(default_factory=dict)

    def put(self, key: str, body: bytes | Path | BinaryIO, content_type: str) -> int:
        if isinstance(body, Path):
            body = body.read_bytes()
        self.objects[key] = body if isinstance(body, bytes) else body.read()
        return len(self.objects[key])

    def get(self, key: str) -> bytes:
        return self.objects[key]

    def open(self, key: str, start: int) -> Source:
        if key not in self.objects:
            raise FileNotFoundError(key)
        return _source(self.objects[key][start:])

    def size(self, key: str) -> int | None:
        return len(self.objects[key]) if key in self.objects else None

    def upload_url(
        self, key: str, content_type: str, size: int, seconds: int
    ) -> tuple[str, Mapping[str, str]]:
        return f"memory:{key}", {"Content-Type": content_type, "Content-Length": str(size)}

    def download_url(self, key: str, filename: str | None, content_type: str, seconds: int) -> str:
        return f"memory:{key}"

    def erase(self, prefix: str) -> None:
        for key in [key for key in self.objects if key.startswith(prefix)]:
            del self.objects[key]


@dataclass(frozen=True)
class MemorySecrets:
    """Implements ports.SecretStore."""

    secret: bytes = b"memory"

    def stage_secret(self) -> bytes:
        return self.secret


@dataclass
class MemoryTokens:
    """Implements ports.TokenStore."""

    tokens: dict[str, Token] = field(default_factory=dict)

    def add(self, token: Token) -> None:
        self.tokens[token.id] = token

    def find(self, token_id: str) -> Token | None:
        return self.tokens.get(token_id)

    def all(self) -> Iterator[Token]:
        return iter(list(self.tokens.values()))

    def remove(self, token_id: str) -> bool:
        return self.tokens.pop(token_id, None) is not None


@dataclass
class MemoryWeb:
    """Implements ports.Web with canned answers; one left over is given again and again."""

    answers: dict[tuple[str, str], list[HttpResponse | Exception]] = field(default_factory=dict)
    requests: list[tuple[str, str, Mapping[str, str], bytes | None]] = field(default_factory=list)

    def check(self, url: str) -> None:
        if not url.startswith("https://"):
            raise PermanentError(f"{url!r} is not an https URL.")

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: float,
        max_bytes: int,
    ) -> HttpResponse:
        self.requests.append((method, url, headers, body))
        canned = self.answers.get((method, url))
        if not canned:
            raise PermanentError(f"The host of {url} is not allowed on this stage.")
        answer = canned.pop(0) if len(canned) > 1 else canned[0]
        if isinstance(answer, Exception):
            raise answer
        if len(answer.body) > max_bytes:
            raise PermanentError(f"The answer is over {max_bytes} bytes.")
        return answer

    def open(self, url: str, start: int) -> Source:
        answer = self.request("GET", url, {}, None, 30.0, 2**31)
        if 400 <= answer.status < 500:
            raise PermanentError(f"GET {url} answered {answer.status}.")
        if answer.status >= 300:
            raise OSError(f"GET {url} answered {answer.status}.")
        return _source(answer.body[start:])


def _source(data: bytes) -> Source:
    return Source(iter([data] if data else []), len(data))
