"""Carry out what may end a job. The end of a child is then entered in its ledger, and the child
that completes the ledgers wakes its parent."""

from __future__ import annotations

from chalicelib.domain.job import JobRecord, Status
from chalicelib.ports.system import System
from chalicelib.service import ledgers, transition
from chalicelib.service.transition import Decide
from chalicelib.service.waits import look


def carry_out(system: System, record: JobRecord, decide: Decide) -> JobRecord:
    """As transition.carry_out. If it raises Unavailable after a child's end, repeat the call: the
    end is entered again."""
    after = transition.carry_out(system, record, decide)
    note_end(system, after)
    return after


def note_end(system: System, record: JobRecord) -> None:
    """Of a child that has ended; nothing for any other job, nor for one whose parent is gone."""
    if record.parent is None or not record.finished or not record.visible(system.clock.now()):
        return
    [ledger] = ledgers.enter(system, [record])
    fails = record.parent.wakes and record.status is not Status.SUCCEEDED
    if ledger.full or fails:
        for parent in system.jobs.read_many([record.parent.id]):
            if parent.uid == record.parent.uid:
                look(system, parent)
