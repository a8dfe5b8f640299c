"""Store the children of a map, or let those that exist run again for their parent's present
generation."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import msgspec

from chalicelib.domain import children, verbs
from chalicelib.domain.errors import ConditionFailed, PermanentError, Unavailable
from chalicelib.domain.job import JobRecord, OpenMap, Parent, Status, payload_prefix
from chalicelib.domain.task import Task
from chalicelib.domain.transitions import Stamp
from chalicelib.domain.values import decode_json, digest
from chalicelib.domain.writes import Verb, Write
from chalicelib.ports.system import System
from chalicelib.service import ledgers
from chalicelib.service.measures import log_fields
from chalicelib.service.stash import PARAMS_INLINE, stash
from chalicelib.service.transition import announce, carry_out
from chalicelib.telemetry.logs import bound

logger = logging.getLogger(__name__)


class Offspring(msgspec.Struct, frozen=True):
    """Of one map, as it is on the record of its job."""

    system: System
    record: JobRecord
    known: OpenMap
    task: Task

    def read(self, indexes: Sequence[int]) -> dict[str, JobRecord]:
        """Those that exist, by id."""
        return {one.id: one for one in self.system.jobs.read_many(self._ids(indexes))}

    def store(self, items: Sequence[tuple[int, str]], existing: Mapping[str, JobRecord]) -> None:
        """Indexes, and items as JSON text. When it returns, all of these children are stored.
        `existing` are known to be so."""
        ids = self._ids([index for index, _ in items])
        waiting: list[JobRecord] = []
        ended: list[JobRecord] = []
        for child_id, (index, text) in zip(ids, items, strict=True):
            parent = self._parent(index)
            found = existing.get(child_id) or self._put(child_id, parent, text, waiting)
            if found is not None:
                if found.status is Status.QUEUED and not found.suspended:
                    waiting.append(found)  # the run that stored it may have sent no message
                found = self._renewed(found, parent, text)
                if found.finished:
                    ended.append(found)
        ledgers.enter(self.system, ended)
        if waiting:
            self._send(waiting)

    def _ids(self, indexes: Sequence[int]) -> list[str]:
        job, step = self.record, self.known.step
        return [children.child_id(job.id, job.uid, step, index) for index in indexes]

    def _put(
        self, child_id: str, parent: Parent, text: str, waiting: list[JobRecord]
    ) -> JobRecord | None:
        """Store the child. Returns the one that exists if there is one."""
        child = self._new(child_id, parent, text)
        try:
            self.system.jobs.submit(child)
        except ConditionFailed as taken:
            if taken.current is None:
                raise Unavailable("A child was deleted meanwhile.") from None
            return taken.current
        with bound(**log_fields(child)):
            announce(self.system, child, Verb.SUBMIT, send=False)
        waiting.append(child)
        return None

    def _new(self, child_id: str, parent: Parent, text: str) -> JobRecord:
        now, uid, task = self.system.clock.now(), self.system.new_id(), self.task
        time_limit = int(task.timeout * 1_000)
        record = JobRecord(
            id=child_id,
            uid=uid,
            nonce=uid,
            owner=self.record.owner,
            task=task.name,
            lane=task.lane,
            created_at=now,
            updated_at=now,
            params=stash(
                self.system, f"{payload_prefix(child_id, uid)}params", text, PARAMS_INLINE
            ),
            request_digest=self._digest(text),
            not_before=now,
            deadline=min(now + time_limit, self.record.deadline),
            time_limit=time_limit,
            retention=self.record.retention,
            base=self.record.base,
            parent=parent,
            max_attempts=task.max_attempts,
            status=Status.QUEUED,
        )
        return verbs.submit(record, now)

    def _renewed(self, child: JobRecord, parent: Parent, text: str) -> JobRecord:
        """One that exists, in the present generation of its parent. A child that ended in this
        generation stays as it ended."""

        def decide(record: JobRecord, stamp: Stamp) -> Write | None:
            if record.status is Status.ERASING or record.parent is None:
                raise Unavailable("A child is being erased.")
            if record.request_digest != self._digest(text):
                raise PermanentError(
                    f"job.map: item {parent.index} of {parent.step!r} differs from the one in an"
                    " earlier run."
                )
            if record.parent.generation >= parent.generation:
                return None
            if record.status in ledgers.UNSUCCESSFUL:
                return children.retry_child(record, stamp, parent, self.record.deadline)
            return children.adopt(record, stamp, parent)

        return carry_out(self.system, child, decide)

    def _send(self, waiting: Sequence[JobRecord]) -> None:
        """If it fails, the children are only delayed: each has a due date."""
        try:
            self.system.messages.send_many(waiting)
        except Unavailable:
            logger.warning("message_not_sent", extra={"lane": self.task.lane})

    def _digest(self, text: str) -> str:
        return digest({"task": self.task.name, "params": decode_json(text)})

    def _parent(self, index: int) -> Parent:
        known, record = self.known, self.record
        return Parent(
            record.id,
            record.uid,
            known.generation,
            known.step,
            index,
            record.kept_until,
            known.share,
            known.wakes,
        )
