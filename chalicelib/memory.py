"""The ports in memory: for tests of tasks, and the reference that the other stores are held to.

Records are kept as they are, and a write's own clauses are asked whether it is allowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from chalicelib.domain.errors import ConditionFailed, PermanentError, Unavailable
from chalicelib.domain.job import JobRecord, Status, Urgency
from chalicelib.domain.source import Source
from chalicelib.domain.task import HttpResponse
from chalicelib.domain.token import Token
from chalicelib.domain.writes import Write
from chalicelib.service.ports import LogLine
from chalicelib.service.push_ports import Subscriber


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

    def apply_and_submit(self, record: JobRecord, write: Write, other: JobRecord) -> JobRecord:
        current = self.records.get(record.id)
        if current is not None and write.allowed_on(current) and other.id in self.records:
            raise Unavailable("The other job exists.")
        after = self.apply(record.id, write)
        self.records.setdefault(other.id, other)
        return after

    def read(self, job_id: str) -> JobRecord | None:
        return self.records.get(job_id)

    def read_many(self, job_ids: Sequence[str]) -> list[JobRecord]:
        return [self.records[job_id] for job_id in job_ids if job_id in self.records]

    def owned(self, owner: str, before: str | None, limit: int) -> list[tuple[str, str]]:
        mine = (
            (record.position, record.id)
            for record in self.records.values()
            if record.owner == owner and record.status is not Status.ERASING and not record.internal
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

    def forget(self, record: JobRecord, at_most: int) -> bool:
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
        if current and current.status is Status.ERASING and current.birth == record.birth:
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

    def waiting(self, lane: str) -> int:
        return len(self.lanes.get(lane, ()))


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
        return _source(self.objects[key][start:])

    def size(self, key: str) -> int | None:
        return len(self.objects[key]) if key in self.objects else None

    def upload_url(
        self, key: str, content_type: str, size: int, seconds: int
    ) -> tuple[str, Mapping[str, str]]:
        return f"memory:{key}", {"Content-Type": content_type, "Content-Length": str(size)}

    def download_url(self, key: str, filename: str | None, content_type: str, seconds: int) -> str:
        return f"memory:{key}"

    def erase(self, prefix: str, at_most: int) -> bool:
        found = [key for key in self.objects if key.startswith(prefix)]
        for key in found[:at_most]:
            del self.objects[key]
        return len(found) <= at_most


@dataclass(frozen=True)
class MemorySecrets:
    """Implements ports.SecretStore."""

    secret: bytes = b"memory"

    def stage_secret(self) -> bytes:
        return self.secret


@dataclass
class MemorySigningSecrets:
    """Implements ports.SigningSecrets; by owner the newest, the one before it and until when."""

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
        if not max_bytes:
            return replace(answer, body=b"")
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
