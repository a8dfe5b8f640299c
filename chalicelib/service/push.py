"""Push a job's changes to its subscribers: best effort, since clients can always poll, and in the
background, so that the job never waits for it."""

from __future__ import annotations

import logging

from chalicelib.domain.errors import Gone, Unavailable
from chalicelib.domain.job import SECOND, JobRecord
from chalicelib.ports.push import Pushing, Subscriber
from chalicelib.ports.system import System
from chalicelib.service.measures import log_fields
from chalicelib.telemetry.logs import bound
from chalicelib.telemetry.metrics import Metric

logger = logging.getLogger(__name__)

CHANGE_AT_MOST = 5 * SECOND  # for all subscribers of one change


def push_change(system: System, record: JobRecord) -> None:
    """Queue a push of the job's present state to its subscribers. It replaces an older state that
    was not sent yet."""
    pushing = system.pushing
    if pushing is not None and record.watched:
        pushing.outbox.put(record.id, lambda: _tell(system, pushing, record))


def _tell(system: System, pushing: Pushing, record: JobRecord) -> None:
    with bound(**log_fields(record)):  # the thread may by now be bound to another job
        _count(*_sent(system, pushing, record))


def _sent(system: System, pushing: Pushing, record: JobRecord) -> tuple[int, int]:
    """The number of subscribers that got the change, and of those that missed it."""
    until = system.clock.now() + CHANGE_AT_MOST
    try:
        subscribers = pushing.connections.subscribers(record, system.clock.now())
    except Unavailable:
        return 0, 1
    sent = gone = 0
    for subscriber in _from_anywhere(subscribers, system.random()):
        if system.clock.now() >= until:
            break
        try:
            text = pushing.updated(record, subscriber.base, system.tasks)
            pushing.push.send(subscriber.address, text)
            sent += 1
        except Gone:
            gone += 1
            remove_connection(pushing, subscriber.address, record)
        except Unavailable:
            continue  # it counts as missed
    return sent, len(subscribers) - sent - gone


def remove_connection(pushing: Pushing, address: str, record: JobRecord | None = None) -> None:
    """Also removes its subscription to `record`, which may still exist without the connection."""
    try:
        if record is not None:
            pushing.connections.drop(record, address)
        pushing.connections.close(address)
    except Unavailable:
        logger.warning("connection_not_closed", extra={"connection": address})  # it expires


def _from_anywhere(subscribers: list[Subscriber], random: float) -> list[Subscriber]:
    """In an order that starts anywhere: if time runs out, it is not always the same subscribers
    that miss the change."""
    start = int(random * len(subscribers))
    return subscribers[start:] + subscribers[:start]


def _count(sent: int, failed: int) -> None:
    if sent or failed:
        level = logging.WARNING if failed else logging.INFO
        metrics = {Metric.PUSHES: sent, Metric.PUSH_FAILURES: failed}
        logger.log(level, "pushed", extra={"metrics": metrics})
