"""Tell whoever is subscribed to a job of its changes: best effort, since polling remains the
truth, and beside the work, which waits for nobody."""

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
    """Have the subscribers of this job told what it is now. A newer state of it takes the
    place of one that has not left yet."""
    pushing = system.pushing
    if pushing is not None and record.watched:
        pushing.outbox.put(record.id, lambda: _tell(system, pushing, record))


def _tell(system: System, pushing: Pushing, record: JobRecord) -> None:
    with bound(**log_fields(record)):  # whoever put it there may be about another job by now
        _count(*_sent(system, pushing, record))


def _sent(system: System, pushing: Pushing, record: JobRecord) -> tuple[int, int]:
    """How many subscribers got the change, and how many missed it."""
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
            pushing.push.send(subscriber.address, pushing.updated(record, subscriber.base))
            sent += 1
        except Gone:
            gone += 1
            remove_connection(pushing, subscriber.address, record)
        except Unavailable:
            continue  # it counts as missed
    return sent, len(subscribers) - sent - gone


def remove_connection(pushing: Pushing, address: str, record: JobRecord | None = None) -> None:
    """With its subscription to `record`, which may be there although the connection has gone."""
    try:
        if record is not None:
            pushing.connections.drop(record, address)
        pushing.connections.close(address)
    except Unavailable:
        logger.warning("connection_not_closed", extra={"connection": address})  # it expires


def _from_anywhere(subscribers: list[Subscriber], random: float) -> list[Subscriber]:
    """Where time does not suffice for all, it is not always the same ones that miss it."""
    start = int(random * len(subscribers))
    return subscribers[start:] + subscribers[:start]


def _count(sent: int, failed: int) -> None:
    if sent or failed:
        level = logging.WARNING if failed else logging.INFO
        metrics = {Metric.PUSHES: sent, Metric.PUSH_FAILURES: failed}
        logger.log(level, "pushed", extra={"metrics": metrics})
