"""Overtime: every route and every trigger.

chalicelib/service has the use cases, one in each file; chalicelib/http has requests and answers;
chalicelib/tasks has the tasks, which is where yours go.
"""

import importlib
import os
import sys
import time
from functools import partial
from typing import Any

from chalice import AuthResponse, Chalice, Rate, Response
from chalice.app import AuthRequest, CloudWatchEvent, SQSEvent, WebsocketEvent
from msgspec import UNSET

from chalicelib import __version__, service, wiring
from chalicelib.domain.job import Artifact, Stored
from chalicelib.http import answers, children, console, frames, operations, questions, schedules
from chalicelib.http.access import access_lines
from chalicelib.http.auth import admit, guard, owner_of
from chalicelib.http.openapi import openapi_page, task_list
from chalicelib.http.problems import answering
from chalicelib.http.representation import HealthView, ticket_view, upload_view
from chalicelib.http.requests import Call, SubmitBody, UploadBody, base_of
from chalicelib.http.routes import Routes
from chalicelib.mcp import endpoint as mcp
from chalicelib.ports.system import System
from chalicelib.runtime.invocation import ends_at
from chalicelib.service import family, read, tickets, uploads
from chalicelib.service.submit import Submission, refuse_unknown_task, submit
from chalicelib.settings import LOCAL, ByAppSync, ByWebSocket, read_settings
from chalicelib.tasks import registered
from chalicelib.telemetry import logs

if os.environ.get("STAGE") == LOCAL and "chalice.cli.reloader" in sys.modules:  # chalice local
    importlib.import_module("local.chalice_local").prepare(os.environ)

settings = read_settings(os.environ)
tasks = partial(registered, skip_broken=settings.stage == LOCAL)  # `make deploy` refuses them
logs.configure(settings.table.removesuffix("-jobs"))  # overtime-dev, the prefix of all its names

app = Chalice(app_name="overtime", configure_logs=False)  # logs.py does, for all loggers
app.register_middleware(logs.within_invocation, "all")
app.register_middleware(access_lines(time.perf_counter), "http")
app.register_middleware(answers.without_body_of_head, "http")
app.register_middleware(wiring.outbox.around, "all")  # pushes are sent before the answer
answered = answering(app)  # an exception in a view becomes a problem document
authenticator = partial(wiring.authenticator, settings)


def system() -> System:
    return wiring.system(settings)


@app.authorizer(name="authorize", ttl_seconds=60)  # so revoking takes effect within a minute
def authorize(request: AuthRequest) -> AuthResponse:
    return admit(request.token, authenticator().owner_of)


def current_call() -> Call:
    request = app.current_request
    assert request is not None  # there is one while a view runs
    owner = owner_of(settings.auth, request.context)
    logs.bind(owner=owner)
    base, at = base_of(request, settings.public_url), system()
    longest, now, counted = settings.max_wait_seconds, at.clock.now, family.counting(at)
    return Call(request, owner, base, at.secrets.for_seals, longest, now, at.tasks, counted)


routes = Routes(answered, guard(settings.auth, authorize), settings.allowed_origin, current_call)
route = routes.on(app)
app.register_blueprint(console.surface(routes, settings.auth, lambda: uploads.origins(system())))
app.register_blueprint(children.surface(routes, family, lambda: system()))
app.register_blueprint(questions.surface(routes, lambda: service.answers, lambda: system()))
app.register_blueprint(schedules.surface(routes, lambda: service.schedules.Schedules(system())))
app.register_blueprint(mcp.surface(routes, settings, lambda: system()))


def download_url(stored: Stored | Artifact) -> str:
    return read.download_url(system(), stored)


# ── jobs ──────────────────────────────────────────────────────────────────────────────────


@route(operations.SUBMIT_JOB)
def submit_job() -> Response:
    """Submit a job.

    After the 202 the job is stored, and it will finish whatever crashes. With an
    Idempotency-Key you can repeat the request safely: it creates one job.
    """
    call = current_call()
    body = call.body(SubmitBody, partial(refuse_unknown_task, system()))
    asked = Submission(
        owner=call.owner,
        task=body.task,
        params=body.params or {},
        params_given=body.params is not UNSET,
        run_at=body.run_at_ms,
        cancel_after=call.cancel_after,
        key=call.idempotency_key,
        webhook=body.webhook.seen_from(call.base) if body.webhook else None,
        base=call.base,
    )
    accepted = submit(system(), asked)
    seen = read.until_finished(system(), accepted.job, call.wait_until)
    return answers.accepted(call, *seen, replayed=accepted.replayed)


@route(operations.GET_JOB)
def get_job(job_id: str) -> Response:
    """Show a job.

    Repeat the request after Retry-After seconds, and send the last ETag as If-None-Match. Or send
    `Prefer: wait=N`: the request is then held until the job changes.
    """
    call = current_call()
    is_news = partial(answers.is_news, call)
    seen = read.wait(system(), call.owner, job_id, call.wait_until, is_news)
    return answers.job_unless_known(call, *seen)


@route(operations.LIST_JOBS)
def list_jobs() -> Response:
    """List your jobs, newest first.

    With filters a page may be short or empty. The list ends at `"next": null`.
    """
    call = current_call()
    query = call.list_query("status", "task")
    status, task = query.status, query.filters.get("task")
    found = read.list_jobs(
        system(), call.owner, status=status, task=task, limit=query.limit, before=query.position
    )
    return answers.job_list(call, found.jobs, query.following(found.next))


