"""Overtime: every route and every trigger.

What a call does is in chalicelib/service, a file a use case; what is HTTP about it in
chalicelib/http; what a job does in chalicelib/tasks, which is where yours go.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from chalice import AuthResponse, Chalice, Rate, Response
from chalice.app import AuthRequest, CloudWatchEvent, SQSEvent, WebsocketEvent

from chalicelib import __version__, wiring
from chalicelib.domain.errors import OvertimeError
from chalicelib.domain.job import JobRecord
from chalicelib.http import answers, frames
from chalicelib.http.access import access_lines
from chalicelib.http.auth import PUBLIC, admit, guard, owner_of
from chalicelib.http.cross_origin import cross_origin
from chalicelib.http.openapi import describe, task_list
from chalicelib.http.preferences import matches
from chalicelib.http.problems import View, answering
from chalicelib.http.representation import HealthView, etag, ticket_view, upload_view
from chalicelib.http.requests import Call, SubmitBody, UploadBody, base_of
from chalicelib.ports.identity import Authenticator
from chalicelib.ports.system import System
from chalicelib.runtime.invocation import ends_at
from chalicelib.service import control, erase, read, subscribe, sweeper, tickets, uploads, worker
from chalicelib.service.submit import Submission, submit
from chalicelib.settings import read_settings
from chalicelib.tasks import registered
from chalicelib.telemetry import logs

settings = read_settings(os.environ)
logs.configure(settings.table.removesuffix("-jobs"))  # overtime-dev, as all of its names begin

app = Chalice(app_name="overtime", configure_logs=False)  # logs.py does, for all loggers
app.register_middleware(logs.within_invocation, "all")
app.register_middleware(access_lines(time.perf_counter), "http")
app.register_middleware(wiring.outbox.around, "all")  # what is pushed leaves before the answer
answered = answering(app)  # what a view raises becomes a problem document


def system() -> System:
    return wiring.system(settings)


def authenticator() -> Authenticator:
    return wiring.authenticator(settings)


@app.authorizer(name="authorize", ttl_seconds=60)  # so a revoked token is refused in a minute
def authorize(request: AuthRequest) -> AuthResponse:
    return admit(request.token, authenticator().owner_of)


def route(method: str, path: str) -> Callable[[View], View]:
    """Every route is declared by this, so that none can forget to ask for credentials."""
    asks = None if path in PUBLIC else guard(settings.auth, authorize)
    any_type = ["*/*"]  # a body that is not JSON gets our problem document, not Chalice's
    pages = cross_origin(settings.allowed_origin)
    declare = app.route(path, methods=[method], content_types=any_type, authorizer=asks, cors=pages)
    return lambda view: declare(answered(view))


def current_call() -> Call:
    request = app.current_request
    assert request is not None  # there is one while a view runs
    owner = owner_of(settings.auth, request.context)
    logs.bind(owner=owner)
    return Call(
        request,
        owner,
        base_of(request, settings.public_url),
        system().secrets.stage_secret,
        settings.max_wait_seconds,
        system().clock.now,
    )


# ── jobs ──────────────────────────────────────────────────────────────────────────────────


@route("POST", "/jobs")
def submit_job() -> Response:
    """Submit a job.

    Once this has answered 202 the job is stored, and reaches an end whatever crashes. With an
    Idempotency-Key the request can be repeated as often as need be: nothing runs twice.
    """
    call = current_call()
    body = call.body(SubmitBody)
    asked = Submission(
        owner=call.owner,
        task=body.task,
        params=body.params,
        run_at=body.run_at_ms,
        cancel_after=call.cancel_after,
        key=call.idempotency_key,
        webhook=body.webhook.seen_from(call.base) if body.webhook else None,
    )
    accepted = submit(system(), asked)
    job = accepted.job
    if call.wait and not job.finished:
        with suppress(OvertimeError):  # a look that fails does not undo what is accepted
            job = read.wait(system(), call.owner, job.id, call.wait, lambda job: job.finished)
    return answers.accepted(call, job, replayed=accepted.replayed)


@route("GET", "/jobs/{job_id}")
def get_job(job_id: str) -> Response:
    """Tell how a job goes.

    Poll after Retry-After seconds, send the last ETag as If-None-Match, or let the request be
    held with `Prefer: wait=N` until there is something new.
    """
    call = current_call()
    known = call.if_none_match

    def enough(job: JobRecord) -> bool:
        return job.finished or (known is not None and not matches(known, etag(job)))

    job = read.wait(system(), call.owner, job_id, call.wait or 0, enough)
    return answers.job_unless_known(call, job)


@route("GET", "/jobs")
def list_jobs() -> Response:
    """List your jobs, newest first.

    With filters a page may be short or empty: only `"next": null` ends the list.
    """
    call = current_call()
    query = call.list_query("status", "task")
    page = read.list_jobs(
        system(),
        call.owner,
        status=query.status,
        task=query.filters.get("task"),
        limit=query.limit,
        before=query.position,
    )
    return answers.job_page(call, page.jobs, query.following(page.next))


@route("GET", "/jobs/{job_id}/result")
def get_result(job_id: str) -> Response:
    """Fetch a job's result."""
    result = read.result(system(), current_call().owner, job_id)
    if result.text is not None:
        return answers.result(result.text)
    return answers.see(read.download_url(system(), result))


