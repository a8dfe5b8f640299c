"""The log fields of a job, and the metrics of its transitions."""

from __future__ import annotations

from typing import Any, assert_never

from chalicelib.domain.job import SECOND, JobRecord, Status
from chalicelib.domain.transitions import TABLE, Mark
from chalicelib.domain.writes import Verb
from chalicelib.telemetry.metrics import Metric


def log_fields(record: JobRecord) -> dict[str, Any]:
    """Bind these (logs.py) as soon as the job is known that all following lines are about."""
    return {
        "job": record.id,
        "task": record.task,
        "attempt": record.attempt,
        "owner": record.owner,
    }


def measured(record: JobRecord, verb: Verb) -> dict[Metric, float]:
    """The metrics of a record just after `verb`.

    WaitSeconds: from the submit, or the scheduled time, to the first claim.
    RunSeconds: from a claim to the end of that run, whatever its outcome; not for a rescue, since
        the moment when the worker died is unknown.
    Attempts: how many a finished job took.
    """
    found: dict[Metric, float] = {}
    mark = TABLE[verb].mark
    match mark:
        case Mark.SUBMITTED:
            found[Metric.SUBMITTED] = 1
        case Mark.CLAIMED if record.started_at == record.updated_at:
            found[Metric.WAIT_SECONDS] = max(record.updated_at - record.not_before, 0) / SECOND
        case Mark.RAN if (claimed_at := _claimed_at(record)) is not None:
            found[Metric.RUN_SECONDS] = max(record.updated_at - claimed_at, 0) / SECOND
        case Mark.RESCUED:
            found[Metric.RESCUED] = 1
        case Mark.CLAIMED | Mark.RAN | None:
            pass
        case _:
            assert_never(mark)
    if record.finished:
        found[Metric.FINISHED] = 1
        if record.attempt:
            found[Metric.ATTEMPTS] = record.attempt
    return found


def _claimed_at(record: JobRecord) -> int | None:
    """When the run began that the last transition ended; None if it ended no run."""
    if len(record.history) < 2 or record.history[-2].status is not Status.RUNNING:
        return None
    claims = (entry.at for entry in reversed(record.history) if entry.verb == Verb.CLAIM)
    return next(claims, None)
