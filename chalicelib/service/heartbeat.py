"""The heartbeat of a running job: one update renews the lease, stores new output and reads
whether the job was canceled. A cancel, deadline or lost lease is then raised in the task."""

from __future__ import annotations

import logging
from collections.abc import Callable

from chalicelib.domain.errors import (
    ConditionFailed,
    DeadlineExceeded,
    Interrupted,
    InvocationEnding,
    JobCanceled,
    LeaseLost,
    Unavailable,
)
from chalicelib.domain.job import SECOND, JobRecord
from chalicelib.domain.verbs import PendingOutput, heartbeat
from chalicelib.service.push import push_change
from chalicelib.service.run import Run
from chalicelib.service.transition import stamp

logger = logging.getLogger(__name__)

WRITE_AT_MOST_EVERY = 1 * SECOND


class Heartbeat:
    """Implements ports.Beats."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.system = run.system
        self.notify: Callable[[], None] = lambda: None
        self._renewed_at = self.system.clock.now()
        self._told: set[type[Interrupted]] = set()

    def next_at(self) -> int:
        """When to beat next, in epoch milliseconds."""
        times = [self._renewed_at + self.system.rules.lease // 3]
        if self.run.has_news:
            times.append(self._renewed_at + WRITE_AT_MOST_EVERY)
        if DeadlineExceeded not in self._told:
            times.append(self.run.record.deadline)
        if InvocationEnding not in self._told:
            times.append(self.run.ends_at)
        return min(times)

    def due_in(self) -> float:
        return (self.next_at() - self.system.clock.now()) / SECOND

    def beat(self) -> None:
        now = self.system.clock.now()
        if now >= self.run.record.deadline:
            self._tell(DeadlineExceeded("The job's deadline has passed."))
        if now >= self.run.ends_at:
            self._tell(InvocationEnding("This invocation is nearly over."))
        self._renewed_at = now  # also if the beat fails: the next one waits as usual
        try:
            self._renew()
        except Unavailable:
            # The next beat tries again. If the lease expires first, the conditions on all later
            # writes decide.
            logger.warning("heartbeat_failed")
        self.run.store_logs()

    def end(self, *, at_once: bool) -> None:
        if at_once or self.run.moved:
            self.run.ends_at = min(self.run.ends_at, self.system.clock.now())
            self.notify()

    def _renew(self) -> None:
        found, before = self._pending_output(), self.run.record
        try:
            self.run.record = self._written(before, found)
        except LeaseLost as lost:
            self._tell(lost)
        except Exception:
            self.run.give_back(found)
            raise
        if found.visible_on(before):
            push_change(self.system, self.run.record)
        if self.run.record.cancel_requested:
            self._tell(JobCanceled("The client canceled this job."))

    def _pending_output(self) -> PendingOutput:
        """Empty if a large checkpoint cannot be stored now: the lease must be renewed all the
        same."""
        try:
            return self.run.take_output()
        except Unavailable:
            logger.warning("output_not_stored")
            return PendingOutput()

    def _written(self, record: JobRecord, found: PendingOutput) -> JobRecord:
        """The record after the heartbeat. Decides again if the record has changed: by a client's
        cancel, or by an earlier heartbeat whose answer was lost."""
        while True:
            at = stamp(self.system)
            lease_until = min(at.now + self.system.rules.lease, record.deadline)
            try:
                return self.system.jobs.apply(record.id, heartbeat(record, at, found, lease_until))
            except ConditionFailed as failed:
                if failed.current is None or failed.current.lease_token != self.run.lease_token:
                    raise LeaseLost("Another worker has taken over.") from None
                record = failed.current

    def _tell(self, error: Interrupted) -> None:
        if type(error) not in self._told:
            self._told.add(type(error))
            self.run.interrupts.interrupt(error)
