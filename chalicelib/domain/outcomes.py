"""How an attempt can end: one closed set, and the one place that sorts exceptions into it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
)
from chalicelib.domain.job import Problem
from chalicelib.domain.text import printable

DETAIL_AT_MOST = 2_000  # characters: the record has to stay small
Shown = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Succeeded:
    result: str  # JSON text


@dataclass(frozen=True, slots=True)
class Failed:
    error: Problem


@dataclass(frozen=True, slots=True)
class Retry:
    """`delay_seconds` None: by the task's backoff."""

    error: Problem
    delay_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Continue:
    """The invocation ended first; with a checkpoint that moved, the next one goes on."""


@dataclass(frozen=True, slots=True)
class Canceled:
    pass


@dataclass(frozen=True, slots=True)
class Expired:
    pass


@dataclass(frozen=True, slots=True)
class Lost:
    """Somebody else holds the lease: there is nothing to write."""


Outcome = Succeeded | Failed | Retry | Continue | Canceled | Expired | Lost


def outcome_of(
    error: BaseException,
    pending: BaseException | None,
    shown: Shown = printable,
) -> Outcome:
    """What an exception that left the task means. Anything unknown is worth another attempt.

    `pending` is what the system raised in the task, alone or, by an asyncio.TaskGroup, in a group
    with others; what a task raises in its place is its own. `shown` makes a text one that clients
    may see.
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
        case Interrupted():
            return Lost()
        case InvalidRequest():
            return Failed(_params_no_longer_fit(error, shown))
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
        detail="This deployment does not know it; another one queued the job.",
    ),
    delay_seconds=60.0,
)
OUT_OF_TIME = Retry(
    Problem(
        type="/problems/out-of-time",
        title="The invocation ended before the task did",
        detail="Nothing was saved by job.checkpoint() to continue from.",
    )
)


def _problem(kind: type[OvertimeError], error: BaseException, shown: Shown) -> Problem:
    """Of an error whose message the task wrote for the client."""
    title = getattr(error, "headline", kind.title)
    return Problem(
        type=f"/problems/{kind.slug}", title=_text(title, shown), detail=_text(error, shown)
    )


def _attempt_failed(error: BaseException, shown: Shown) -> Problem:
    """Of any other: the client sees the class and the message, never the traceback."""
    named = ": ".join(filter(None, [type(error).__name__, _text(error, shown)]))
    return Problem("/problems/attempt-failed", "The task failed", named[:DETAIL_AT_MOST])


def _text(thing: object, shown: Shown) -> str:
    try:
        return shown(str(thing))[:DETAIL_AT_MOST]
    except Exception:
        return f"({type(thing).__name__} has no text)"


def _delay(error: RetryLater) -> float | None:
    """None where a subclass has not set it, having an __init__ of its own."""
    seconds = getattr(error, "delay_seconds", None)
    valid = isinstance(seconds, (int, float)) and 0 <= seconds <= LONGEST_DELAY
    return seconds if valid else None


def _params_no_longer_fit(error: InvalidRequest, shown: Shown) -> Problem:
    fields = "; ".join(f"{field.pointer}: {field.detail}" for field in error.errors)
    return Problem(
        type="/problems/params-invalid",
        title="The params do not fit the task any more",
        detail=_text(fields or error, shown),
    )
