"""The parameters and answers of each route. app.py declares each route with one of these; the
view's docstring and the models describe the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from chalicelib.domain.job import ID, Status
from chalicelib.domain.schedules import NAME as SCHEDULE
from chalicelib.domain.task import STEP
from chalicelib.http.fields import JOB_ID
from chalicelib.http.representation import (
    ETAG,
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


class Answer(msgspec.Struct, frozen=True):
    """`model` None: no body; Any: JSON of any kind."""

    description: str
    model: Any = None
    headers: tuple[str, ...] = ()
    media_type: str = "application/json"


class Operation(msgspec.Struct, frozen=True):
    """One method of one path: app.py declares a route with it, openapi.py describes it."""

    method: str
    path: str
    answers: Mapping[int, Answer]
    problems: tuple[int, ...] = ()
    headers: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    body: Any = None
    """Its model; Any: JSON of any kind."""
    described: bool = True
    """Whether openapi.json has it. What speaks another protocol describes itself."""

    @property
    def methods(self) -> list[str]:
        """A route with GET also has HEAD (RFC 9110, 9.1)."""
        return ["GET", "HEAD"] if self.method == "GET" else [self.method]

    def of(self, view: Callable[..., Any]) -> Callable[..., Any]:
        """Marks the view as this operation, and returns it."""
        vars(view)["operation"] = self
        return view


def operation_of(view: Callable[..., Any]) -> Operation:
    """Raises LookupError for a view that was not declared with its operation."""
    found = vars(view).get("operation")
    if not isinstance(found, Operation):
        raise LookupError(
            f"{view.__name__} has no operation: declare it with a decorator of Routes."
        )
    return found


JOB_HEADERS = ("ETag", "Cache-Control", "Retry-After")
HELD_HEADERS = (*JOB_HEADERS, "Preference-Applied")
ACCEPT_HEADERS = ("Location", "Operation-Location", *HELD_HEADERS, "Idempotency-Replayed")
PAGE_HEADERS = ("Cache-Control", "Link")
JOB_IS_HERE = Answer("The job.", JobView, HELD_HEADERS)
ELSEWHERE = Answer("It is stored in S3. Follow Location without credentials.", None, ("Location",))

SUBMIT_JOB = Operation(
    "POST",
    "/jobs",
    answers={
        202: Answer("The job is stored and will run.", JobView, ACCEPT_HEADERS),
        200: Answer(
            "The job has finished, within `Prefer: wait` or before this repeated request.",
            JobView,
            ACCEPT_HEADERS,
        ),
    },
    problems=(400, 413, 415, 422, 503),
    headers=("Idempotency-Key", "Prefer", "Cancel-After"),
    body=SubmitBody,
)
GET_JOB = Operation(
    "GET",
    "/jobs/{job_id}",
    answers={
        200: JOB_IS_HERE,
        304: Answer("The job still has the ETag in If-None-Match.", None, HELD_HEADERS),
    },
    problems=(400, 404, 503),
    headers=("If-None-Match", "Prefer"),
)
LIST_JOBS = Operation(
    "GET",
    "/jobs",
    answers={200: Answer("A page of jobs.", JobListView, PAGE_HEADERS)},
    problems=(400, 503),
    query=("status", "task", "limit", "cursor"),
)
GET_PARAMS = Operation(
    "GET",
    "/jobs/{job_id}/params",
    answers={200: Answer("The params.", Any, ("Cache-Control",)), 303: ELSEWHERE},
    problems=(404, 503),
)
GET_RESULT = Operation(
    "GET",
    "/jobs/{job_id}/result",
    answers={200: Answer("The result.", Any, ("Cache-Control",)), 303: ELSEWHERE},
    problems=(404, 409, 503),
)
GET_ARTIFACT = Operation(
    "GET",
    "/jobs/{job_id}/artifacts/{name}",
    answers={
        303: Answer(
            "Follow Location to the file. The URL is valid for 15 minutes.", None, ("Location",)
        )
    },
    problems=(404, 503),
)
LIST_EVENTS = Operation(
    "GET",
    "/jobs/{job_id}/events",
    answers={200: Answer("A page of events.", EventListView, PAGE_HEADERS)},
    problems=(400, 404, 503),
    query=("limit", "cursor"),
)
CANCEL_JOB = Operation(
    "POST",
    "/jobs/{job_id}/cancel",
    answers={
        200: Answer("The job is finished.", JobView, (*JOB_HEADERS, "Preference-Applied")),
        202: Answer(
            "The job is running; its worker will stop it.",
            JobView,
            (*JOB_HEADERS, "Preference-Applied"),
        ),
    },
    problems=(400, 404, 409, 503),
    headers=("Prefer",),
)
RETRY_JOB = Operation(
    "POST",
    "/jobs/{job_id}/retry",
    answers={202: Answer("The job is queued again.", JobView, JOB_HEADERS)},
    problems=(400, 404, 409, 412, 503),
    headers=("If-Match",),
)
ERASE_JOB = Operation(
    "DELETE",
    "/jobs/{job_id}",
    answers={204: Answer("The job and all its data are deleted.")},
    problems=(404, 409, 503),
)
CREATE_UPLOAD = Operation(
    "POST",
    "/uploads",
    answers={201: Answer("PUT the bytes to `upload.url` with `upload.headers`.", UploadView)},
    problems=(400, 413, 415, 422, 503),
    body=UploadBody,
)
CREATE_TICKET = Operation(
    "POST",
    "/tickets",
    answers={201: Answer("Connect to `url` with `?ticket=` within a minute.", TicketView)},
    problems=(404, 503),
)
LIST_TASKS = Operation("GET", "/tasks", answers={200: Answer("The tasks.", TaskListView)})
GET_OPENAPI = Operation(
    "GET", "/openapi.json", answers={200: Answer("The OpenAPI 3.1 document.", dict[str, Any])}
)
GET_HEALTH = Operation(
    "GET", "/health", answers={200: Answer("The API answers requests.", HealthView)}
)

# By authorizer: its security scheme in OpenAPI, and the statuses of its refusals.
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
    "examples": [ETAG],
}
_HOURS = "([1-9][0-9]?|[1-6][0-9]{2}|7[01][0-9])h"  # with minutes and seconds below 30 days
_MINUTES, _SECONDS = "[1-9][0-9]{0,3}m", "[1-9][0-9]{0,5}s"
_FROM_5S = "([5-9]|[1-9][0-9]{1,5})s"
_DURATION = f"^({_HOURS}({_MINUTES})?({_SECONDS})?|{_MINUTES}({_SECONDS})?|{_FROM_5S})$"
REQUEST_HEADERS: Mapping[str, tuple[str, Json]] = {
    "Idempotency-Key": (
        "Makes the submit safe to repeat: the same key and body answer with the first job.",
        {
            **TEXT,
            "pattern": r'^([!#-~]{1,255}|"([ !#-\[\]-~]|\\["\\]){1,255}")$',
            "examples": ['"8e03978e-40d5-43dd-bc93-6894a57f9324"'],
        },
    ),
    "Prefer": (
        "`wait=N` holds the request up to N seconds (RFC 7240).",
        {**TEXT, "examples": ["wait=20", "respond-async"]},
    ),
    "Cancel-After": (
        "The job fails if it has not finished this long after its creation: 30s, 5m, 1h30m.",
        {**TEXT, "pattern": _DURATION, "examples": ["30s", "5m", "1h30m"]},
    ),
    "If-None-Match": ("Answers 304 while the ETag is still this one.", _TAGS),
    "If-Match": ("Answers 412 if it no longer has this ETag.", _TAGS),
}
MCP_HEADERS = ("Mcp-Method", "Mcp-Name", "MCP-Protocol-Version")
RESPONSE_HEADERS: Mapping[str, str] = {
    "Cache-Control": "Which caches may keep the answer, and how long.",
    "Content-Security-Policy": "What the page may load, and the origins that it may connect to.",
    "ETag": "A tag that changes with every visible change.",
    "Idempotency-Replayed": "`true` if the Idempotency-Key led to an existing job.",
    "Link": 'The next page, as `rel="next"` (RFC 8288).',
    "Location": "The URL to request next.",
    "Operation-Location": "The same URL as Location, for clients of long-running operations.",
    "Preference-Applied": "The preferences that were applied (RFC 7240).",
    "Referrer-Policy": "What a browser tells other sites of this page's address: nothing.",
    "Retry-After": "Seconds to wait before the next request.",
    "X-Content-Type-Options": "`nosniff`: the answer is what Content-Type says (Fetch standard).",
    "WWW-Authenticate": "The scheme of the credentials: `Bearer` (RFC 6750).",
}
PROBLEM_HEADERS: Mapping[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    409: ("Retry-After",),
    503: ("Retry-After",),
}
SOMETIMES = frozenset({"Idempotency-Replayed", "Link", "Preference-Applied", "Retry-After"})
QUERY: Mapping[str, tuple[str, Json]] = {
    "status": (
        "Only jobs with this status.",
        {"enum": [status for status in Status if status is not Status.ERASING]},
    ),
    "task": ("Only jobs of this task.", TEXT),
    "limit": (
        "The maximum number of entries on a page.",
        {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
    ),
    "cursor": (
        "The cursor in the previous page's `next`. Do not build it yourself.",
        {**TEXT, "pattern": "^[A-Za-z0-9_-]+$"},
    ),
}
PATH: Mapping[str, Json] = {
    "job_id": {**TEXT, "pattern": f"^{ID.pattern}$", "examples": [JOB_ID]},
    "step": {**TEXT, "pattern": f"^{STEP.pattern}$", "examples": ["publish"]},
    "sealed": {**TEXT, "pattern": "^[A-Za-z0-9_-]{1,1000}$"},
    "schedule": {**TEXT, "pattern": f"^{SCHEDULE.pattern}$", "examples": ["nightly"]},
    "version": {**TEXT, "pattern": "^[0-9a-f]{16}$", "examples": ["1f0c9d3b7e5a2468"]},
    "name": {
        **TEXT,
        "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$",
        "examples": ["report.csv"],
    },
}
PROBLEMS = {
    400: "The request is malformed.",
    401: "Credentials are missing or not valid.",
    403: "Access is denied.",
    404: "Not found, or it belongs to another owner.",
    409: "The present state does not allow this, or the question has another answer.",
    412: "It no longer has the ETag in If-Match.",
    413: "The body is over 2.5 MiB, or an answer's over 64 KiB.",
    415: "The body is not JSON.",
    422: "The request is not valid. `errors` lists each fault and its place.",
    500: "An unexpected error. It is logged under `request_id`.",
    503: "AWS did not answer. Repeat the request; a submit with the same Idempotency-Key.",
}
