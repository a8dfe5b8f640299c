"""Accept a job: one conditional write, one message. The write alone is the promise."""

from __future__ import annotations

import hashlib
import hmac
import logging
from dataclasses import dataclass
from typing import Any

import msgspec

from chalicelib.domain import verbs
from chalicelib.domain.errors import (
    ConditionFailed,
    FieldError,
    InvalidRequest,
    KeyReused,
    PermanentError,
    Unavailable,
)
from chalicelib.domain.job import DAY, JobRecord, Status, Webhook, payload_prefix
from chalicelib.domain.params import decode, differences, digest, encode
from chalicelib.domain.task import Task
from chalicelib.domain.transitions import Verb
from chalicelib.logs import bind
from chalicelib.service import uploads
from chalicelib.service.control import clear_away
from chalicelib.service.measures import about
from chalicelib.service.ports import System
from chalicelib.service.stash import PARAMS_INLINE, fetch, stash
from chalicelib.service.transition import announce, enqueue

logger = logging.getLogger(__name__)

FURTHEST_RUN_AT = 30 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What a client asks for. Times in epoch milliseconds, `cancel_after` in milliseconds."""

    owner: str
    task: str
    params: Any  # JSON as parsed
    run_at: int | None = None
    cancel_after: int | None = None
    key: str | None = None  # Idempotency-Key
    webhook: Webhook | None = None

    def body(self) -> dict[str, Any]:
        """What the same key must come with again."""
        return _body(self.task, self.params, self.run_at, self.webhook)


@dataclass(frozen=True, slots=True)
class Accepted:
    job: JobRecord
    replayed: bool


def submit(system: System, asked: Submission) -> Accepted:
    """Store the job, or find the one that this Idempotency-Key led to before.

    Raises InvalidRequest, KeyReused, and Unavailable where it stays unclear what was stored.
    """
    job_id = system.fresh() if asked.key is None else _id_for_key(system, asked.owner, asked.key)
    body_digest = digest(asked.body())
    try:
        task = _task(system, asked.task)
        _check(system, asked, task)
    except InvalidRequest:
        # A deployment may have changed what is valid since: the job that exists still counts.
        existing = system.jobs.read(job_id) if asked.key is not None else None
        if existing is None or not existing.visible(system.clock.now()):
            raise
        return _replay(system, asked, existing, body_digest)
    bind(job=job_id, task=task.name, attempt=0, owner=asked.owner)
    for _ in range(3):
        record = _new_record(system, asked, task, job_id, body_digest)
        try:
            system.jobs.submit(record)
        except ConditionFailed as taken:
            if taken.current is None:
                continue
            if not taken.current.visible(system.clock.now()):
                clear_away(system, taken.current)  # expired, or erased half way
                continue
            return _replay(system, asked, taken.current, body_digest)
        announce(system, record, Verb.SUBMIT)
        return Accepted(record, replayed=False)
    raise Unavailable("An earlier job under this Idempotency-Key is being erased: try again.")


def _body(task: str, params: Any, run_at: int | None, webhook: Webhook | None) -> dict[str, Any]:
    told = None if webhook is None else {"url": webhook.url, "events": list(webhook.events)}
    return {"task": task, "params": params, "run_at": run_at, "webhook": told}


def _task(system: System, name: str) -> Task:
    task = system.tasks().get(name)
    if task is None or task.internal:
        known = ", ".join(name for name, task in system.tasks().items() if not task.internal)
        detail = f"There is no task {name!r}; there are: {known}."
        raise InvalidRequest(detail, errors=(FieldError("/task", detail),))
    return task


def _check(system: System, asked: Submission, task: Task) -> None:
    decode(task.params_type, asked.params)
    now = system.clock.now()
    if asked.run_at is not None and asked.run_at > now + FURTHEST_RUN_AT:
        detail = "run_at is more than 30 days ahead."
        raise InvalidRequest(detail, errors=(FieldError("/run_at", detail),))
    if asked.run_at and asked.cancel_after and asked.run_at >= now + asked.cancel_after:
        detail = "Cancel-After ends before run_at: the job could never run."
        raise InvalidRequest(detail, errors=(FieldError("/run_at", detail),))
    uploads.check(system, asked.owner, asked.params)
    if asked.webhook is not None:
        _check_webhook(system, asked.owner, asked.webhook, now)


def _check_webhook(system: System, owner: str, webhook: Webhook, now: int) -> None:
    """What its looks tell; where the host's name leads is seen at each delivery."""
    try:
        system.web.check(webhook.url)
    except PermanentError as error:
        raise InvalidRequest(
            error.detail, errors=(FieldError("/webhook/url", error.detail),)
        ) from None
    if not system.signing_secrets.of(owner, now):
        detail = (
            f"There is no secret yet to sign {owner}'s webhooks with: whoever runs this service "
            f"makes one by `make webhook-secret STAGE=… OWNER={owner}`."
        )
        raise InvalidRequest(detail, errors=(FieldError("/webhook", detail),))


def _new_record(
    system: System, asked: Submission, task: Task, job_id: str, body_digest: str
) -> JobRecord:
    now, birth = system.clock.now(), system.fresh()
    not_before = max(asked.run_at or now, now)
    patience = asked.cancel_after or int(task.timeout * 1_000)
    record = JobRecord(
        id=job_id,
        birth=birth,
        nonce=birth,
        owner=asked.owner,
        task=task.name,
        lane=task.lane,
        created_at=now,
        updated_at=now,
        params=stash(
            system,
            f"{payload_prefix(job_id, birth)}params",
            encode(asked.params),
            PARAMS_INLINE,
        ),
        request_digest=body_digest,
        run_at=asked.run_at,
        not_before=not_before,
        # Cancel-After counts from creation; a task's own timeout from when it may begin.
        deadline=(now if asked.cancel_after else not_before) + patience,
        patience=patience,
        retention=system.rules.retention,
        webhook=asked.webhook,
        max_attempts=task.max_attempts,
        status=Status.QUEUED,
    )
    return verbs.submit(record, now)


def _replay(system: System, asked: Submission, existing: JobRecord, body_digest: str) -> Accepted:
    bind(**about(existing))
    if existing.request_digest != body_digest:
        params = msgspec.json.decode(fetch(system, existing.params))
        before = _body(existing.task, params, existing.run_at, existing.webhook)
        raise KeyReused(
            "This Idempotency-Key belongs to another request: use a fresh key for a new one.",
            errors=tuple(
                FieldError(pointer, "differs from the first request under this key")
                for pointer in differences(before, asked.body())
            ),
        )
    if existing.status is Status.QUEUED:
        enqueue(system, existing)  # the first request may have died before it sent the message
    return Accepted(existing, replayed=True)


def _id_for_key(system: System, owner: str, key: str) -> str:
    """Nobody without the stage's secret can tell which id another owner's key leads to.
    The lengths keep apart what would read alike when joined."""
    name = b"".join(len(part).to_bytes(4) + part for part in (owner.encode(), key.encode()))
    return hmac.new(system.secrets.stage_secret(), name, hashlib.sha256).hexdigest()[:32]
