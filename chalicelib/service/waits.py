"""Suspended jobs: look whether what a job waits for has come true, and wake it.

Both sides look after their own write: the worker after it suspended a job, and the caller that
made a wait come true after it stored that. The later of the two sees the other's write, so no
wake-up is lost. If one of them dies before its look, the job's due date leads to another.
"""

from __future__ import annotations

from contextlib import suppress

from chalicelib.domain import waiting_verbs
from chalicelib.domain.errors import NotFound
from chalicelib.domain.job import JobRecord, Wait, WaitReason
from chalicelib.domain.transitions import Stamp
from chalicelib.domain.writes import Write
from chalicelib.ports.system import System
from chalicelib.service import ledgers, questions
from chalicelib.service.transition import carry_out


def look(system: System, record: JobRecord, *, thorough: bool = False) -> None:
    """Wake the job if its wait has come true. `record` may be stale: if it no longer waits for
    that, nothing happens. `thorough`: also search for children whose ends were not noted."""
    wait = record.wait
    if not record.suspended or wait is None:
        return
    if not _has_come_true(system, record, wait, thorough):
        return

    def decide(now_is: JobRecord, stamp: Stamp) -> Write | None:
        same = now_is.suspended and now_is.wait == wait
        return waiting_verbs.wake(now_is, stamp) if same else None

    with suppress(NotFound):
        carry_out(system, record, decide)


def _has_come_true(system: System, record: JobRecord, wait: Wait, thorough: bool) -> bool:
    match wait.reason:
        case WaitReason.ANSWER:
            return questions.has_ended(system, record, wait)
        case WaitReason.CHILDREN:
            return ledgers.may_go_on(system, record, wait, thorough=thorough)
        case _:
            raise AssertionError(f"no job is suspended for {wait.reason}")
