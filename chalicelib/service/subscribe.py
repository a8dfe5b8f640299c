"""The client's side of push: connect with a ticket, subscribe to jobs, disconnect.

A subscription is stored first, then the record is marked as watched, and then its state is sent. A
change before the mark is part of that state; a change after it is pushed to the subscriber.
"""

from __future__ import annotations

import logging
import re
from typing import Annotated, Literal

import msgspec

from chalicelib.domain import verbs
from chalicelib.domain.errors import (
    ClientError,
    Gone,
    MalformedRequest,
    NotFound,
    OvertimeError,
    TooManySubscriptions,
    Unauthorized,
    Unavailable,
)
from chalicelib.domain.job import DAY, HOUR, ID, MINUTE, JobRecord, Status
from chalicelib.domain.transitions import Stamp
from chalicelib.domain.values import encode
from chalicelib.domain.writes import Write
from chalicelib.ports.push import Connection, Pushing, Subscriber
from chalicelib.ports.system import System
from chalicelib.service import tickets
from chalicelib.service.push import remove_connection
from chalicelib.service.read import find
from chalicelib.service.transition import carry_out
from chalicelib.telemetry.logs import bind
from chalicelib.telemetry.metrics import Metric

logger = logging.getLogger(__name__)

CONNECTION_LIVES = 2 * HOUR + 5 * MINUTE  # API Gateway's quota, and some slack
CHANNEL_LIVES = DAY  # AppSync closes a connection after a day
CHANNEL = re.compile(rf"/?jobs/({ID.pattern})")
SUBSCRIPTIONS_AT_MOST = 100  # of a connection: its item lists them


class ClientMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message from a client."""

    action: Literal["subscribe", "unsubscribe"]
    job: Annotated[str, msgspec.Meta(max_length=64)]  # it is logged, and echoed


def connect(system: System, connection_id: str, ticket_text: str | None) -> None:
    """Raises Unauthorized if the ticket is not valid, or another connection has used it."""
    ticket = tickets.examine(system, ticket_text)
    expires_at = system.clock.now() + CONNECTION_LIVES
    connection = Connection(connection_id, ticket.owner, ticket.base, expires_at)
    if not _pushing(system).connections.open(connection, ticket.id, ticket.expires_at):
        raise Unauthorized("The ticket has been used: get a fresh one from POST /tickets.")
    logger.info("connected", extra={"connection": connection_id, "owner": ticket.owner})


def receive(system: System, connection_id: str, body: str | bytes) -> None:
    """Do what a message asks for, and answer it, also with a refusal."""
    pushing, job = _pushing(system), None
    try:
        connection = pushing.connections.find(connection_id, system.clock.now())
        if connection is None:
            raise Unauthorized("The connection has expired: connect again.")
        bind(owner=connection.owner)
        message = _parse(body)
        job = message.job
        answer = _carry_out(system, pushing, connection, message)
        logger.info(message.action, extra={"connection": connection_id, "job": job})
    except (ClientError, Unavailable) as error:
        logger.info("message_refused", extra={"connection": connection_id, "error": error.slug})
        answer = pushing.refused(error, job)
    except Exception:
        logger.exception("message_failed", extra={"connection": connection_id})
        answer = pushing.refused(OvertimeError("The error has been logged."), job)
    _answer(pushing, connection_id, answer)


def disconnect(system: System, connection_id: str) -> None:
    _pushing(system).connections.close(connection_id)
    logger.info("disconnected", extra={"connection": connection_id})


def is_allowed(system: System, ticket: str, operation: str, channel: str) -> bool:
    """Whether AppSync may allow this to the ticket's owner. A subscription marks the job as
    watched. AppSync sends nothing before it is in place, so the client then reads the job."""
    try:
        admission = tickets.examine(system, ticket)
        bind(owner=admission.owner)
        if operation == "EVENT_SUBSCRIBE":
            job_id = _job_of(channel)
            to = Subscriber(f"/jobs/{job_id}", admission.base)
            watch(system, admission.owner, job_id, to, system.clock.now() + CHANNEL_LIVES)
    except ClientError as error:
        logger.info("refused", extra={"operation": operation, "error": error.slug})
        return False
    return operation in ("EVENT_CONNECT", "EVENT_SUBSCRIBE")


def watch(system: System, owner: str, job_id: str, to: Subscriber, until: int) -> JobRecord:
    """Push a job's changes to a subscriber from now on; returns the job. Raises NotFound for
    another owner's job."""
    return _watch(system, _pushing(system), find(system, owner, job_id), to, until)


def _job_of(channel: str) -> str:
    found = CHANNEL.fullmatch(channel)
    if found is None:
        raise NotFound("There is no such channel; the channels are /jobs/<id>.")
    return found[1]


def _parse(body: str | bytes) -> ClientMessage:
    try:
        return msgspec.json.decode(body, type=ClientMessage)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        shape = '{"action": "subscribe" or "unsubscribe", "job": "<id>"}'
        raise MalformedRequest(f"A message must be {shape}: {error}.") from None


def _carry_out(
    system: System, pushing: Pushing, connection: Connection, message: ClientMessage
) -> str:
    if message.action == "unsubscribe":
        pushing.connections.unsubscribe(connection, message.job)
        return encode({"type": "unsubscribed", "job": message.job})
    record = find(system, connection.owner, message.job)
    if not pushing.connections.reserve(connection, record, SUBSCRIPTIONS_AT_MOST):
        raise TooManySubscriptions(
            f"A connection can subscribe to {SUBSCRIPTIONS_AT_MOST} jobs: unsubscribe from one, or"
            " open another connection."
        )
    to = Subscriber(connection.id, connection.base)
    record = _watch(system, pushing, record, to, connection.expires_at)
    return pushing.updated(record, connection.base, system.tasks)


def _watch(
    system: System, pushing: Pushing, record: JobRecord, to: Subscriber, until: int
) -> JobRecord:
    def decide(now_is: JobRecord, stamp: Stamp) -> Write | None:
        if now_is.uid != record.uid or now_is.status is Status.ERASING:
            raise NotFound("The job was erased meanwhile.")
        return None if now_is.watched else verbs.watch(now_is, stamp)

    pushing.connections.subscribe(record, to, until)
    if record.watched:  # it was read before the subscription, and may have changed since
        return carry_out(system, find(system, record.owner, record.id), decide)
    return carry_out(system, record, decide)


def _answer(pushing: Pushing, connection_id: str, text: str) -> None:
    try:
        pushing.push.send(connection_id, text)
    except Gone:
        remove_connection(pushing, connection_id)
    except Unavailable:
        logger.warning(
            "answer_not_sent",
            extra={"connection": connection_id, "metrics": {Metric.PUSH_FAILURES: 1}},
        )


def _pushing(system: System) -> Pushing:
    assert system.pushing is not None, "the handlers exist only on a stage that pushes"
    return system.pushing
