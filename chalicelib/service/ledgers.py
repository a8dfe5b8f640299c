"""Enter the ends of children in their ledgers, and look in these whether all have ended.

A ledger is written after the end that it tells of, never before. A worker may die in between:
the look at a due parent then reads those children that its ledgers miss.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from chalicelib.domain import children
from chalicelib.domain.children import Ledger
from chalicelib.domain.job import JobRecord, OpenMap, Status, Wait
from chalicelib.ports.stores import READ_AT_ONCE
from chalicelib.ports.system import System

LOOKED_AT = 2_500  # children that one look reads
UNSUCCESSFUL = (Status.FAILED, Status.CANCELED)


def enter(system: System, ended: Iterable[JobRecord]) -> list[Ledger]:
    """Of children whose ends are stored. Returns the ledgers after it."""
    places: defaultdict[str, defaultdict[Status, list[int]]]
    places, until = defaultdict(lambda: defaultdict(list)), 0
    for child in ended:
        assert child.parent is not None
        places[children.ledger_of(child.parent)][child.status].append(
            children.place_of(child.parent)
        )
        until = child.kept_until
    return [system.ledgers.add(name, how, until) for name, how in places.items()]


def read(system: System, record: JobRecord, known: OpenMap) -> list[Ledger]:
    """As many as the children need. Once their number is known, it also says how many the last one
    has: a run that died before it noted the number may have counted others."""
    names = children.ledgers_of(record, known.step, known.generation, known.total or known.reach)
    found = system.ledgers.read(names)
    if known.total:
        found = [replace(one, size=None) for one in found]
        found[-1] = replace(found[-1], size=children.last_size(known.total))
    return found


def may_go_on(system: System, record: JobRecord, wait: Wait, *, thorough: bool) -> bool:
    """Whether all children of the step have ended, or one that wakes its parent did not succeed.
    `thorough`: also reads children that the ledgers miss, and enters those that have ended."""
    known = children.map_of(record, wait.step)
    if known is None or known.total is None or known.generation != wait.generation:
        return False
    ledgers = read(system, record, known)
    if thorough and not _enough(known, ledgers):
        found = list(_ended_unnoticed(system, record, known, ledgers))
        if enter(system, found):
            ledgers = read(system, record, known)
    return _enough(known, ledgers)


def _enough(known: OpenMap, ledgers: Sequence[Ledger]) -> bool:
    failed = known.wakes and any(ledger.count(*UNSUCCESSFUL) for ledger in ledgers)
    return failed or all(ledger.full for ledger in ledgers)


def _ended_unnoticed(
    system: System, record: JobRecord, known: OpenMap, ledgers: Sequence[Ledger]
) -> Iterable[JobRecord]:
    noticed = children.indexes(ledgers, *Status)
    missing = [index for index in range(known.total or 0) if index not in noticed]
    if not missing:
        return
    start = record.reminders * LOOKED_AT % len(missing)  # each look begins where the last ended
    chosen = (missing[start:] + missing[:start])[:LOOKED_AT]
    ids = (children.child_id(record.id, record.uid, known.step, index) for index in chosen)
    while batch := list(itertools.islice(ids, READ_AT_ONCE)):
        yield from (child for child in system.jobs.read_many(batch) if child.finished)
