"""The API's description (OpenAPI 3.1), generated from the routes of app.py, the docstrings of
its views and the models that they take and give."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chalice.app import Chalice

from chalicelib.domain.job import Status
from chalicelib.domain.params import json_schema
from chalicelib.domain.task import Task
from chalicelib.http import requests
from chalicelib.http.problems import ProblemView
from chalicelib.http.representation import (
    EventListView,
    HealthView,
    JobListView,
    JobView,
    TaskListView,
    TaskView,
    UploadView,
)

SCHEMAS = "#/components/schemas/"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """`model` None: no body, or one that has no schema of its own."""

    description: str
    model: type | None = None
    headers: tuple[str, ...] = ()
    any_json: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    answers: Mapping[int, Answer]
    problems: tuple[int, ...] = ()
    headers: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    body: type | None = None


JOB_HEADERS = ("ETag", "Cache-Control", "Retry-After")
ACCEPT_HEADERS = (
    "Location",
    "Operation-Location",
    *JOB_HEADERS,
    "Idempotency-Replayed",
    "Preference-Applied",
)

OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("POST", "/jobs"): Operation(
        answers={
            202: Answer("Accepted: stored, and done whatever crashes.", JobView, ACCEPT_HEADERS),
            200: Answer("Finished: within `Prefer: wait`, or before.", JobView, ACCEPT_HEADERS),
        },
        problems=(400, 413, 415, 422, 503),
        headers=("Idempotency-Key", "Prefer", "Cancel-After"),
        body=requests.SubmitBody,
    ),
    ("GET", "/jobs"): Operation(
        answers={200: Answer("A page of jobs.", JobListView, ("Link",))},
        problems=(400, 503),
        query=("status", "task", "limit", "cursor"),
    ),
    ("GET", "/jobs/{job_id}"): Operation(
        answers={
            200: Answer("The job.", JobView, (*JOB_HEADERS, "Preference-Applied")),
            304: Answer("It is as If-None-Match says.", None, JOB_HEADERS),
        },
        problems=(400, 404, 503),
        headers=("If-None-Match", "Prefer"),
    ),
    ("DELETE", "/jobs/{job_id}"): Operation(
        answers={204: Answer("Erased, with all its payloads.")}, problems=(404, 409, 503)
    ),
    ("GET", "/jobs/{job_id}/result"): Operation(
        answers={
            200: Answer("The result.", any_json=True),
            303: Answer("It is stored apart: go there.", None, ("Location",)),
        },
        problems=(404, 409, 503),
    ),
    ("GET", "/jobs/{job_id}/artifacts/{name}"): Operation(
        answers={303: Answer("The file is there, for 15 minutes.", None, ("Location",))},
        problems=(404, 503),
    ),
    ("GET", "/jobs/{job_id}/events"): Operation(
        answers={200: Answer("A page of events.", EventListView, ("Link",))},
        problems=(400, 404, 503),
        query=("limit", "cursor"),
    ),
    ("POST", "/jobs/{job_id}/cancel"): Operation(
        answers={
            200: Answer("Canceled.", JobView, JOB_HEADERS),
            202: Answer("The worker that runs it has been told.", JobView, JOB_HEADERS),
        },
        problems=(404, 409, 503),
    ),
    ("POST", "/jobs/{job_id}/retry"): Operation(
        answers={202: Answer("Queued again.", JobView, JOB_HEADERS)},
        problems=(400, 404, 409, 412, 503),
        headers=("If-Match",),
    ),
    ("POST", "/uploads"): Operation(
        answers={201: Answer("PUT the bytes to `upload.url`, with its headers.", UploadView)},
        problems=(400, 413, 415, 422),
        body=requests.UploadBody,
    ),
    ("GET", "/tasks"): Operation(answers={200: Answer("The tasks.", TaskListView)}),
    ("GET", "/openapi.json"): Operation(answers={200: Answer("This.", any_json=True)}),
    ("GET", "/health"): Operation(answers={200: Answer("It is well.", HealthView)}),
}

_TEXT = {"type": "string"}
REQUEST_HEADERS: Mapping[str, tuple[str, Json]] = {
    "Idempotency-Key": (
        "The same key and body answer with the job that exists; nothing runs twice.",
        {**_TEXT, "minLength": 1, "maxLength": 255, "pattern": "^[!#-~]+$"},
    ),
    "Prefer": ("`wait=N`: hold the request up to N seconds. RFC 7240.", _TEXT),
    "Cancel-After": (
        "Fail the job if it has not finished by then, counted from creation: 30s, 5m, 1h30m.",
        {**_TEXT, "pattern": "^([0-9]{1,3}h)?([0-9]{1,4}m)?([0-9]{1,6}s)?$"},
    ),
    "If-None-Match": ("Answer 304 while the job still has this ETag.", _TEXT),
    "If-Match": ("Only if the job still has this ETag.", _TEXT),
}
QUERY: Mapping[str, tuple[str, Json]] = {
    "status": ("", {"enum": [status for status in Status if status is not Status.ERASING]}),
    "task": ("", {**_TEXT, "maxLength": 64}),
    "limit": ("", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}),
    "cursor": ("From the last page's `next`; only that ends a list.", _TEXT),
}
PATH: Mapping[str, Json] = {
    "job_id": {**_TEXT, "pattern": "^[A-Za-z0-9_-]+$"},
    "name": {**_TEXT, "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$"},
}
PROBLEMS = {
    400: "Malformed request.",
    404: "There is none, or it is somebody else's.",
    409: "Not in the job's present status.",
    412: "The job has changed since.",
    413: "The body is over 2.5 MiB.",
    415: "The body is not JSON.",
    422: "The request is not valid: `errors` says where.",
    500: "An error of ours; it is logged.",
    503: "The store did not answer: repeat, with the same Idempotency-Key.",
}


@dataclass
class Schemas:
    """Collects the definitions that go below `components`."""

    definitions: Json = field(default_factory=dict)

    def of(self, model: Any, prefix: str = "") -> Json:
        schema, definitions = json_schema(model, SCHEMAS + prefix)
        self.definitions |= {prefix + name: one for name, one in definitions.items()}
        return schema


def describe(app: Chalice, tasks: Iterable[Task], version: str) -> Json:
    schemas = Schemas()
    paths: dict[str, Json] = {}
    for path, methods in sorted(app.routes.items()):
        for method, route in methods.items():
            operation = OPERATIONS[method, path]
            paths.setdefault(path, {})[method.lower()] = {
                **_words(route.view_function),
                "operationId": route.view_function.__name__,
                "parameters": list(_parameters(path, operation)),
                **_request_body(operation, schemas, tasks),
                "responses": _responses(operation, schemas),
            }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Overtime",
            "version": version,
            "description": "Slow work behind an API that answers at once.",
        },
        "paths": paths,
        "components": {"schemas": schemas.definitions},
    }


def task_list(tasks: Iterable[Task]) -> TaskListView:
    return TaskListView(
        [
            TaskView(
                name=task.name,
                description=task.description,
                params=_self_contained(task.params_type),
                result=_self_contained(task.result_type),
                max_attempts=task.max_attempts,
                timeout=task.timeout,
            )
            for task in tasks
            if not task.internal
        ]
    )


def _self_contained(model: Any) -> Json:
    schema, definitions = json_schema(model, "#/$defs/")
    return {**schema, "$defs": definitions} if definitions else schema


def _words(view: Callable[..., Any]) -> Json:
    summary, _, description = (inspect.getdoc(view) or "").partition("\n")
    return {"summary": summary.strip(), "description": description.strip()}


def _parameters(path: str, operation: Operation) -> Iterable[Json]:
    for name, schema in PATH.items():
        if f"{{{name}}}" in path:
            yield {"name": name, "in": "path", "required": True, "schema": schema}
    for name in operation.query:
        description, schema = QUERY[name]
        yield {"name": name, "in": "query", "description": description, "schema": schema}
    for name in operation.headers:
        description, schema = REQUEST_HEADERS[name]
        yield {"name": name, "in": "header", "description": description, "schema": schema}


def _request_body(operation: Operation, schemas: Schemas, tasks: Iterable[Task]) -> Json:
    if operation.body is None:
        return {}
    schema = schemas.of(operation.body)
    if operation.body is requests.SubmitBody:
        bodies = [_submit_body(task, schemas) for task in tasks if not task.internal]
        schema = {"oneOf": bodies, "description": "One for each task of this deployment."}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _submit_body(task: Task, schemas: Schemas) -> Json:
    """SubmitBody with the params of one task."""
    general = schemas.definitions["SubmitBody"]
    return {
        **general,
        "title": task.name,
        "description": task.description,
        "properties": {
            **general["properties"],
            "task": {"const": task.name},
            "params": schemas.of(task.params_type, f"{task.name}."),
        },
    }


def _responses(operation: Operation, schemas: Schemas) -> Json:
    responses: Json = {}
    for status, answer in operation.answers.items():
        response: Json = {"description": answer.description}
        if answer.headers:
            response["headers"] = {name: {"schema": _TEXT} for name in answer.headers}
        if answer.model is not None or answer.any_json:
            schema = {} if answer.model is None else schemas.of(answer.model)
            response["content"] = {"application/json": {"schema": schema}}
        responses[str(status)] = response
    for status in (*operation.problems, 500):
        schema = schemas.of(ProblemView)
        content = {"application/problem+json": {"schema": schema}}
        responses[str(status)] = {"description": PROBLEMS[status], "content": content}
    return responses
