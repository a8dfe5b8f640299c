"""Jobs of the service's own that the end of another job leads to: one write ends that job and
stores them, so no crash comes between."""

from __future__ import annotations

import hashlib
from typing import Any

from chalicelib.domain import verbs
from chalicelib.domain.job import JobRecord, Status, Stored
from chalicelib.domain.task import Lane
from chalicelib.domain.values import encode

LANE: Lane = "webhooks"


def internal_job_id(ended: JobRecord, task: str, generation: int) -> str:
    """Derived from the ended job, so that it is found without an index, and from its uid, which
    cannot be guessed. A generation ends once, so it has one such job."""
    name = f"{task} {ended.id} {ended.uid} {generation}"
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def internal_job_ids(ended: JobRecord, task: str) -> list[str]:
    """Of all possible ones, oldest first."""
    return [internal_job_id(ended, task, number) for number in range(ended.generation + 1)]


def internal_job(
    ended: JobRecord, uid: str, task: str, params: Any, *, time_limit: int, max_attempts: int
) -> JobRecord:
    """For a record that has just ended. `time_limit` is in milliseconds."""
    now = ended.updated_at
    return verbs.submit(
        JobRecord(
            id=internal_job_id(ended, task, ended.generation),
            uid=uid,
            nonce=uid,
            owner=ended.owner,
            task=task,
            lane=LANE,
            created_at=now,
            updated_at=now,
            params=Stored(text=encode(params)),
            request_digest="",
            not_before=now,
            deadline=now + time_limit,
            time_limit=time_limit,
            retention=ended.retention,
            max_attempts=max_attempts,
            status=Status.QUEUED,
        ),
        now,
    )
