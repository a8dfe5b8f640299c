"""Carry out a transition: decide, write, decide again if the job has changed, and then log, send
and push."""

from __future__ import annotations

import logging
from collections.abc import Callable

from chalicelib.domain.cascades import cascade_job, cascades
from chalicelib.domain.errors import ConditionFailed, NotFound, Unavailable
from chalicelib.domain.job import JobRecord, Status
from chalicelib.domain.transitions import TABLE, Stamp, message_delay
from chalicelib.domain.webhooks import wanted, webhook_job
from chalicelib.domain.writes import NewJob, Verb, Write
from chalicelib.ports.system import System
from chalicelib.service.measures import log_fields, measured
from chalicelib.service.push import push_change
from chalicelib.telemetry.logs import bound

logger = logging.getLogger(__name__)

DECISIONS_AT_MOST = 10  # a job changes a few times a second at worst

Decide = Callable[[JobRecord, Stamp], Write | None]


def carry_out(system: System, record: JobRecord, decide: Decide) -> JobRecord:
    """Apply the write that `decide` returns for the record; None means that there is none.

    Returns the record after it. Raises NotFound if the job is gone.
    """
    for _ in range(DECISIONS_AT_MOST):
        write = decide(record, stamp(system))
        if write is None:
            return record
        try:
            after = _apply(system, record, write)
        except ConditionFailed as failed:
            if failed.current is None:
                raise NotFound("The job was erased meanwhile.") from None
            record = failed.current
            continue
        return after
    raise Unavailable("The job changes too fast for this request: try again.")


def _apply(system: System, record: JobRecord, write: Write) -> JobRecord:
    """A write that finishes a job also stores the jobs that follow from it: the delivery of its
    webhook, and the canceling of its children."""
    after = write.applied_to(record)
    if after.status in TABLE[write.verb].end and (following := _following(system, after)):
        write = write.held_to(record, *following)
    after = system.jobs.apply(record.id, write)
    announce(system, after, write.verb)
    for companion in write.companions:
        with bound(**log_fields(companion.record)):
            announce(system, companion.record, Verb.SUBMIT)
    return after


def _following(system: System, after: JobRecord) -> list[NewJob]:
    found = []
    if wanted(after):
        found.append(webhook_job(after, system.webhook_body(after), system.new_id()))
    if cascades(after):
        found.append(cascade_job(after, system.new_id()))
    return [NewJob(one) for one in found]


def announce(system: System, record: JobRecord, verb: Verb, *, send: bool = True) -> None:
    """What follows a change of a job, by the verb's row in the table: a log line with metrics, the
    message if the job is queued (unless the caller sends it), and a push to subscribers."""
    row = TABLE[verb]
    if row.logged:
        fields = {
            "status": str(record.status),
            "error": record.error.type if record.error else None,
            "metrics": measured(record, verb),
        }
        logger.info(verb, extra=fields)
    if send and row.enqueues and record.status is Status.QUEUED:
        enqueue(system, record)
    if row.visible:
        push_change(system, record)


def enqueue(system: System, record: JobRecord) -> None:
    """Send the job's message. If that fails, the job is only delayed: the record is stored with a
    due date, and the sweeper sends the message again."""
    delay = message_delay(record.not_before, system.clock.now())
    if delay is None:
        return
    try:
        system.messages.send(record, delay)
    except Unavailable:
        logger.warning("message_not_sent", extra={"lane": record.lane})


def stamp(system: System) -> Stamp:
    return Stamp(now=system.clock.now(), nonce=system.new_id())
