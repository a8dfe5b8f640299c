"""Show the children of a job: how many there are, and which."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from chalicelib.domain import children
from chalicelib.domain.children import ChildCounts
from chalicelib.domain.job import JobRecord, Status
from chalicelib.ports.stores import READ_AT_ONCE
from chalicelib.ports.system import System
from chalicelib.service import ledgers
from chalicelib.service.read import EXAMINED_AT_MOST, JobPage, get


def counting(system: System) -> Callable[[JobRecord], ChildCounts | None]:
    """`counts`, which reads nothing when it is asked about the same record again: an answer's body
    and its tag then show the same."""
    last: list[tuple[JobRecord, ChildCounts | None]] = []

    def counted(record: JobRecord) -> ChildCounts | None:
        if not last or last[0][0] is not record:
            last[:] = [(record, counts(system, record))]
        return last[0][1]

    return counted


def counts(system: System, record: JobRecord) -> ChildCounts | None:
    """Of the present generation, from the ledgers. None if there are no children; reads nothing
    then. A child is counted as ended a moment after its end."""
    found = [one for one in record.maps or () if one.generation == record.generation]
    if not found:
        return None
    entered = [ledger for one in found for ledger in ledgers.read(system, record, one)]
    ended = {
        status: sum(ledger.count(status) for ledger in entered)
        for status in (Status.SUCCEEDED, *ledgers.UNSUCCESSFUL)
    }
    stored = sum(one.stored if one.total is None else one.total for one in found)
    return ChildCounts(max(stored, sum(ended.values())), *ended.values())


def list_children(
    system: System, owner: str, job_id: str, *, status: Status | None, limit: int, after: str | None
) -> JobPage:
    """In the order of the maps and of their items. With a status a page may be short or empty,
    because it examines a bounded number of jobs."""
    record, now = get(system, owner, job_id), system.clock.now()
    found: list[JobRecord] = []
    begin = int(after or 0)
    ids = itertools.islice(enumerate(_ids(record)), begin, begin + EXAMINED_AT_MOST)
    while page := list(itertools.islice(ids, READ_AT_ONCE)):
        stored = {one.id: one for one in system.jobs.read_many([child for _, child in page])}
        for number, child_id in page:
            child = stored.get(child_id)
            if child is None or not child.visible(now) or status not in (None, child.status):
                continue
            if len(found) == limit:
                return JobPage(found, str(number))
            found.append(child)
    reach = sum(one.reach for one in record.maps or ())
    rest = begin + EXAMINED_AT_MOST
    return JobPage(found, str(rest) if rest < reach else None)


def _ids(record: JobRecord) -> Iterator[str]:
    for one in record.maps or ():
        yield from children.child_ids(record, one.step, 0, one.reach)
