"""The job that cancels the children of a job that has ended before them."""

from __future__ import annotations

import msgspec

from chalicelib.domain.children import open_maps
from chalicelib.domain.internal import internal_job, internal_job_ids
from chalicelib.domain.job import DAY, INTERNAL, JobRecord

TASK = f"{INTERNAL}children"
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
    return [] if record.maps is None else internal_job_ids(record, TASK)


def cascade_job(record: JobRecord, uid: str) -> JobRecord:
    """For a record that has just ended."""
    maps = [(one.step, one.reach) for one in open_maps(record)]
    params = CascadeParams(record.id, record.uid, record.generation, maps)
    return internal_job(record, uid, TASK, params, time_limit=TIME_LIMIT, max_attempts=MAX_ATTEMPTS)
