"""Children: the jobs that a job submits by `job.map`, one for each item, and the verbs that are
theirs. Ids follow from parent, step and index, so that no index is needed to find a child.

A ledger is a set of indexes for each way to end, of some hundred children. Ends are added by
union, so one that is added twice counts once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from chalicelib.domain.job import JobRecord, OpenMap, Parent, Problem, Status
from chalicelib.domain.transitions import Stamp, starts
from chalicelib.domain.verbs import again
from chalicelib.domain.writes import Is, Verb, Write

DESCENDANTS_AT_MOST = 100_000  # of a job without a parent
MAPS_AT_MOST = 100  # of a job: its record holds them
PORTION = 200  # children of a ledger: the item stays below 1 KB, one write unit


def child_id(parent_id: str, parent_uid: str, step: str, index: int) -> str:
    """The uid makes it unguessable, and keeps apart two parents under one Idempotency-Key."""
    return _hash(f"child {parent_id} {parent_uid} {step} {index}")


def child_ids(record: JobRecord, step: str, start: int, end: int) -> Iterator[str]:
    return (child_id(record.id, record.uid, step, index) for index in range(start, end))


class ChildArtifact(msgspec.Struct, frozen=True):
    """A file that a child attached. `source` is what the parent's `job.open` takes."""

    name: str
    content_type: str
    size: int
    source: str


class Child(msgspec.Struct, frozen=True):
    """A child that has ended, as its parent sees it. `error` is None if it succeeded."""

    id: str
    status: Status
    error: Problem | None
    artifacts: tuple[ChildArtifact, ...]
    _result: Callable[[], Any]

    @property
    def result(self) -> Any:
        """None if it did not succeed. A large one is fetched each time."""
        return self._result()


class ChildCounts(msgspec.Struct, frozen=True):
    total: int
    succeeded: int
    failed: int
    canceled: int

    @property
    def ended(self) -> int:
        return self.succeeded + self.failed + self.canceled

    @property
    def live(self) -> int:
        return self.total - self.ended


# ── ledgers ───────────────────────────────────────────────────────────────────────────────


class Ledger(msgspec.Struct, frozen=True):
    """Places in the portion (0 to PORTION - 1) of the children that have ended, by their status.
    `size` is set on the last ledger of a step once the number of its children is known."""

    ended: Mapping[Status, frozenset[int]] = {}
    size: int | None = None

    @property
    def places(self) -> frozenset[int]:
        return frozenset().union(*self.ended.values())

    @property
    def full(self) -> bool:
        return len(self.places) >= (self.size or PORTION)

    def count(self, *statuses: Status) -> int:
        return sum(len(self.ended.get(status, ())) for status in statuses)


def ledger_name(record_id: str, uid: str, step: str, generation: int, number: int) -> str:
    """Each is a partition of its own, so that many children may end at once."""
    return f"ledger#{_hash(f'{record_id} {uid} {step} {generation} {number}')}"


def ledger_of(parent: Parent) -> str:
    """The one that this child is entered in, at `place_of`."""
    number = parent.index // PORTION
    return ledger_name(parent.id, parent.uid, parent.step, parent.generation, number)


def place_of(parent: Parent) -> int:
    return parent.index % PORTION


def ledgers_of(record: JobRecord, step: str, generation: int, reach: int) -> list[str]:
    """Of a step's children before `reach`, in the order of its items."""
    return [
        ledger_name(record.id, record.uid, step, generation, number)
        for number in range(-(-reach // PORTION))
    ]


def last_size(total: int) -> int:
    """Of the last ledger of so many children."""
    return total - (total - 1) // PORTION * PORTION


def indexes(ledgers: Sequence[Ledger], *statuses: Status) -> set[int]:
    """Of the children in a step's ledgers that ended so."""
    return {
        number * PORTION + place
        for number, ledger in enumerate(ledgers)
        for status in statuses
        for place in ledger.ended.get(status, ())
    }


# ── the maps of a record ──────────────────────────────────────────────────────────────────


def open_maps(record: JobRecord) -> tuple[OpenMap, ...]:
    """Those whose children may not all have ended."""
    return tuple(one for one in record.maps or () if not one.done)


def map_of(record: JobRecord, step: str) -> OpenMap | None:
    return next((one for one in record.maps or () if one.step == step), None)


def with_map(record: JobRecord, changed: OpenMap) -> tuple[OpenMap, ...]:
    """The record's maps, this one among them in place of the one of its step."""
    maps = {one.step: one for one in record.maps or ()}
    return tuple({**maps, changed.step: changed}.values())


def room_for(record: JobRecord, known: OpenMap | None = None) -> int:
    """The children that a further map of this job may have, or the known one."""
    share = record.parent.share if record.parent else DESCENDANTS_AT_MOST
    others = (one for one in record.maps or () if known is None or one.step != known.step)
    used = sum((1 + one.share) * one.reach for one in others)
    return (share - used) // (1 + known.share if known else 1)


def share_of_each(share: int, items: int) -> int:
    """For each child of a map of so many items: half of the rest, divided. The other half is for
    later maps of the same parent."""
    return max(share - items, 0) // (2 * items) if items else 0


# ── verbs ─────────────────────────────────────────────────────────────────────────────────


def open_map(record: JobRecord, stamp: Stamp, changed: OpenMap) -> Write:
    """Note a map before the first of its children is stored, and how far it has come."""
    lease_is_mine = Is("lease_token", record.lease_token)
    when = (starts(Verb.OPEN_MAP), lease_is_mine)
    put = {"maps": with_map(record, changed)}
    return Write(verb=Verb.OPEN_MAP, nonce=stamp.nonce, when=when, put=put)


def adopt(record: JobRecord, stamp: Stamp, parent: Parent) -> Write:
    """Count a child that is live or has succeeded as one of its parent's present generation: what
    cancels the children of an older one must not cancel it."""
    unchanged_since_it_was_read = Is("nonce", record.nonce)
    changes: dict[str, Any] = {"parent": parent, "cancel_requested": False}
    if record.finished:
        changes["expires_at"] = parent.kept_until
    if record.finished or record.cancel_requested:
        changes["updated_at"] = stamp.now
    when = (starts(Verb.ADOPT), unchanged_since_it_was_read)
    return Write(verb=Verb.ADOPT, nonce=stamp.nonce, when=when, put=changes)


def retry_child(record: JobRecord, stamp: Stamp, parent: Parent, ends_by: int) -> Write:
    """Run a failed or canceled child again, for its parent's present generation. `ends_by`: the
    parent's deadline."""
    deadline = min(stamp.now + record.time_limit, ends_by)
    return again(record, stamp, deadline, {"parent": parent})


def _hash(name: str) -> str:
    return hashlib.sha256(f"overtime.{name}".encode()).hexdigest()[:32]
