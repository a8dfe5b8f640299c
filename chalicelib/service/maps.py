"""`job.map`: store a child for each item, once, wait until they have ended, and give them.

Children are stored if absent, so repeating it does no harm. The parent's record says how far it
has come; each write of it is fenced by the lease.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from msgspec.structs import replace

from chalicelib.domain import children, steps
from chalicelib.domain.children import DESCENDANTS_AT_MOST, Child
from chalicelib.domain.errors import LeaseLost, PermanentError
from chalicelib.domain.handle import Named
from chalicelib.domain.job import SECOND, JobRecord, OpenMap, Status, Wait, WaitReason
from chalicelib.domain.task import Task
from chalicelib.domain.transitions import Stamp
from chalicelib.domain.writes import Write
from chalicelib.service import ledgers
from chalicelib.service.arguments import arguments_of
from chalicelib.service.child_list import Children
from chalicelib.service.facts import read_fact
from chalicelib.service.items import Items
from chalicelib.service.offspring import Offspring
from chalicelib.service.steps import Steps
from chalicelib.service.transition import carry_out

logger = logging.getLogger(__name__)

TEN = 10  # children that a thread stores before it sends their messages: as many as SQS takes
AT_ONCE = 80  # children between two moments when the task can be interrupted: ten for each thread
AHEAD = 10_000  # uploads that are looked for at once: a minute
CHUNK = 1_000  # children between two writes of the parent's record
NOTE_EVERY = SECOND // 4  # at the latest: a worker that dies has then stored little in vain


class Maps:
    """Of one run. `wrote` takes the record after each write, and whether more children are stored
    than before."""

    def __init__(self, its: Steps, wrote: Callable[[JobRecord, bool], None]) -> None:
        self.steps, self.system, self.record, self._wrote = its, its.system, its.record, wrote

    def map(
        self, step: str, task: Named | str, items: Iterable[Any], on_failure: str
    ) -> Sequence[Child]:
        with arguments_of("map"):
            self.steps.reach(step, steps.MAP)
            self.steps.require_first(step)
            if on_failure not in ("keep", "raise"):
                raise ValueError(f"on_failure is {on_failure!r}; it must be 'keep' or 'raise'")
            its = Items(step, self._registered(task), items)
        before = children.map_of(self.record, step)
        if before is not None and before.task != its.task.name:
            raise PermanentError(
                f"job.map: {step!r} had the task {before.task} in an earlier run, and has"
                f" {its.task.name} now: use another name for a new step."
            )
        wakes, generation = on_failure == "raise", self.record.generation
        if before is None or before.generation != generation or before.total is None:
            total = self._store(its, before, wakes)
            if total:
                self._stop(step)
            return Children(self.system, self.record, step, 0, self.steps.interrupts)
        its.examine(before)
        if not before.done:
            self._require_all_ended(before, wakes)
        return Children(self.system, self.record, step, before.total, self.steps.interrupts)

    def _registered(self, task: Named | str) -> Task:
        name = task if isinstance(task, str) else task.name
        tasks = self.system.tasks()
        if name not in tasks or tasks[name].internal:
            known = ", ".join(one for one in tasks if not tasks[one].internal)
            raise ValueError(f"there is no task {name!r}; the tasks are: {known}")
        return tasks[name]

    # ── storing ──

    def _store(self, its: Items, before: OpenMap | None, wakes: bool) -> int:
        """Store all children that are not stored yet. Returns how many there are."""
        current, count, noted_at = before, 0, self.system.clock.now()
        exist = before is not None  # an earlier run may have stored more than it noted
        if its.counted is not None:
            its.examine(before)
        # As for any job, a client's retry does not ask for the uploads again.
        again = self.record.generation > 0
        looked_for = 0 if before is None else before.reach if again else before.stored
        texts = enumerate(its.texts())
        while portion := list(itertools.islice(texts, AT_ONCE)):
            start, count = count, count + len(portion)
            if count <= looked_for:
                its.pass_over()
            else:
                self._require_uploads(its, count)
            if current is None or current.generation != self.record.generation:
                self.steps.require_in_order(its.step)
                current = self._open(its, current, wakes)
            if count <= current.stored:
                continue
            if count > current.reach:
                room = min(start + CHUNK, children.room_for(self.record, current))
                current = self._note(replace(current, stored=start, reach=room))
            if count > current.reach:
                raise PermanentError(
                    _too_many(its.step, f"more than {current.reach:,}", current.reach)
                )
            offspring = Offspring(self.system, self.record, current, its.task)
            with self.steps.interrupts.shielded():
                exist = self._store_some(offspring, portion, exist)
                late = self.system.clock.now() - noted_at >= NOTE_EVERY
                if late or self.steps.interrupts.pending or count - current.stored >= CHUNK:
                    current = self._note(replace(current, stored=count))
                    noted_at = self.system.clock.now()
        if current is not None:
            its.require_same(current, count)
            self._note_size(current, count)
            self._note(replace(current, stored=count, total=count, reach=count, digest=its.digest))
        return count

    def _require_uploads(self, its: Items, count: int) -> None:
        """Those of the items before `count`, and as many of others that were read: so that an
        upload that is missing is found before any child is stored, if there are not too many."""
        looked_for = 0
        while (index := its.needs_upload) is not None and (index < count or looked_for < AHEAD):
            with self.steps.interrupts.shielded():
                its.require_uploads(self.system, self.record.owner, AT_ONCE)
            looked_for += AT_ONCE

    def _open(self, its: Items, before: OpenMap | None, wakes: bool) -> OpenMap:
        step, generation = its.step, self.record.generation
        if before is not None:  # for an older generation
            again = replace(before, wakes=wakes, generation=generation, stored=0, total=None)
            return self._note(replace(again, done=False))
        with self.steps.interrupts.shielded():
            other = read_fact(self.system, self.record, steps.opened(step), steps.Opened)
        if other is not None:
            self.steps.require_kind(step, steps.MAP, other)
        if len(self.record.maps or ()) >= children.MAPS_AT_MOST:
            raise PermanentError(f"job.map: a job has at most {children.MAPS_AT_MOST} maps.")
        room = children.room_for(self.record)
        if its.counted is not None and its.counted > room:
            raise PermanentError(_too_many(step, f"{its.counted:,}", room))
        reach = min(CHUNK, room) if its.counted is None else its.counted
        each = children.share_of_each(room, its.counted or 0)
        opened = OpenMap(
            step, its.task.name, each, wakes, generation, 0, None, False, reach, its.digest
        )
        return self._note(opened)

    def _store_some(
        self, offspring: Offspring, portion: Sequence[tuple[int, str]], exist: bool
    ) -> bool:
        """Whether some of them existed. If `exist`, some probably do: a read of all costs less than
        writes that fail, and saves the upload of their params."""
        existing = offspring.read([index for index, _ in portion]) if exist else {}
        tens = [portion[at : at + TEN] for at in range(0, len(portion), TEN)]
        self.system.in_parallel(lambda ten: offspring.store(ten, existing), tens)
        return bool(existing)

    def _note_size(self, current: OpenMap, total: int) -> None:
        """On the last ledger, before the job waits: the child that completes it has to see that
        no more are to come."""
        name = children.ledgers_of(self.record, current.step, current.generation, total)[-1]
        size, until = children.last_size(total), self.record.kept_until
        with self.steps.interrupts.shielded():
            self.system.ledgers.add(name, {}, until, size)

    def _note(self, changed: OpenMap) -> OpenMap:
        """Write it to the record. Raises LeaseLost."""
        before = children.map_of(self.record, changed.step)

        def decide(record: JobRecord, stamp: Stamp) -> Write | None:
            if record.lease_token != self.record.lease_token:
                raise LeaseLost("Another worker has taken over.")
            return children.open_map(record, stamp, changed)

        with self.steps.interrupts.shielded():
            self.record = carry_out(self.system, self.record, decide)
        self._wrote(self.record, before is not None and changed.stored > before.stored)
        return changed

    # ── waiting ──

    def _require_all_ended(self, current: OpenMap, wakes: bool) -> None:
        """Else stop. Raises PermanentError for the first child that did not succeed, if it is to
        wake its parent."""
        with self.steps.interrupts.shielded():
            found = ledgers.read(self.system, self.record, current)
        failed = children.indexes(found, *ledgers.UNSUCCESSFUL) if wakes else ()
        if failed:
            raise PermanentError(self._failure(current.step, min(failed)))
        if not all(ledger.full for ledger in found):
            self._stop(current.step)
        self._note(replace(current, done=True))

    def _failure(self, step: str, index: int) -> str:
        [child_id] = children.child_ids(self.record, step, index, index + 1)
        with self.steps.interrupts.shielded():
            child = self.system.jobs.read(child_id)
        status = child.status if child else Status.CANCELED
        why = f": {child.error.title}: {child.error.detail}" if child and child.error else ""
        return f"Item {index} of {step!r} {status}{why}"

    def _stop(self, step: str) -> NoReturn:
        self.steps.stop(Wait(step, WaitReason.CHILDREN, self.record.generation))


def _too_many(step: str, count: str, room: int) -> str:
    return (
        f"job.map: {step!r} has {count} items, and this job may have {room:,} further descendants."
        f" A job without a parent may have {DESCENDANTS_AT_MOST:,}; each map divides half of what"
        " is left among its children."
    )
