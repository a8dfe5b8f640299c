"""How an attempt can end: one closed set, and the one place that sorts exceptions into it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from chalicelib.domain.errors import (
    LONGEST_DELAY,
    Busy,
    DeadlineExceeded,
    Interrupted,
    InvalidRequest,
    InvocationEnding,
    JobCanceled,
    OvertimeError,
    PermanentError,
    RetryLater,
    Suspended,
    Unanswered,
)
from chalicelib.domain.job import Problem, Wait
from chalicelib.domain.text import printable

DETAIL_AT_MOST = 2_000  # characters: the record has to stay small
Shown = Callable[[str], str]


class Succeeded(msgspec.Struct, frozen=True):
    result: str  # JSON text


class Failed(msgspec.Struct, frozen=True):
    error: Problem


class Retry(msgspec.Struct, frozen=True):
    """After `delay_seconds`; None: after the task's backoff."""

    error: Problem
    delay_seconds: float | None = None


class Continue(msgspec.Struct, frozen=True):
    """The invocation ended first. If it saved a new checkpoint, the next one continues from it."""


class Waiting(msgspec.Struct, frozen=True):
    """A step waits; the job runs again once that has come true."""

    wait: Wait


class Canceled(msgspec.Struct, frozen=True):
    pass


class Expired(msgspec.Struct, frozen=True):
    pass


class Lost(msgspec.Struct, frozen=True):
    """Another worker holds the lease: there is nothing to write."""


Outcome = Succeeded | Failed | Retry | Continue | Waiting | Canceled | Expired | Lost


def outcome_of(
    error: BaseException,
    pending: BaseException | None,
    shown: Shown = printable,
) -> Outcome:
    """The outcome for an exception that left the task. An unknown one gets another attempt.

    `pending` is the exception that the system raised in the task, alone or (by an
    asyncio.TaskGroup) in a group with others. Any other exception is the task's own. `shown`
    removes from a text what clients may not see.
    """
    if isinstance(error, BaseExceptionGroup) and error.subgroup(lambda one: one is pending):
        assert pending is not None
        error = pending
    match error:
        case Interrupted() if error is not pending:
            return Retry(_attempt_failed(error, shown))
        case JobCanceled():
            return Canceled()
        case DeadlineExceeded():
            return Expired()
        case InvocationEnding():
            return Continue()
        case Suspended(wait=wait):
            return Waiting(wait)
        case Interrupted():
            return Lost()
        case InvalidRequest():
            return Failed(_params_no_longer_fit(error, shown))
        case Unanswered():
            return Failed(_problem(Unanswered, error, shown))
        case PermanentError():
            return Failed(_problem(PermanentError, error, shown))
        case Busy():
            return Retry(_problem(Busy, error, shown), _delay(error))
        case RetryLater():
            return Retry(_problem(RetryLater, error, shown), _delay(error))
        case _:
            return Retry(_attempt_failed(error, shown))


UNKNOWN_TASK = Retry(
    Problem(
        type="/problems/unknown-task",
        title="The task is not registered",
        detail="This deployment has no such task; another deployment queued the job.",
    ),
    delay_seconds=60.0,
)
SWALLOWED = Failed(
    Problem(
        type="/problems/suspension-swallowed",
        title="The task caught Suspended",
        detail="A step waited, and the task returned all the same: let Suspended through. An "
        "`except BaseException` or a bare `except` has to raise it again.",
    )
)
OUT_OF_TIME = Retry(
    Problem(
        type="/problems/out-of-time",
        title="The invocation ended before the task did",
        detail="job.checkpoint() saved nothing new to continue from.",
    )
)


def _problem(kind: type[OvertimeError], error: BaseException, shown: Shown) -> Problem:
    """For an error whose message the task wrote for the client."""
    title = getattr(error, "headline", kind.title)
    return Problem(
        type=f"/problems/{kind.slug}", title=_text(title, shown), detail=_text(error, shown)
    )


def _attempt_failed(error: BaseException, shown: Shown) -> Problem:
    """For any other error: the client sees its class and message, never the traceback."""
    named = ": ".join(filter(None, [type(error).__name__, _text(error, shown)]))
    return Problem("/problems/attempt-failed", "The task failed", named[:DETAIL_AT_MOST])


def _text(thing: object, shown: Shown) -> str:
    try:
        return shown(str(thing))[:DETAIL_AT_MOST]
    except Exception:
        return f"({type(thing).__name__} has no text)"


def _delay(error: RetryLater) -> float | None:
    """None if a subclass with its own __init__ has not set it."""
    seconds = getattr(error, "delay_seconds", None)
    valid = isinstance(seconds, (int, float)) and 0 <= seconds <= LONGEST_DELAY
    return seconds if valid else None


def _params_no_longer_fit(error: InvalidRequest, shown: Shown) -> Problem:
    fields = "; ".join(f"{field.pointer}: {field.detail}" for field in error.errors)
    return Problem(
        type="/problems/params-invalid",
        title="The params no longer fit the task",
        detail=_text(fields or error, shown),
    )
