"""A promise, how a broken one is told, and what must hold of every record at any time."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path

from chalicelib.domain.job import LIVE, DuePartition, JobRecord, Status

checked: set[tuple[str, int]] = set()
"""File and line of every call of `require` so far: a check that is never made proves nothing."""


class Violation(KeyboardInterrupt):  # which no code under test swallows
    """A promise was broken; the message begins with its name."""


def require(condition: object, promise: str, detail: str) -> None:
    caller = sys._getframe(1)
    checked.add((caller.f_code.co_filename.rpartition(os.sep)[2], caller.f_lineno))
    if not condition:
        raise Violation(f"{promise}: {detail}")


def checks() -> dict[tuple[str, int], str]:
    """The promise of each call of `require` in these files, by file and line."""
    return {
        (path.name, node.lineno): str(node.args[1].value)
        for path in Path(__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == require.__name__
        if isinstance(node.args[1], ast.Constant)
    }


def sound(record: JobRecord, now: int) -> None:
    """What must hold of any record at any time."""
    require(
        record.attempt <= record.max_attempts,
        "attempts never exceed max_attempts",
        f"{record.attempt} of {record.max_attempts}",
    )
    if record.status in LIVE or record.status is Status.ERASING:
        due = record.due is not None and record.due_at is not None
        require(due, "every live job has a due date", f"a {record.status} job has none")
        require(not record.expires_at, "accepted is durable", f"a {record.status} job has a TTL")
    match record.status:
        case Status.QUEUED:
            require(
                record.attempt < record.max_attempts,
                "queued jobs have an attempt left",
                f"{record.attempt} of {record.max_attempts}",
            )
            require(not record.lease_token, "only the lease holder writes", "queued, and leased")
            require(record.wait_reason, "a queued job says why", "no wait_reason")
            require(
                not record.cancel_requested,
                "a cancel is not forgotten",
                "queued, though canceled",
            )
            soon = max(record.not_before, now) + 3_700_000
            require((record.due_at or 0) <= soon, "every live job has a due date", "too far off")
        case Status.RUNNING:
            require(record.lease_token, "only the lease holder writes", "running without lease")
            require(
                record.due is DuePartition.MUST and (record.due_at or 0) <= record.deadline,
                "every live job has a due date",
                "a lease that is not due with the musts, or ends after the deadline",
            )
        case Status.ERASING:
            pass
        case _:
            finished = record.finished_at is not None and record.expires_at is not None
            require(finished, "a finished job expires", "no finish time or no TTL")
            require(record.due is None, "every live job has a due date", "a finished one is due")
    if record.status is not Status.FAILED and record.finished:
        require(
            (record.result is not None) == (record.status is Status.SUCCEEDED),
            "a result belongs to a success",
            f"{record.status}",
        )
