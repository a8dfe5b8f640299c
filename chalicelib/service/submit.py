"""Accept a job: one conditional write, one message. The job is accepted once the write is done."""

from __future__ import annotations

import hashlib
import hmac
import logging
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
from chalicelib.domain.params import decode
from chalicelib.domain.task import Task
from chalicelib.domain.values import decode_json, differences, digest, encode
from chalicelib.domain.writes import Verb
from chalicelib.ports.system import System
from chalicelib.service import uploads
from chalicelib.service.erase import clear_away
from chalicelib.service.measures import log_fields
from chalicelib.service.stash import PARAMS_INLINE, fetch, stash
from chalicelib.service.transition import announce, enqueue
from chalicelib.telemetry.logs import bind

logger = logging.getLogger(__name__)

FURTHEST_RUN_AT = 30 * DAY


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asks for. Times in epoch milliseconds, `cancel_after` in milliseconds."""

    owner: str
    task: str
    params: Any  # JSON as parsed
    params_given: bool = True  # False: the request had no params, and they are {}
    run_at: int | None = None
    cancel_after: int | None = None
    key: str | None = None  # Idempotency-Key
    webhook: Webhook | None = None
    base: str | None = None  # what the API's URLs begin with

    def body(self) -> dict[str, Any]:
        """What must be equal in a later request with the same key."""
        return _body(self.task, self.params, self.run_at, self.webhook)


class Accepted(msgspec.Struct, frozen=True):
    job: JobRecord
    replayed: bool


def submit(system: System, submission: Submission) -> Accepted:
    """Store the job, or find the one that this Idempotency-Key led to before.

    Raises InvalidRequest, KeyReused, and Unavailable if it is unknown whether the job was stored.
    """
    job_id = (
        system.new_id()
        if submission.key is None
        else _id_for_key(system, submission.owner, submission.key)
    )
    body_digest = digest(submission.body())
    try:
        task = task_named(system, submission.task)
        params = encode(submission.params)
        check(system, submission, task, params)
    except InvalidRequest:
        # A deployment may have changed the rules since: the existing job still counts.
        existing = system.jobs.read(job_id) if submission.key is not None else None
        if existing is None or not existing.visible(system.clock.now()):
            raise
        return _replay(system, submission, existing, body_digest)
    bind(job=job_id, task=task.name, attempt=0, owner=submission.owner)
    for _ in range(3):
        record = new_record(system, submission, task, params, job_id, body_digest)
        try:
            system.jobs.submit(record)
        except ConditionFailed as taken:
            if taken.current is None:
                continue
            if not taken.current.visible(system.clock.now()):
                clear_away(system, taken.current)  # expired, or erased half way
                continue
            return _replay(system, submission, taken.current, body_digest)
        announce(system, record, Verb.SUBMIT)
        return Accepted(record, replayed=False)
    raise Unavailable("An earlier job under this Idempotency-Key is being erased: try again.")


def _body(task: str, params: Any, run_at: int | None, webhook: Webhook | None) -> dict[str, Any]:
    webhook_member = (
        None if webhook is None else {"url": webhook.url, "events": list(webhook.events)}
    )
    return {"task": task, "params": params, "run_at": run_at, "webhook": webhook_member}


def refuse_unknown_task(system: System, body: Any) -> None:
    """Raises InvalidRequest if a body names an unknown task, even if it has other errors."""
    if isinstance(body, dict) and isinstance(name := body.get("task"), str):
        task_named(system, name)


def task_named(system: System, name: str) -> Task:
    task = system.tasks().get(name)
    if task is None or task.internal:
        known = ", ".join(name for name, task in system.tasks().items() if not task.internal)
        detail = " ".join(
            [f"There is no task {name!r}; the tasks are: {known}.", *system.broken_tasks()]
        )
        raise InvalidRequest(detail, errors=(FieldError("/task", detail),))
    return task


def check(system: System, submission: Submission, task: Task, params: str) -> None:
    if task.takes_params and not submission.params_given:
        detail = f"The task {task.name} needs params; GET /tasks has their schema."
        raise InvalidRequest(detail, errors=(FieldError("/params", detail),))
    decode(task.params_type, submission.params)
    now = system.clock.now()
    if submission.run_at is not None and submission.run_at > now + FURTHEST_RUN_AT:
        detail = "run_at is more than 30 days ahead."
        raise InvalidRequest(detail, errors=(FieldError("/run_at", detail),))
    if (
        submission.run_at
        and submission.cancel_after
        and submission.run_at >= now + submission.cancel_after
    ):
        detail = "Cancel-After ends before run_at, so the job could never run."
        raise InvalidRequest(detail, errors=(FieldError("/run_at", detail),))
    uploads.check(system, submission.owner, submission.params, params)
    if submission.webhook is not None:
        _check_webhook(system, submission.owner, submission.webhook, now)


def _check_webhook(system: System, owner: str, webhook: Webhook, now: int) -> None:
    """Checks the text of the URL. The addresses of its host are checked at each delivery."""
    try:
        system.web.check(webhook.url)
    except PermanentError as error:
        raise InvalidRequest(
            error.detail, errors=(FieldError("/webhook/url", error.detail),)
        ) from None
    if not system.signing_secrets.of(owner, now):
        detail = (
            f"There is no secret to sign {owner}'s webhooks with. An operator of this service "
            f"creates one with `make webhook-secret STAGE=… OWNER={owner}`."
        )
        raise InvalidRequest(detail, errors=(FieldError("/webhook", detail),))


def new_record(
    system: System, submission: Submission, task: Task, params: str, job_id: str, body_digest: str
) -> JobRecord:
    now, uid = system.clock.now(), system.new_id()
    may_ask = any(one.asks for one in system.tasks().values())  # this job, or one of its children
    not_before = max(submission.run_at or now, now)
    time_limit = submission.cancel_after or int(task.timeout * 1_000)
    record = JobRecord(
        id=job_id,
        uid=uid,
        nonce=uid,
        owner=submission.owner,
        task=task.name,
        lane=task.lane,
        created_at=now,
        updated_at=now,
        params=stash(system, f"{payload_prefix(job_id, uid)}params", params, PARAMS_INLINE),
        request_digest=body_digest,
        run_at=submission.run_at,
        not_before=not_before,
        # Cancel-After counts from creation; a task's own timeout from when it may begin.
        deadline=(now if submission.cancel_after else not_before) + time_limit,
        time_limit=time_limit,
        retention=system.rules.retention,
        webhook=submission.webhook,
        base=submission.base if may_ask else None,
        max_attempts=task.max_attempts,
        status=Status.QUEUED,
    )
    return verbs.submit(record, now)


def _replay(
    system: System, submission: Submission, existing: JobRecord, body_digest: str
) -> Accepted:
    bind(**log_fields(existing))
    if existing.request_digest != body_digest:
        params = decode_json(fetch(system, existing.params))
        before = _body(existing.task, params, existing.run_at, existing.webhook)
        raise KeyReused(
            "This Idempotency-Key was used for another request: use a new key for a new request.",
            errors=(
                FieldError(place, "differs from the first request under this key")
                for place in differences(before, submission.body())
            ),
        )
    if existing.status is Status.QUEUED and not existing.suspended:
        enqueue(system, existing)  # the first request may have died before it sent the message
    return Accepted(existing, replayed=True)


def _id_for_key(system: System, owner: str, key: str) -> str:
    """An HMAC under the stage's secret for ids, so that an id reveals neither owner nor key. The
    lengths keep apart pairs that would be equal when joined."""
    name = b"".join(len(part).to_bytes(4) + part for part in (owner.encode(), key.encode()))
    return hmac.new(system.secrets.for_ids(), name, hashlib.sha256).hexdigest()[:32]
