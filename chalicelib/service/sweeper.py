"""Find every job whose due date has passed and do what is due: the one mechanism that repairs
lost messages, killed workers, missed delays and erasures cut off half way."""

from __future__ import annotations

import itertools
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from chalicelib.domain import verbs
from chalicelib.domain.errors import NotFound
from chalicelib.domain.job import LIVE, SECOND, JobRecord, Status, Urgency
from chalicelib.domain.transitions import Stamp
from chalicelib.domain.writes import Write
from chalicelib.logs import bound
from chalicelib.metrics import Metric
from chalicelib.service.control import clear_away
from chalicelib.service.measures import about
from chalicelib.service.ports import System
from chalicelib.service.transition import carry_out

logger = logging.getLogger(__name__)

READ_AT_ONCE = 100  # DynamoDB's limit on a batch read
REMINDERS_LOOKED_AT = 2_000  # a sweep: what is left comes with the next


def sweep(system: System, ends_at: int) -> Counter[str]:
    """One round, until `ends_at` (epoch ms) at the latest; what was done, counted by verb.

    Rescues, deadlines and schedules come before reminders. Two sweepers at once, or one that
    dies half way, do no harm: every step is a conditional write of its own.
    """
    done: Counter[str] = Counter()
    most_late = 0

    def due(urgency: Urgency) -> Iterator[JobRecord]:
        nonlocal most_late
        for record in _records(system, urgency, ends_at):
            if record.due_at is not None:
                most_late = max(most_late, system.clock.now() - record.due_at)
            yield record

    def visit(record: JobRecord) -> None:
        with bound(**about(record)):
            done[_visit(system, record)] += 1

    for record in due(Urgency.MUST):
        visit(record)
    late = itertools.islice(due(Urgency.REMIND), REMINDERS_LOOKED_AT)
    for record in _missing_from_queue(system, late):
        if system.clock.now() >= ends_at:
            break
        visit(record)
    metrics = {
        Metric.OLDEST_DUE_SECONDS: most_late / SECOND,
        Metric.SWEEP_VISITS: done.total(),
    }
    logger.info("swept", extra={"done": dict(done), "metrics": metrics})
    return done


def what_is_due(record: JobRecord, stamp: Stamp) -> Write | None:
    """None: the index was behind, or somebody else was faster."""
    if record.due_at is None or record.due_at > stamp.now:
        return None
    if record.status in LIVE and record.deadline <= stamp.now:
        return verbs.expire(record, stamp)
    match record.status:
        case Status.RUNNING:
            return verbs.rescue(record, stamp)
        case Status.QUEUED:
            return verbs.remind(record, stamp)
        case _:
            return None


def _visit(system: System, record: JobRecord) -> str:
    """One job's failure must not keep the sweeper from the others."""
    try:
        if record.status is Status.ERASING:
            clear_away(system, record)
            return "erase"
        verb = "nothing"

        def decide(now_is: JobRecord, stamp: Stamp) -> Write | None:
            nonlocal verb
            write = what_is_due(now_is, stamp)
            verb = write.verb if write else "nothing"
            return write

        carry_out(system, record, decide)
        return verb
    except NotFound:
        return "nothing"
    except Exception:
        logger.exception("visit_failed")
        return "error"


def _missing_from_queue(system: System, late: Iterable[JobRecord]) -> Iterator[JobRecord]:
    """Of the jobs that nobody claimed in time, as many a lane as its queue holds too few
    messages for: behind a real backlog they are merely waiting, and need no second message. What
    has run out of time there is expired, message or not."""
    lanes: defaultdict[str, list[JobRecord]] = defaultdict(list)
    for record in late:
        if record.deadline <= system.clock.now():
            yield record
        else:
            lanes[record.lane].append(record)
    for lane, records in lanes.items():
        missing = len(records) - system.messages.waiting(lane)
        yield from records[: max(missing, 0)]


def _records(system: System, urgency: Urgency, ends_at: int) -> Iterator[JobRecord]:
    ids = system.jobs.due(urgency, system.clock.now())
    while batch := list(itertools.islice(ids, READ_AT_ONCE)):
        for record in system.jobs.read_many(batch):
            if system.clock.now() >= ends_at:
                return
            yield record
