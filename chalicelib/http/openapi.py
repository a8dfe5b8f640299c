"""The API's description (OpenAPI 3.1), generated from the routes of app.py, the docstrings of
its views and the models that they take and give."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from chalice.app import Authorizer, Chalice

from chalicelib.domain.schemas import json_schema
from chalicelib.domain.task import Task
from chalicelib.http.operations import (
    CREDENTIALS,
    OPERATIONS,
    PATH,
    PROBLEM_HEADERS,
    PROBLEMS,
    QUERY,
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
    SOMETIMES,
    TEXT,
    Json,
    Operation,
)
from chalicelib.http.problems import ProblemView
from chalicelib.http.representation import TaskListView, TaskView
from chalicelib.http.requests import SubmitBody
from chalicelib.http.webhooks import WebhookView

SCHEMAS = "#/components/schemas/"


@dataclass
class Schemas:
    """Collects the definitions that go below `components`."""

    definitions: Json = field(default_factory=dict)

    def of(self, model: Any, prefix: str = "", *, closed: bool = False) -> Json:
        schema, definitions = json_schema(model, SCHEMAS + prefix, closed=closed)
        self.definitions |= {prefix + name: one for name, one in definitions.items()}
        return schema


def describe(app: Chalice, tasks: Iterable[Task], version: str) -> Json:
    schemas = Schemas()
    paths: dict[str, Json] = {}
    schemes: dict[str, Json] = {}
    for path, methods in sorted(app.routes.items()):
        for method, route in methods.items():
            operation, asks = OPERATIONS[method, path], route.authorizer
            paths.setdefault(path, {})[method.lower()] = {
                **_words(route.view_function),
                "operationId": route.view_function.__name__,
                "parameters": list(_parameters(path, operation)),
                **_request_body(operation, schemas, tasks),
                "responses": _responses(operation, schemas, asks),
                "security": [] if asks is None else [{asks.name: []}],
            }
            if asks is not None:
                schemes[asks.name], _ = CREDENTIALS[asks.name]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Overtime",
            "version": version,
            "description": "Slow work behind an API that answers at once.",
        },
        "paths": paths,
        "webhooks": {"job": {"post": _webhook(schemas)}},
        "components": {"schemas": schemas.definitions, "securitySchemes": schemes},
    }


def task_list(tasks: Iterable[Task]) -> TaskListView:
    return TaskListView(
        [
            TaskView(
                name=task.name,
                description=task.description,
                params=_self_contained(task.params_type, closed=True),
                result=_self_contained(task.result_type),
                max_attempts=task.max_attempts,
                timeout=task.timeout,
            )
            for task in tasks
            if not task.internal
        ]
    )


def _self_contained(model: Any, *, closed: bool = False) -> Json:
    schema, definitions = json_schema(model, "#/$defs/", closed=closed)
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


def _webhook(schemas: Schemas) -> Json:
    """What whoever is named in `webhook` receives."""
    body = {"application/json": {"schema": schemas.of(WebhookView)}}
    return {
        "summary": "A job has ended.",
        "description": "Signed as Standard Webhooks has it; with the same webhook-id each time.",
        "operationId": "job_ended",
        "parameters": [
            {"name": name, "in": "header", "required": True, "schema": TEXT}
            for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
        ],
        "requestBody": {"required": True, "content": body},
        "responses": {
            "2XX": {"description": "Received. Anything else is tried again, for three days."},
            "410": {"description": "Not wanted any more."},
        },
    }


def _request_body(operation: Operation, schemas: Schemas, tasks: Iterable[Task]) -> Json:
    if operation.body is None:
        return {}
    schema = schemas.of(operation.body)
    if operation.body is SubmitBody:
        bodies = [_submit_body(task, schemas) for task in tasks if not task.internal]
        described = {"oneOf": bodies, "description": "One for each task of this deployment."}
        schema = described if bodies else schema
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
            "params": schemas.of(task.params_type, f"{task.name}.", closed=True),
        },
    }


def _responses(operation: Operation, schemas: Schemas, asks: Authorizer | None) -> Json:
    refusals = () if asks is None else CREDENTIALS[asks.name][1]
    responses: Json = {}
    for status, answer in operation.answers.items():
        responses[str(status)] = {
            "description": answer.description,
            **_response_headers(answer.headers),
            **_content("application/json", answer.model, schemas),
        }
    for status in sorted({*refusals, *operation.problems, 500}):
        responses[str(status)] = {
            "description": PROBLEMS[status],
            **_response_headers(PROBLEM_HEADERS.get(status, ())),
            **_content("application/problem+json", ProblemView, schemas),
        }
    return responses


def _response_headers(names: tuple[str, ...]) -> Json:
    described = {
        name: {
            "description": RESPONSE_HEADERS[name],
            "required": name not in SOMETIMES,
            "schema": TEXT,
        }
        for name in names
    }
    return {"headers": described} if described else {}


def _content(media_type: str, model: Any, schemas: Schemas) -> Json:
    return {} if model is None else {"content": {media_type: {"schema": schemas.of(model)}}}
