"""Errors as problem documents (RFC 9457): every answer of 400 and above is one."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from chalice.app import Chalice, Response

from chalicelib.domain import errors
from chalicelib.domain.errors import OvertimeError
from chalicelib.domain.job import Problem

if TYPE_CHECKING:
    from chalice.app import HeadersType

logger = logging.getLogger(__name__)

STATUS: Mapping[type[OvertimeError], int] = {
    errors.MalformedRequest: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.JobFinished: 409,
    errors.JobNotFinished: 409,
    errors.JobNotSucceeded: 409,
    errors.JobNotRetryable: 409,
    errors.JobHasParent: 409,
    errors.ScheduleDeclared: 409,
    errors.TooManySubscriptions: 409,
    errors.AlreadyAnswered: 409,
    errors.JobChanged: 412,
    errors.ScheduleChanged: 412,
    errors.BodyTooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.InvalidRequest: 422,
    errors.KeyReused: 422,
    errors.Unavailable: 503,
}
HEADERS: Mapping[type[OvertimeError], Mapping[str, str]] = {
    errors.Unauthorized: {"WWW-Authenticate": "Bearer"},
    errors.JobNotFinished: {"Retry-After": "2"},
    errors.Unavailable: {"Retry-After": "2"},
}
INTERNAL = 500
# Errors repeat parts of the request, and Lambda's limit on an answer is 6 MB.
POINTER_AT_MOST = 500  # characters
ERROR_AT_MOST = 500
DETAIL_AT_MOST = 2_000

View = Callable[..., Response]


class FieldProblem(msgspec.Struct, frozen=True):
    pointer: Annotated[str, msgspec.Meta(description="JSON Pointer into the request's body.")]
    detail: str


class ErrorView(msgspec.Struct, frozen=True):
    """Why an attempt of a job failed. `code` and `message` repeat it for generic clients of
    long-running operations, which read these."""

    type: Annotated[str, msgspec.Meta(examples=["/problems/attempt-failed"])]
    title: Annotated[str, msgspec.Meta(examples=["The task failed"])]
    detail: Annotated[str, msgspec.Meta(examples=["ValueError: The file has no header."])]
    code: Annotated[str, msgspec.Meta(examples=["attempt-failed"])]
    message: Annotated[str, msgspec.Meta(description="`title: detail`")]


class ProblemView(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457."""

    type: Annotated[str, msgspec.Meta(description="`/problems/<slug>`, stable.")]
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []
    error: Annotated[ErrorView | None, msgspec.Meta(description="The job's own error.")] = None
    request_id: Annotated[
        str | None, msgspec.Meta(description="Only for a 500: name it when you report the error.")
    ] = None


def answering(app: Chalice) -> Callable[[View], View]:
    """A decorator for views that answers their exceptions as problem documents.

    It is not a middleware, since Chalice turns an exception into its own response before any
    middleware sees it.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def answer(*args: Any, **kwargs: Any) -> Response:
            try:
                return view(*args, **kwargs)
            except Exception as error:
                if isinstance(error, OvertimeError) and type(error) in STATUS:
                    return problem(error)
                logger.exception("request_failed")
                return problem(
                    OvertimeError("The error has been logged under this request's id."),
                    _request_id(app),
                )

        return answer

    return decorate


def problem_view(error: OvertimeError, request_id: str | None = None) -> ProblemView:
    kind = type(error)
    detail = _cut(error.detail or kind.title, DETAIL_AT_MOST)
    if error.more_errors:
        detail += f" Only the first {len(error.errors)} errors are listed."
    return ProblemView(
        type=f"/problems/{kind.slug}",
        title=kind.title,
        status=STATUS.get(kind, INTERNAL),
        detail=detail,
        errors=[
            FieldProblem(_above(one.pointer), _cut(one.detail, ERROR_AT_MOST))
            for one in error.errors
        ],
        error=error_view(error.problem) if isinstance(error, errors.JobNotSucceeded) else None,
        request_id=request_id,
    )


def problem(error: OvertimeError, request_id: str | None = None) -> Response:
    kind, document = type(error), problem_view(error, request_id)
    headers: HeadersType = {
        "Content-Type": "application/problem+json",
        "Cache-Control": "no-store",
        **HEADERS.get(kind, {}),
    }
    text = msgspec.json.encode(document).decode() + "\n"
    return Response(text, headers=headers, status_code=document.status)


def _cut(text: str, at_most: int) -> str:
    return text if len(text) <= at_most else f"{text[: at_most - 1]}…"


def _above(pointer: str) -> str:
    """A pointer that is too long is cut at a member above."""
    if len(pointer) <= POINTER_AT_MOST:
        return pointer
    return pointer[: POINTER_AT_MOST + 1].rpartition("/")[0]


def _request_id(app: Chalice) -> str | None:
    """Lambda's request id, which is on all log lines of the request. Read from the request, not
    from the app: with several threads, only the request is separate in each."""
    context = getattr(getattr(app, "current_request", None), "lambda_context", None)
    return getattr(context, "aws_request_id", None)


def error_view(error: Problem | None) -> ErrorView | None:
    if error is None:
        return None
    code, message = error.type.removeprefix("/problems/"), f"{error.title}: {error.detail}"
    return ErrorView(error.type, error.title, error.detail, code, message)
