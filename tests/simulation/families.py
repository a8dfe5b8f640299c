"""What holds of parents and their children, checked at every write and at the end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.domain.cascades import cascade_job_ids, cascades
from chalicelib.domain.children import child_ids, ledgers_of, map_of
from chalicelib.domain.job import LIVE, MINUTE, SECOND, JobRecord, OpenMap, Status, WaitReason
from chalicelib.domain.writes import Verb, Write
from tests.simulation.promises import require
from tests.simulation.scheduler import Process

if TYPE_CHECKING:
    from tests.simulation.world import World

Key = tuple[str, str]
CANCELS = (Verb.CANCEL, Verb.REQUEST_CANCEL)
UNSUCCESSFUL = (Status.FAILED, Status.CANCELED)
SOON = 60 * SECOND  # where nothing goes wrong; the first reminder comes later
LATE = 22 * MINUTE  # once faults have stopped; a look is due each 15 minutes


@dataclass
class Families:
    world: World
    born: dict[tuple[str, str, str, int], str] = field(default_factory=dict)  # by item
    ends: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    ended_at: dict[Key, tuple[int, int]] = field(default_factory=dict)  # step and time
    claimed_at: dict[Key, int] = field(default_factory=dict)  # step
    erased: set[Key] = field(default_factory=set)
    ledgers_deleted: set[str] = field(default_factory=set)

    # ── what the ports report ──

    def submitted(self, record: JobRecord) -> None:
        if record.parent is None:
            return
        parent = record.parent
        item = (parent.id, parent.uid, parent.step, parent.index)
        gone = (parent.id, parent.uid) in self.erased or parent.id not in self._records
        require(
            gone or item not in self.born,
            "each item has one child",
            f"item {parent.index} of {parent.step} has {self.born.get(item)} and {record.id[-4:]}",
        )
        self.born[item] = record.id[-4:]

    def written(self, before: JobRecord, write: Write, after: JobRecord, process: Process) -> None:
        step = self.world.scheduler.steps
        if write.verb == Verb.CLAIM:
            self.claimed_at[_key(after)] = step
            require(
                not before.suspended,
                "a suspended job is never claimed",
                f"it waited for {before.wait}",
            )
        if after.finished and not before.finished:
            self.ended_at[_key(after)] = step, self.world.scheduler.time
            if after.parent is not None and write.verb != Verb.ABANDON:
                self._ends_once(after)
        if write.verb == Verb.WAKE and before.wait_reason is WaitReason.CHILDREN:
            self._woken(before)
        if before.parent is not None and write.verb in CANCELS:
            self._canceled_by(before, process)
        if before.parent is not None and write.verb == Verb.ABANDON:
            require(
                not self._is_awaited(before),
                "a child that its parent waits for runs",
                f"{before.id[-4:]} was abandoned",
            )
        if after.finished and not before.finished and cascades(after):
            require(
                cascade_job_ids(after)[-1] in self._records,
                "the end of a parent is stored with the job that cancels its children",
                f"{after.id[-4:]} {after.status} alone",
            )
        if write.verb == Verb.SUCCEED and after.task == "overtime.children":
            self._cascaded(after)

    def begins(self, record: JobRecord) -> None:
        """The function of a task."""
        if record.parent is None:
            return
        ended, _ = self.ended_at.get((record.parent.id, record.parent.uid), (None, 0))
        parent = self._records.get(record.parent.id)
        over = parent is None or parent.status not in LIVE
        require(
            not over or ended is None or ended > self.claimed_at[_key(record)],
            "no child begins after the end of its parent",
            f"{record.id[-4:]} began",
        )

    def mapped(self, job: Any, step: str, found: Collection[Any]) -> None:
        """What `job.map` returned."""
        record: JobRecord = job.record
        known = map_of(record, step)
        children = self._children(record, known) if known else []
        require(
            known is not None
            and len(children) == len(found) == known.total
            and all(one.parent and one.parent.generation == record.generation for one in children),
            "each item has one child",
            f"{len(found)} were returned, of {known}",
        )
        require(
            [(one.id, one.status, one.finished) for one in children]
            == [(one.id, one.status, True) for one in found],
            "a parent goes on once all of its children have ended",
            f"{[str(one.status) for one in children]}",
        )

    def forgotten(self, record: JobRecord) -> None:
        self.erased.add(_key(record))
        left = [one.id[-4:] for known in record.maps or () for one in self._children(record, known)]
        require(not left, "an erase leaves no child behind", f"{left} are left")
        names = {
            name
            for known in record.maps or ()
            for generation in range(record.generation + 1)
            for name in ledgers_of(record, known.step, generation, known.reach)
        }
        # A worker that was sent to a child may enter its end again at any time.
        left_names = names.intersection(self.world.ledgers.ledgers) - self.ledgers_deleted
        require(not left_names, "an erase leaves no ledger behind", f"{left_names}")

    def at_the_end(self) -> None:
        now = self.world.scheduler.time
        left = [
            f"{record.id[-4:]} is still {record.status}"
            for record in self._records.values()
            if record.parent is not None
            and (record.parent.id, record.parent.uid) in self.erased
            and record.visible(now)
        ]
        require(not left, "an erase leaves no child behind, zombies included", f"{left}")

    # ── what must hold ──

    def _ends_once(self, child: JobRecord) -> None:
        assert child.parent is not None
        key = (*_key(child), child.parent.generation)
        self.ends[key] += 1
        require(
            self.ends[key] == 1,
            "a child runs to one end a generation",
            f"{child.id[-4:]} ended again in generation {child.parent.generation}",
        )

    def _woken(self, before: JobRecord) -> None:
        assert before.wait is not None
        known = map_of(before, before.wait.step)
        assert known is not None
        children = self._children(before, known)
        ended = [
            one
            for one in children
            if one.finished and one.parent and one.parent.generation == before.generation
        ]
        failed = known.wakes and any(one.status in UNSUCCESSFUL for one in ended)
        require(
            failed or len(ended) == known.total,
            "a parent goes on once all of its children have ended",
            f"{len(ended)} of {known.total} have ended",
        )
        decided = [one for one in ended if one.status in UNSUCCESSFUL] if failed else ended
        times = [self.ended_at.get(_key(one), (0, 0))[1] for one in decided]
        came_true = max(before.updated_at, min(times) if failed else max(times))
        world = self.world
        if world.scenario.rate == 0:
            require(
                world.scheduler.time - came_true <= SOON,
                "a parent goes on when the last of its children has ended",
                f"{(world.scheduler.time - came_true) / SECOND} s later",
            )
        elif world.faults_stopped_at is not None:
            late = world.scheduler.time - max(came_true, world.faults_stopped_at)
            require(late <= LATE, "a parent is not forgotten", f"{late / MINUTE} minutes later")

    def _canceled_by(self, child: JobRecord, process: Process) -> None:
        """A cascade cancels only its own generation, or an older one."""
        job = self._records.get(process.hint.job) if process.hint else None
        if job is None or job.task != "overtime.children" or child.parent is None:
            return
        generation = json.loads(job.params.text or "")["generation"]
        require(
            child.parent.generation <= generation,
            "a parent that runs again keeps its children",
            f"one of generation {child.parent.generation} was canceled for {generation}",
        )

    def _cascaded(self, cascade: JobRecord) -> None:
        """Nothing is left to cancel, but what was stored or retried since."""
        params = json.loads(cascade.params.text or "")
        began = cascade.created_at
        for child in self._records.values():
            parent = child.parent
            if parent is None or parent.uid != params["uid"] or child.status not in LIVE:
                continue
            old = parent.generation <= params["generation"]
            told = child.cancel_requested
            fresh = any(
                entry.verb in (Verb.SUBMIT, Verb.RETRY) and entry.at >= began - 10 * SECOND
                for entry in child.history
            )
            require(
                not old or told or fresh,
                "no child outlives its parent for long",
                f"{child.id[-4:]} is {child.status}",
            )

    def _is_awaited(self, child: JobRecord) -> bool:
        assert child.parent is not None
        parent = self._records.get(child.parent.id)
        return (
            parent is not None
            and parent.uid == child.parent.uid
            and parent.status in LIVE
            and parent.generation == child.parent.generation
        )

    def _children(self, record: JobRecord, known: OpenMap) -> list[JobRecord]:
        ids = child_ids(record, known.step, 0, known.reach)
        return [self._records[one] for one in ids if one in self._records]

    @property
    def _records(self) -> Mapping[str, JobRecord]:
        return self.world.jobs.records


def _key(record: JobRecord) -> Key:
    return record.id, record.uid