@route(operations.GET_PARAMS)
def get_params(job_id: str) -> Response:
    """Fetch a job's params."""
    return answers.payload(read.params(system(), current_call().owner, job_id), download_url)


@route(operations.GET_RESULT)
def get_result(job_id: str) -> Response:
    """Fetch a job's result."""
    return answers.payload(read.result(system(), current_call().owner, job_id), download_url)


@route(operations.GET_ARTIFACT)
def get_artifact(job_id: str, name: str) -> Response:
    """Fetch a file that a job attached."""
    artifact = read.artifact(system(), current_call().owner, job_id, name)
    return answers.see(download_url(artifact))


@route(operations.LIST_EVENTS)
def list_events(job_id: str) -> Response:
    """List a job's events: transitions and log lines, oldest first."""
    call = current_call()
    query = call.list_query()
    events, following = read.events(system(), call.owner, job_id, query.limit, query.position or "")
    return answers.event_list(call, events, query.following(following))


@route(operations.CANCEL_JOB)
def cancel_job(job_id: str) -> Response:
    """Cancel a job.

    A queued job is canceled at once. A running job is canceled when its worker sees the request,
    with its next heartbeat.
    """
    call = current_call()
    job = service.control.cancel(system(), call.owner, job_id)
    return answers.canceled(call, *read.until_finished(system(), job, call.wait_until))


@route(operations.RETRY_JOB)
def retry_job(job_id: str) -> Response:
    """Run a failed or canceled job again.

    It gets all its attempts again, and keeps its checkpoint and `once` results.
    """
    call = current_call()
    is_unchanged = partial(answers.is_unchanged, call)
    job = service.control.retry(system(), call.owner, job_id, is_unchanged, base=call.base)
    return answers.show_job(call, job, 202)


@route(operations.ERASE_JOB)
def erase_job(job_id: str) -> Response:
    """Delete a finished job with its params, result, artifacts and events."""
    call = current_call()
    service.erase.erase(system(), call.owner, job_id, base=call.base)
    return Response("", status_code=204)


# ── uploads, tickets and the API itself ───────────────────────────────────────────────────


@route(operations.CREATE_UPLOAD)
def create_upload() -> Response:
    """Get a URL to upload a file to.

    PUT the bytes to `upload.url` with exactly the headers in `upload.headers`. Then use the id in
    a job's params.
    """
    call = current_call()
    body = call.body(UploadBody)
    ticket = uploads.create(system(), call.owner, body.media_type, body.size)
    return answers.json(upload_view(ticket), 201)


@route(operations.CREATE_TICKET)
def create_ticket() -> Response:
    """Get a ticket for a WebSocket that pushes the changes of your jobs.

    Connect to `url` with `?ticket=` within a minute; a ticket works once. Then send
    `{"action": "subscribe", "job": "<id>"}`.
    """
    call = current_call()
    return answers.json(ticket_view(tickets.issue(system(), call.owner, call.base)), 201)


@route(operations.LIST_TASKS)
def list_tasks() -> Response:
    """List the tasks that you can submit, with JSON Schemas of their params and results."""
    return answers.json(task_list(tasks().values()))


@route(operations.GET_OPENAPI)
def get_openapi() -> Response:
    """Describe this API as OpenAPI 3.1."""
    page = openapi_page(app, tuple(tasks().values()), __version__, current_call().base)
    return answers.page(page)


@route(operations.GET_HEALTH)
def get_health() -> Response:
    """Check that the API answers."""
    return answers.json(HealthView("ok", __version__))


# ── triggers ──────────────────────────────────────────────────────────────────────────────


@app.on_sqs_message(**settings.trigger("default"))
def default_worker(event: SQSEvent) -> None:
    work(event)


@app.on_sqs_message(**settings.trigger("heavy"))
def heavy_worker(event: SQSEvent) -> None:
    work(event)


@app.on_sqs_message(**settings.trigger("webhooks"))
def webhooks_worker(event: SQSEvent) -> None:
    work(event)


def work(event: SQSEvent) -> None:
    until = ends_at(event, system().clock)
    service.worker.process_messages(system(), [message.body for message in event], until)


@app.schedule(Rate(1, unit=Rate.MINUTES), name="sweep")
def sweep(event: CloudWatchEvent) -> None:
    service.sweeper.sweep(system(), ends_at(event, system().clock) - 5_000)  # ms, to end by itself


if isinstance(settings.transport, ByWebSocket):
    app.experimental_feature_flags.update(["WEBSOCKETS"])

    @app.on_ws_connect()
    @answered
    def websocket_connect(event: WebsocketEvent) -> Response:
        service.subscribe.connect(system(), event.connection_id, frames.ticket_in(event.to_dict()))
        return Response("")

    @app.on_ws_message()
    def websocket_message(event: WebsocketEvent) -> None:
        service.subscribe.receive(system(), event.connection_id, frames.message_in(event.to_dict()))

    @app.on_ws_disconnect()
    def websocket_disconnect(event: WebsocketEvent) -> None:
        service.subscribe.disconnect(system(), event.connection_id)


if isinstance(settings.transport, ByAppSync):

    @app.lambda_function(name="authorize_push")
    def authorize_push(event: dict[str, Any], context: Any) -> dict[str, Any]:
        return frames.may(service.subscribe.is_allowed(system(), **frames.operation_in(event)))
