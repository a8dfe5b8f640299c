"""Errors as problem documents (RFC 9457): every answer of 400 and above is one."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from chalice.app import Response

from chalicelib.domain import errors
from chalicelib.domain.errors import OvertimeError, Problem

if TYPE_CHECKING:
    from chalice.app import HeadersType

logger = logging.getLogger(__name__)

STATUS: Mapping[type[OvertimeError], int] = {
    errors.MalformedRequest: 400,
    errors.Unauthorized: 401,
    errors.NotFound: 404,
    errors.JobFinished: 409,
    errors.JobNotFinished: 409,
    errors.JobNotSucceeded: 409,
    errors.JobNotRetryable: 409,
    errors.JobChanged: 412,
    errors.BodyTooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.InvalidRequest: 422,
    errors.KeyReused: 422,
    errors.Unavailable: 503,
}
RETRY_AFTER: Mapping[type[OvertimeError], str] = {
    errors.JobNotFinished: "2",
    errors.Unavailable: "2",
}
INTERNAL = 500


class FieldProblem(msgspec.Struct, frozen=True):
    pointer: Annotated[str, msgspec.Meta(description="JSON Pointer into the request's body.")]
    detail: str


class ErrorView(msgspec.Struct, frozen=True):
    """Why a job's last attempt failed."""

    type: str
    title: str
    detail: str


class ProblemView(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457."""

    type: Annotated[str, msgspec.Meta(description="`/problems/<slug>`, stable.")]
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []
    error: Annotated[ErrorView | None, msgspec.Meta(description="The job's own error.")] = None


def answered(view: Callable[..., Response]) -> Callable[..., Response]:
    """A view whose errors are answered as problems.

    A decorator, since Chalice turns what a view raises into a response of its own before any
    middleware sees it.
    """

    @functools.wraps(view)
    def answering(*args: Any, **kwargs: Any) -> Response:
        try:
            return view(*args, **kwargs)
        except OvertimeError as error:
            return problem(error)
        except Exception:
            logger.exception("request_failed", extra={"view": view.__name__})
            return problem(OvertimeError("It has been logged, with this request's id."))

    return answering


def problem(error: OvertimeError) -> Response:
    kind = type(error)
    status = STATUS.get(kind, INTERNAL)
    document = ProblemView(
        type=f"/problems/{kind.slug}",
        title=kind.title,
        status=status,
        detail=error.detail or kind.title,
        errors=[FieldProblem(one.pointer, one.detail) for one in error.errors],
        error=error_view(error.problem) if isinstance(error, errors.JobNotSucceeded) else None,
    )
    headers: HeadersType = {
        "Content-Type": "application/problem+json",
        "Cache-Control": "no-store",
    }
    if kind in RETRY_AFTER:
        headers["Retry-After"] = RETRY_AFTER[kind]
    return Response(msgspec.json.encode(document).decode(), headers=headers, status_code=status)


def error_view(error: Problem | None) -> ErrorView | None:
    return None if error is None else ErrorView(error.type, error.title, error.detail)
