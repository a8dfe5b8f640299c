"""Records and stamps for tests, made by the very verbs that make them in the service."""

from __future__ import annotations

import itertools
from typing import Any

from chalicelib.domain import verbs
from chalicelib.domain.errors import Problem
from chalicelib.domain.job import DAY, MINUTE, JobRecord, Status, Stored
from chalicelib.domain.transitions import Stamp

NOW = 1_800_000_000_000
LEASE = MINUTE
PROBLEM = Problem(type="/problems/attempt-failed", title="ValueError", detail="no")
_numbers = itertools.count(1)


def fresh() -> str:
    return f"{next(_numbers):032x}"


def stamp(now: int = NOW) -> Stamp:
    return Stamp(now, fresh())


def queued(now: int = NOW, **fields: Any) -> JobRecord:
    birth = fresh()
    values: dict[str, Any] = {
        "id": fresh(),
        "birth": birth,
        "nonce": birth,
        "owner": "ada",
        "task": "echo",
        "lane": "default",
        "created_at": now,
        "updated_at": now,
        "params": Stored(text="{}"),
        "request_digest": "d",
        "patience": DAY,
        "retention": 30 * DAY,
        "status": Status.QUEUED,
        "max_attempts": 3,
        "not_before": now,
        "deadline": now + DAY,
        **fields,
    }
    return verbs.submit(JobRecord(**values), now)


def running(now: int = NOW, **fields: Any) -> JobRecord:
    record = queued(now, **fields)
    return verbs.claim(record.generation, fresh(), now + LEASE, now).applied_to(record)


def succeeded(now: int = NOW, **fields: Any) -> JobRecord:
    record = running(now, **fields)
    result = Stored(text='"done"')
    return verbs.succeed(record, stamp(now), verbs.Findings(), result).applied_to(record)


def failed(now: int = NOW, **fields: Any) -> JobRecord:
    record = running(now, **fields)
    return verbs.fail(record, stamp(now), verbs.Findings(), PROBLEM).applied_to(record)