@route("GET", "/jobs/{job_id}/artifacts/{name}")
def get_artifact(job_id: str, name: str) -> Response:
    """Fetch a file that a job attached."""
    artifact = read.artifact(system(), current_call().owner, job_id, name)
    return answers.see(read.download_url(system(), artifact))


@route("GET", "/jobs/{job_id}/events")
def list_events(job_id: str) -> Response:
    """Tell a job's history: transitions and log lines, oldest first."""
    call = current_call()
    query = call.list_query()
    events, following = read.events(system(), call.owner, job_id, query.limit, query.position or "")
    return answers.event_page(call, events, query.following(following))


@route("POST", "/jobs/{job_id}/cancel")
def cancel_job(job_id: str) -> Response:
    """Cancel a job.

    A queued job is canceled at once; a running one's worker is told, and stops within its
    next heartbeats.
    """
    call = current_call()
    return answers.canceled(call, control.cancel(system(), call.owner, job_id))


@route("POST", "/jobs/{job_id}/retry")
def retry_job(job_id: str) -> Response:
    """Run a failed or canceled job again.

    It starts with all its attempts, and keeps what it saved: checkpoint and `once` results.
    """
    call = current_call()
    expected = call.if_match

    def unchanged(job: JobRecord) -> bool:
        return expected is None or matches(expected, etag(job))

    return answers.show_job(call, control.retry(system(), call.owner, job_id, unchanged), 202)


@route("DELETE", "/jobs/{job_id}")
def erase_job(job_id: str) -> Response:
    """Erase a finished job, with its params, result, artifacts and history."""
    erase.erase(system(), current_call().owner, job_id)
    return Response("", status_code=204)


# ── what goes into jobs, and what there is ────────────────────────────────────────────────


@route("POST", "/uploads")
def create_upload() -> Response:
    """Get a place to put a file for a job's params.

    PUT the bytes to `upload.url` with exactly the headers given, then name the id in params.
    """
    call = current_call()
    body = call.body(UploadBody)
    ticket = uploads.create(system(), call.owner, body.content_type, body.size)
    return answers.json(upload_view(ticket), 201)


@route("POST", "/tickets")
def create_ticket() -> Response:
    """Get a ticket for a WebSocket, over which you are told how your jobs go.

    Connect to `url` with `?ticket=`, once and within a minute, and send
    `{"action": "subscribe", "job": "<id>"}`.
    """
    call = current_call()
    return answers.json(ticket_view(tickets.issue(system(), call.owner, call.base)), 201)


@route("GET", "/tasks")
def list_tasks() -> Response:
    """List the tasks that can be submitted, with JSON Schemas of their params and results."""
    return answers.json(task_list(registered().values()))


@route("GET", "/openapi.json")
def openapi() -> Response:
    """Describe this API as OpenAPI 3.1."""
    return answers.json(describe(app, registered().values(), __version__))


@route("GET", "/health")
def health() -> Response:
    """Say that the API answers."""
    return answers.json(HealthView("ok", __version__))


# ── triggers ──────────────────────────────────────────────────────────────────────────────


@app.on_sqs_message(queue=settings.queue_name("default"), batch_size=1, name="default_worker")
def default_worker(event: SQSEvent) -> None:
    work(event)


@app.on_sqs_message(queue=settings.queue_name("heavy"), batch_size=1, name="heavy_worker")
def heavy_worker(event: SQSEvent) -> None:
    work(event)


@app.on_sqs_message(queue=settings.queue_name("webhooks"), batch_size=1, name="webhooks_worker")
def webhooks_worker(event: SQSEvent) -> None:
    work(event)


def work(event: SQSEvent) -> None:
    worker.process_messages(system(), [m.body for m in event], ends_at(event, system().clock))


@app.schedule(Rate(1, unit=Rate.MINUTES), name="sweep")
def sweep(event: CloudWatchEvent) -> None:
    sweeper.sweep(system(), ends_at(event, system().clock) - 5_000)  # ms, to end of its own accord


if settings.by_websocket:
    app.experimental_feature_flags.update(["WEBSOCKETS"])

    @app.on_ws_connect()
    @answered
    def websocket_connect(event: WebsocketEvent) -> Response:
        subscribe.connect(system(), event.connection_id, frames.ticket_in(event.to_dict()))
        return Response("")

    @app.on_ws_message()
    def websocket_message(event: WebsocketEvent) -> None:
        subscribe.receive(system(), event.connection_id, event.body or "")

    @app.on_ws_disconnect()
    def websocket_disconnect(event: WebsocketEvent) -> None:
        subscribe.disconnect(system(), event.connection_id)


if settings.by_appsync:

    @app.lambda_function(name="authorize_push")
    def authorize_push(event: dict[str, Any], context: Any) -> dict[str, Any]:
        return frames.may(subscribe.is_allowed(system(), **frames.operation_in(event)))
