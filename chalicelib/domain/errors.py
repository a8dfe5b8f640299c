"""Everything that can go wrong, as one tree; each leaf has a stable problem slug (RFC 9457).

Exception
└── OvertimeError
    ├── ClientError            the caller can fix it: answered with a 4xx problem document
    │   ├── MalformedRequest, InvalidRequest, UnsupportedMediaType, BodyTooLarge
    │   ├── Unauthorized, Forbidden, NotFound, JobNotFinished, ...
    │   └── KeyReused          an Idempotency-Key was sent again with another body
    ├── Unavailable            AWS did not answer: repeat the call
    ├── Gone                   a push found its connection closed
    ├── ConditionFailed        a conditional write failed; carries the record as it is now
    └── PermanentError, RetryLater     what a task raises to say how its attempt ended
        ├── Unanswered         a question got no answer in time
        └── Busy               a third party says when to call it again; an OSError, too
BaseException
└── Interrupted                raised inside a running task, past its `except Exception`
    ├── JobCanceled, DeadlineExceeded, InvocationEnding
    ├── Suspended           a step waits, and the job holds no worker meanwhile
    └── LeaseLost              another worker runs the job by now
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from itertools import chain, islice
from typing import ClassVar

import msgspec

from chalicelib.domain.job import JobRecord, Problem, Wait
from chalicelib.domain.values import Place

ERRORS_AT_MOST = 100  # that one refusal lists
LONGEST_DELAY = 30 * 86_400  # seconds


class FieldError(msgspec.Struct, frozen=True):
    """One member of a request that is wrong, and why."""

    at: Place | str
    detail: str

    @property
    def pointer(self) -> str:
        """A JSON Pointer (RFC 6901)."""
        return str(self.at)


class OvertimeError(Exception):
    """The root. `slug` names the problem type for ever; `title` is its one-line summary.

    The search for errors stops once ERRORS_AT_MOST are found.
    """

    slug: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str = "", *, errors: Iterable[FieldError] = ()) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        found = tuple(islice(errors, ERRORS_AT_MOST + 1))
        self.errors, self.more_errors = found[:ERRORS_AT_MOST], len(found) > ERRORS_AT_MOST


class ClientError(OvertimeError):
    """The request cannot be served as it is; `detail` says what to change. As text, it lists its
    errors, too."""

    def __str__(self) -> str:
        faults = "; ".join(
            f"{one.pointer}: {one.detail}" if one.pointer else one.detail for one in self.errors
        )
        if any(one.detail == self.detail for one in self.errors):
            return faults
        return f"{super().__str__()} {faults}".rstrip()


class MalformedRequest(ClientError):
    slug, title = "malformed-request", "The request is malformed"


class InvalidRequest(ClientError):
    slug, title = "invalid-request", "The request is well-formed but not valid"


def refuse_any(detail: str, faults: Iterable[FieldError]) -> None:
    """Raises InvalidRequest if there is any fault."""
    faults = iter(faults)
    for first in faults:
        raise InvalidRequest(detail, errors=chain([first], faults))


class UnsupportedMediaType(ClientError):
    slug, title = "unsupported-media-type", "The body must be plain JSON"


class BodyTooLarge(ClientError):
    slug, title = "body-too-large", "The body is too large"


class Unauthorized(ClientError):
    slug, title = "unauthorized", "Credentials are missing or not valid"


class Forbidden(ClientError):
    slug, title = "forbidden", "Access is denied"


class NotFound(ClientError):
    slug, title = "not-found", "Not found"


class KeyReused(ClientError):
    slug, title = "idempotency-key-reused", "The Idempotency-Key was used with another body"


class JobFinished(ClientError):
    slug, title = "job-finished", "The job is finished"


class JobNotFinished(ClientError):
    slug, title = "job-not-finished", "The job is not finished"


class JobNotSucceeded(ClientError):
    """The job ended without a result. `problem` is the job's own error, None if canceled."""

    slug, title = "job-not-succeeded", "The job did not succeed"

    def __init__(self, detail: str, problem: Problem | None) -> None:
        super().__init__(detail)
        self.problem = problem


class JobNotRetryable(ClientError):
    slug, title = "job-not-retryable", "Only failed and canceled jobs can be retried"


class JobHasParent(ClientError):
    slug, title = "job-has-parent", "The job belongs to a parent"


class AlreadyAnswered(ClientError):
    slug, title = "already-answered", "The question has another answer, or is closed"


class JobChanged(ClientError):
    slug, title = "job-changed", "The job has changed since"


class ScheduleChanged(ClientError):
    slug, title = "schedule-changed", "The schedule has changed since"


class ScheduleDeclared(ClientError):
    slug, title = "schedule-declared", "The schedule is declared in code"


class TooManySubscriptions(ClientError):
    slug, title = "too-many-subscriptions", "The connection is subscribed to too many jobs"


class Unavailable(OvertimeError):
    """AWS refused, failed or did not answer; whether a write happened is not known."""

    slug, title = "unavailable", "The service cannot answer now"


class Gone(OvertimeError):
    """The client has closed the connection."""

    slug, title = "gone", "The connection is closed"


class ConditionFailed(OvertimeError):
    """A conditional write changed nothing. `current` is the record now, None if it is gone."""

    slug, title = "condition-failed", "The job has moved on"

    def __init__(self, current: JobRecord | None) -> None:
        super().__init__()
        self.current = current


class PermanentError(OvertimeError):
    """Raised by a task: no further attempt can help. The client sees the message. An error that
    has a `headline` shows it in place of the title."""

    slug, title = "permanent-error", "The task cannot be done"


class Unanswered(PermanentError):
    """Raised by `job.ask`: the time for an answer is over."""

    slug, title = "unanswered", "The question was not answered in time"


class RetryLater(OvertimeError):
    """Raised by a task: try again after `delay` (seconds or a timedelta) in place of the backoff.

    It uses up an attempt.
    """

    slug, title = "retry-later", "The task asked to be tried again later"

    def __init__(self, delay: float | timedelta, detail: str = "") -> None:
        super().__init__(detail)
        seconds = delay.total_seconds() if isinstance(delay, timedelta) else delay
        if not 0 <= seconds <= LONGEST_DELAY:
            raise ValueError("RetryLater takes a delay between 0 seconds and 30 days")
        self.delay_seconds = float(seconds)


class Busy(RetryLater, OSError):
    """A third party cannot answer now and says when to ask again (`Retry-After`)."""

    slug, title = "third-party-busy", "A third party cannot answer now"


class Interrupted(BaseException):
    """Raised inside a running task. Like KeyboardInterrupt it is not caught by `except Exception`.
    Clean up in a `finally`, and let it through."""


class JobCanceled(Interrupted):
    """The client asked to cancel this job."""


class DeadlineExceeded(Interrupted):
    """The job's deadline has passed."""


class InvocationEnding(Interrupted):
    """This Lambda invocation is nearly over; another continues the job from its checkpoint."""


class Suspended(Interrupted):
    """A step of the job waits. The function runs again from its top once the wait has come true."""

    def __init__(self, wait: Wait) -> None:
        super().__init__(f"The step {wait.step!r} waits.")
        self.wait = wait


class LeaseLost(Interrupted):
    """This worker sent no heartbeat for longer than its lease: it can write nothing more."""
