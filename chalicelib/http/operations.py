"""What each route takes and gives, for the API's description: all that docstrings and models
do not say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.job import ID, Status
from chalicelib.http.representation import (
    EventListView,
    HealthView,
    JobListView,
    JobView,
    TaskListView,
    TicketView,
    UploadView,
)
from chalicelib.http.requests import SubmitBody, UploadBody

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """`model` None: no body; Any: JSON of any kind."""

    description: str
    model: Any = None
    headers: tuple[str, ...] = ()


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
        body=SubmitBody,
    ),
    ("GET", "/jobs"): Operation(
        answers={200: Answer("A page of jobs.", JobListView, ("Cache-Control", "Link"))},
        problems=(400, 503),
        query=("status", "task", "limit", "cursor"),
    ),
    ("GET", "/jobs/{job_id}"): Operation(
        answers={
            200: Answer("The job.", JobView, (*JOB_HEADERS, "Preference-Applied")),
            304: Answer("It is as If-None-Match says.", None, (*JOB_HEADERS, "Preference-Applied")),
        },
        problems=(400, 404, 503),
        headers=("If-None-Match", "Prefer"),
    ),
    ("DELETE", "/jobs/{job_id}"): Operation(
        answers={204: Answer("Erased, with all its payloads.")}, problems=(404, 409, 503)
    ),
    ("GET", "/jobs/{job_id}/result"): Operation(
        answers={
            200: Answer("The result.", Any, ("Cache-Control",)),
            303: Answer("It is stored apart: go there.", None, ("Location",)),
        },
        problems=(404, 409, 503),
    ),
    ("GET", "/jobs/{job_id}/artifacts/{name}"): Operation(
        answers={303: Answer("The file is there, for 15 minutes.", None, ("Location",))},
        problems=(404, 503),
    ),
    ("GET", "/jobs/{job_id}/events"): Operation(
        answers={200: Answer("A page of events.", EventListView, ("Cache-Control", "Link"))},
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
        problems=(400, 413, 415, 422, 503),
        body=UploadBody,
    ),
    ("POST", "/tickets"): Operation(
        answers={201: Answer("Connect to `url` with `?ticket=`, within a minute.", TicketView)},
        problems=(404, 503),
    ),
    ("GET", "/tasks"): Operation(answers={200: Answer("The tasks.", TaskListView)}),
    ("GET", "/openapi.json"): Operation(answers={200: Answer("This.", Any)}),
    ("GET", "/health"): Operation(answers={200: Answer("It is well.", HealthView)}),
}

# By authorizer: how OpenAPI describes what it asks for, and how it refuses.
CREDENTIALS: Mapping[str, tuple[Json, tuple[int, ...]]] = {
    "authorize": ({"type": "http", "scheme": "bearer"}, (401, 403, 503)),
    "sigv4": (
        {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "AWS Signature Version 4 for the service execute-api.",
            "x-amazon-apigateway-authtype": "awsSigv4",
        },
        (403,),
    ),
}

TEXT = {"type": "string"}
_TAG = '(W/)?"[!#-~]*"'
_TAGS = {
    **TEXT,
    "pattern": f"^([*]|{_TAG}(, {_TAG})*)$",
    "examples": ['"4085c960637ac2c82002540a"'],
}
_HOURS = "([1-9][0-9]{0,2}|[1-7][0-9]{3})h"  # together less than the 365 days allowed
_MINUTES, _SECONDS = "[1-9][0-9]{0,3}m", "[1-9][0-9]{0,5}s"
_FROM_5S = "([5-9]|[1-9][0-9]{1,5})s"
_DURATION = f"^({_HOURS}({_MINUTES})?({_SECONDS})?|{_MINUTES}({_SECONDS})?|{_FROM_5S})$"
REQUEST_HEADERS: Mapping[str, tuple[str, Json]] = {
    "Idempotency-Key": (
        "The same key and body answer with the job that exists; nothing runs twice.",
        {
            **TEXT,
            "pattern": r'^([!#-~]{1,255}|"([ !#-\[\]-~]|\\["\\]){1,255}")$',
            "examples": ['"8e03978e-40d5-43dd-bc93-6894a57f9324"'],
        },
    ),
    "Prefer": (
        "`wait=N`: hold the request up to N seconds. RFC 7240.",
        {**TEXT, "examples": ["wait=20", "respond-async"]},
    ),
    "Cancel-After": (
        "Fail the job if it has not finished by then, counted from creation: 30s, 5m, 1h30m.",
        {**TEXT, "pattern": _DURATION, "examples": ["30s", "5m", "1h30m"]},
    ),
    "If-None-Match": ("Answer 304 while the job still has this ETag.", _TAGS),
    "If-Match": ("Only if the job still has this ETag.", _TAGS),
}
RESPONSE_HEADERS: Mapping[str, str] = {
    "Cache-Control": "It is for you, and to be asked for anew each time.",
    "ETag": "Changes with every visible change of the job.",
    "Idempotency-Replayed": "`true` where this Idempotency-Key led to a job that existed.",
    "Link": '`rel="next"`: the next page. RFC 8288.',
    "Location": "Where to go on.",
    "Operation-Location": "As Location, for clients of long-running operations.",
    "Preference-Applied": "What was done of Prefer. RFC 7240.",
    "Retry-After": "Seconds after which to ask again.",
    "WWW-Authenticate": "What to send: `Bearer`. RFC 6750.",
}
PROBLEM_HEADERS: Mapping[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    409: ("Retry-After",),
    503: ("Retry-After",),
}
SOMETIMES = frozenset({"Idempotency-Replayed", "Link", "Preference-Applied", "Retry-After"})
QUERY: Mapping[str, tuple[str, Json]] = {
    "status": ("", {"enum": [status for status in Status if status is not Status.ERASING]}),
    "task": ("", TEXT),
    "limit": ("", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}),
    "cursor": (
        "From the last page's `next`; only that ends a list.",
        {**TEXT, "pattern": "^[A-Za-z0-9_-]+$"},
    ),
}
PATH: Mapping[str, Json] = {
    "job_id": {**TEXT, "pattern": f"^{ID.pattern}$"},
    "name": {**TEXT, "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"},
}
PROBLEMS = {
    400: "Malformed request.",
    401: "Credentials are missing or not valid.",
    403: "Access is denied.",
    404: "There is none, or it is somebody else's.",
    409: "Not in the job's present status.",
    412: "The job has changed since.",
    413: "The body is over 2.5 MiB.",
    415: "The body is not JSON.",
    422: "The request is not valid: `errors` says where.",
    500: "An error of ours; it is logged.",
    503: "The store did not answer: repeat, with the same Idempotency-Key.",
}
