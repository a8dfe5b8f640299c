"""Parents and children live and die together: cancel the children of a job that has ended, and
let no child run whose parent does not wait for it."""

from __future__ import annotations

import itertools

from msgspec.structs import replace

from chalicelib.domain import children, waiting_verbs
from chalicelib.domain.cascades import MAX_ATTEMPTS, TASK, TIME_LIMIT, CascadeParams
from chalicelib.domain.handle import Job
from chalicelib.domain.internal import LANE
from chalicelib.domain.job import LIVE, SECOND, JobRecord, Problem, Status
from chalicelib.domain.task import task
from chalicelib.domain.transitions import Stamp
from chalicelib.domain.writes import Is, Write
from chalicelib.ports.stores import READ_AT_ONCE
from chalicelib.ports.system import System
from chalicelib.service import transition
from chalicelib.service.control import called_off
from chalicelib.service.ends import carry_out, note_end
from chalicelib.service.erase import clear_away

ORPHANED = Problem(
    type="/problems/parent-ended",
    title="The parent no longer waits for this job",
    detail="It has ended, was erased, or runs again and has not come to this child yet.",
)


@task(TASK, lane=LANE, max_attempts=MAX_ATTEMPTS, timeout=TIME_LIMIT / SECOND)
def cancel_children(job: Job, params: CascadeParams) -> None:
    """Cancel the children of an ended job that are of its generation or an older one. A client may
    have retried the job since: the children that its new run has adopted stay."""
    from chalicelib.service.run import Run  # which the API does not need

    assert isinstance(job, Run)
    system = job.system

    def decide(child: JobRecord, stamp: Stamp) -> Write | None:
        parent = child.parent
        if parent is None or parent.uid != params.uid or parent.generation > params.generation:
            return None
        return called_off(child, stamp)

    ids = [
        (step, start, min(start + READ_AT_ONCE, reach))
        for step, reach in params.maps
        for start in range(0, reach, READ_AT_ONCE)
    ]
    for number, (step, start, end) in itertools.islice(enumerate(ids), job.state or 0, None):
        page = [children.child_id(params.parent, params.uid, step, at) for at in range(start, end)]
        with job.interrupts.shielded():
            found = [one for one in system.jobs.read_many(page) if one.status in LIVE]
            system.in_parallel(lambda child: carry_out(system, child, decide), found)
        job.checkpoint(number + 1)


def admitted(system: System, record: JobRecord) -> JobRecord | None:
    """A job that this worker has claimed, or None if it may not run: it is a child, and its parent
    does not wait for it. Then it has ended canceled, and goes if its parent is gone."""
    if record.parent is None:
        return record
    token, parent = record.lease_token, None

    def decide(now_is: JobRecord, stamp: Stamp) -> Write | None:
        nonlocal parent
        if now_is.lease_token != token or now_is.parent is None:
            return None
        parent = system.jobs.read(now_is.parent.id)
        if _waits_for(parent, now_is):
            return None
        write = waiting_verbs.abandon(now_is, stamp, ORPHANED)
        unchanged_since_it_was_read = Is("nonce", now_is.nonce)  # the parent may adopt it
        when = (*write.when, unchanged_since_it_was_read)
        expires = {"expires_at": stamp.now} if _is_gone(parent, now_is) else {}
        return replace(write, when=when, put={**write.put, **expires})

    after = transition.carry_out(system, record, decide)
    if after.lease_token == token and not after.finished:
        return after
    if after.finished and _is_gone(parent, after):
        clear_away(system, after)
    else:
        note_end(system, after)
    return None


def _waits_for(parent: JobRecord | None, child: JobRecord) -> bool:
    assert child.parent is not None
    return (
        parent is not None
        and parent.uid == child.parent.uid
        and parent.status in LIVE
        and parent.generation == child.parent.generation
    )


def _is_gone(parent: JobRecord | None, child: JobRecord) -> bool:
    assert child.parent is not None
    return parent is None or parent.uid != child.parent.uid or parent.status is Status.ERASING
