"""Records and stamps for tests, made by the very verbs that make them in the service."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from chalicelib.domain import children, verbs, waiting_verbs
from chalicelib.domain.job import (
    DAY,
    MINUTE,
    Artifact,
    JobRecord,
    OpenMap,
    Parent,
    Problem,
    Progress,
    Status,
    Stored,
    Wait,
    WaitReason,
)
from chalicelib.domain.transitions import Stamp
from chalicelib.domain.verbs import PendingOutput
from chalicelib.domain.writes import Write

NOW = 1_800_000_000_000
LEASE = MINUTE
LATER = NOW + 2 * LEASE
FOUND = PendingOutput(
    Progress(40.0, "going"), Stored(text='{"row":1}'), (Artifact("a", "text/csv", 1, "k"),)
)
PROBLEM = Problem(type="/problems/attempt-failed", title="ValueError", detail="no")
PARENT = Parent("f" * 32, "e" * 32, 1, "pages", 17, NOW + 31 * DAY, 40, True)
OPEN_MAP = OpenMap("pages", "echo", 40, True, 1, 1_000, None, False, 2_000, "")
SLEEP = Wait("nap", WaitReason.SLEEP, 0, LATER)
QUESTION = Wait("publish", WaitReason.ANSWER, 0, LATER, "Publish?")
_numbers = itertools.count(1)


def new_id() -> str:
    return f"{next(_numbers):032x}"


def stamp(now: int = NOW) -> Stamp:
    return Stamp(now, new_id())


def queued(now: int = NOW, **fields: Any) -> JobRecord:
    uid = new_id()
    values: dict[str, Any] = {
        "id": new_id(),
        "uid": uid,
        "nonce": uid,
        "owner": "ada",
        "task": "echo",
        "lane": "default",
        "created_at": now,
        "updated_at": now,
        "params": Stored(text="{}"),
        "request_digest": "d",
        "time_limit": DAY,
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
    return verbs.claim(record.generation, new_id(), now + LEASE, now).applied_to(record)


def suspended(now: int = NOW, wait: Wait = QUESTION, **fields: Any) -> JobRecord:
    record = running(now, **fields)
    return waiting_verbs.suspend(record, stamp(now), PendingOutput(), wait).applied_to(record)


def succeeded(now: int = NOW, **fields: Any) -> JobRecord:
    record = running(now, **fields)
    result = Stored(text='"done"')
    return verbs.succeed(record, stamp(now), verbs.PendingOutput(), result).applied_to(record)


def failed(now: int = NOW, **fields: Any) -> JobRecord:
    record = running(now, **fields)
    return verbs.fail(record, stamp(now), verbs.PendingOutput(), PROBLEM).applied_to(record)


def examples() -> list[tuple[JobRecord, Callable[[JobRecord], Write]]]:
    """Every verb that is a write, on a record that allows it. A submit is none: it is a put."""
    waiting, busy, broken, asking = queued(), running(), failed(), suspended()
    told = verbs.request_cancel(busy, stamp()).applied_to(busy)
    worn_out = replace(busy, attempt=busy.max_attempts)
    result, adoptable = Stored(text="1"), (waiting, busy, told, succeeded())
    return [
        (waiting, lambda record: verbs.claim(0, new_id(), NOW + LEASE, NOW)),
        (busy, lambda record: verbs.heartbeat(record, stamp(), FOUND, LATER)),
        (busy, lambda record: verbs.heartbeat(record, stamp(), PendingOutput(), LATER)),
        (busy, lambda record: verbs.succeed(record, stamp(), FOUND, result)),
        (busy, lambda record: verbs.fail(record, stamp(), FOUND, PROBLEM)),
        (busy, lambda record: verbs.retry_later(record, stamp(), FOUND, PROBLEM, LATER)),
        (busy, lambda record: verbs.continue_(record, stamp(), FOUND)),
        (busy, lambda record: waiting_verbs.sleep(record, stamp(), FOUND, SLEEP)),
        (busy, lambda record: waiting_verbs.suspend(record, stamp(), FOUND, QUESTION)),
        (asking, lambda record: waiting_verbs.wake(record, stamp())),
        (busy, lambda record: waiting_verbs.abandon(record, stamp(), PROBLEM)),
        (waiting, lambda record: verbs.cancel(record, stamp())),
        (busy, lambda record: verbs.request_cancel(record, stamp())),
        (told, lambda record: verbs.acknowledge_cancel(record, stamp(), FOUND)),
        *(
            (one, lambda record: verbs.rescue(record, stamp(LATER)))
            for one in (busy, told, worn_out)
        ),
        (waiting, lambda record: verbs.remind(record, stamp(LATER))),
        (waiting, lambda record: verbs.postpone(record, stamp(LATER))),
        *((one, lambda record: verbs.expire(record, stamp(NOW + DAY))) for one in (waiting, busy)),
        (broken, lambda record: verbs.retry(record, stamp())),
        (busy, lambda record: children.open_map(record, stamp(), OPEN_MAP)),
        *((one, lambda record: children.adopt(record, stamp(), PARENT)) for one in adoptable),
        (broken, lambda record: children.retry_child(record, stamp(), PARENT, LATER)),
        (broken, lambda record: verbs.watch(record, stamp())),
        (broken, lambda record: verbs.erase(record, stamp())),
    ]
