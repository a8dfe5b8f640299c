"""The job that cancels the children of a job that has ended before them. One write stores it and
ends the other job, so that no crash leaves children behind."""

from __future__ import annotations

import hashlib

import msgspec

from chalicelib.domain import verbs
from chalicelib.domain.children import open_maps
from chalicelib.domain.job import DAY, INTERNAL, JobRecord, Status, Stored
from chalicelib.domain.task import Lane
from chalicelib.domain.values import encode

TASK = f"{INTERNAL}children"
LANE: Lane = "webhooks"
TIME_LIMIT = DAY
MAX_ATTEMPTS = 30


class CascadeParams(msgspec.Struct, frozen=True):
    """The params of the canceling task: children of this generation or an older one."""

    parent: str
    uid: str
    generation: int
    maps: list[tuple[str, int]]  # steps, and the index that no child has reached


def cascades(record: JobRecord) -> bool:
    """Whether the end of the job leaves children that may run."""
    return record.finished and bool(open_maps(record))


def cascade_job_ids(record: JobRecord) -> list[str]:
    """Of all possible ones, oldest first."""
    if record.maps is None:
        return []
    return [cascade_job_id(record, generation) for generation in range(record.generation + 1)]


def cascade_job_id(record: JobRecord, generation: int) -> str:
    """A generation ends once, so it has one."""
    name = f"{TASK} {record.id} {record.uid} {generation}"
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def cascade_job(record: JobRecord, uid: str) -> JobRecord:
    """For a record that has just ended."""
    now = record.updated_at
    maps = [(one.step, one.reach) for one in open_maps(record)]
    params = CascadeParams(record.id, record.uid, record.generation, maps)
    return verbs.submit(
        JobRecord(
            id=cascade_job_id(record, record.generation),
            uid=uid,
            nonce=uid,
            owner=record.owner,
            task=TASK,
            lane=LANE,
            created_at=now,
            updated_at=now,
            params=Stored(text=encode(params)),
            request_digest="",
            not_before=now,
            deadline=now + TIME_LIMIT,
            time_limit=TIME_LIMIT,
            retention=record.retention,
            max_attempts=MAX_ATTEMPTS,
            status=Status.QUEUED,
        ),
        now,
    )
