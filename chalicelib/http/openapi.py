"""The API's description (OpenAPI 3.1), generated from the routes of app.py, the docstrings of
their views and the models of requests and answers."""

from __future__ import annotations

import functools
import inspect
import itertools
import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from chalice.app import Authorizer, Chalice

from chalicelib.domain.schemas import json_schema, self_contained
from chalicelib.domain.task import Task
from chalicelib.http.operations import (
    CREDENTIALS,
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
    operation_of,
)
from chalicelib.http.problems import ProblemView
from chalicelib.http.representation import TaskListView, TaskView, json_body
from chalicelib.http.requests import SubmitBody
from chalicelib.http.webhooks import WebhookView

SCHEMAS = "#/components/schemas/"
DESCRIPTION = """\
Slow work behind an API that answers at once. `POST /jobs` stores a job and answers 202;
`GET /jobs/{job_id}` shows its progress and its result.

`HEAD` works wherever `GET` does. Errors are problem documents (RFC 9457)."""


class Schemas(msgspec.Struct):
    """Collects the definitions below `components`. Each has its name as its title. Names differ in
    more than case, since generators name classes and files after them."""

    definitions: Json = {}

    def of(self, model: Any) -> Json:
        schema, definitions = json_schema(model, SCHEMAS)
        self._add(definitions)
        return schema

    def of_submit(self, task: Task, general: Json) -> Json:
        """SubmitBody with the params of one task, under names that are unique to it."""
        for number in itertools.count(1):
            prefix = _class_name(task.name) + ("" if number == 1 else str(number))
            params, definitions = json_schema(task.params_type, SCHEMAS + prefix, closed=True)
            named = {prefix + name: one for name, one in definitions.items()}
            if "$ref" not in params:  # pydantic describes its models in place
                named[f"{prefix}Params"] = params
                params = {"$ref": f"{SCHEMAS}{prefix}Params"}
            named[f"Submit{prefix}"] = {
                **general,
                "description": task.description,
                "properties": {
                    **general["properties"],
                    "task": {"const": task.name},
                    "params": params,
                },
                "required": ["task", "params"] if task.takes_params else ["task"],
            }
            if not self._taken & {name.lower() for name in named}:
                break
        self._add(named)
        return {"$ref": f"{SCHEMAS}Submit{prefix}"}

    @property
    def _taken(self) -> set[str]:
        return {name.lower() for name in self.definitions}

    def _add(self, definitions: Json) -> None:
        self.definitions |= {name: {**one, "title": name} for name, one in definitions.items()}


@functools.lru_cache(maxsize=4)
def openapi_page(app: Chalice, tasks: tuple[Task, ...], version: str, base: str) -> str:
    """JSON text, built once for each `base`."""
    return json_body(describe(app, tasks, version, base))


def describe(app: Chalice, tasks: Iterable[Task], version: str, base: str) -> Json:
    """`base` is the API's URL. Raises LookupError for a route without an operation."""
    schemas = Schemas()
    routes = [
        (path, operation_of(route.view_function), route)
        for path, methods in sorted(app.routes.items())
        for method, route in methods.items()
        if method != "HEAD"  # as its GET
        and operation_of(route.view_function).described
    ]
    for _, operation, _ in routes:  # first, so that the names of tasks' schemas avoid theirs
        for model in (operation.body, *(answer.model for answer in operation.answers.values())):
            schemas.of(model)
    paths: dict[str, Json] = {}
    schemes: dict[str, Json] = {}
    for path, operation, route in routes:
        asks = route.authorizer
        paths.setdefault(path, {})[operation.method.lower()] = {
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
            "description": DESCRIPTION,
        },
        "servers": [{"url": base}],
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
                params=self_contained(task.params_type, closed=True),
                result=self_contained(task.result_type),
                max_attempts=task.max_attempts,
                timeout=task.timeout,
                asks={step: self_contained(kind, closed=True) for step, kind in task.asks.items()},
            )
            for task in tasks
            if not task.internal
        ]
    )


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
    """The request that the URL in `webhook` receives."""
    body = {"application/json": {"schema": schemas.of(WebhookView)}}
    return {
        "summary": "A job has finished.",
        "description": "Signed as Standard Webhooks. Every retry has the same webhook-id.",
        "operationId": "job_ended",
        "parameters": [
            {"name": name, "in": "header", "required": True, "schema": TEXT}
            for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
        ],
        "requestBody": {"required": True, "content": body},
        "responses": {
            "2XX": {
                "description": "Received. After any other answer it is sent again, up to 9 times."
            },
            "410": {"description": "The webhook is not sent again."},
        },
    }


def _request_body(operation: Operation, schemas: Schemas, tasks: Iterable[Task]) -> Json:
    if operation.body is None:
        return {}
    schema = schemas.of(operation.body)
    if operation.body is SubmitBody:
        general = schemas.definitions["SubmitBody"]
        bodies = {t.name: schemas.of_submit(t, general) for t in tasks if not t.internal}
        described = {
            "oneOf": list(bodies.values()),
            "discriminator": {
                "propertyName": "task",
                "mapping": {name: body["$ref"] for name, body in bodies.items()},
            },
        }
        schema = described if bodies else schema
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _class_name(task_name: str) -> str:
    """`fetch-all.v2` as FetchAllV2."""
    return "".join(part.capitalize() for part in re.split(r"[._-]+", task_name))


def _responses(operation: Operation, schemas: Schemas, asks: Authorizer | None) -> Json:
    refusals = () if asks is None else CREDENTIALS[asks.name][1]
    responses: Json = {}
    for status, answer in operation.answers.items():
        responses[str(status)] = {
            "description": answer.description,
            **_response_headers(answer.headers),
            **_content(answer.media_type, answer.model, schemas),
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
