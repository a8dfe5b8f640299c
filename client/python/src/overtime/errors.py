"""What can go wrong, as one small tree.

OvertimeError
├── Unreachable     no answer came, however often the request was repeated
├── TimedOut        the caller's own time limit passed; the job goes on (a TimeoutError, too)
├── NotOvertime     something answered that is not this service: mostly a wrong URL
├── Answered        an answer with a problem document
│   ├── Refused     the service refuses the request (4xx)
│   └── Unavailable the service kept answering 429 or 5xx
├── TransferFailed  a file could not be uploaded or downloaded
├── WrongResult     the result does not fit the type that the caller named
└── JobEnded
    ├── JobFailed
    └── JobCanceled
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from overtime.models import Job


class OvertimeError(Exception):
    """Of everything that this package raises on purpose."""


class Unreachable(OvertimeError):
    """No answer. After a submit the job may or may not exist: `key` is its Idempotency-Key, and a
    submit with the same key and params finds the job or makes it."""

    key: str | None = None


class TimedOut(OvertimeError, TimeoutError):
    """`job` is as it was last seen, or None if nothing was known of it."""

    job: Job | None = None


class NotOvertime(OvertimeError):
    pass


class TransferFailed(OvertimeError):
    pass


class WrongResult(OvertimeError):
    pass


class Answered(OvertimeError):
    """`problem` is the problem document (RFC 9457) and `errors` its list of faults, each with
    `pointer` (a JSON Pointer into the request's body) and `detail`."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status, self.problem = status, problem
        self.errors: list[dict[str, str]] = list(problem.get("errors") or [])
        self.slug = str(problem.get("type", "")).rpartition("/")[2]
        said = str(problem.get("detail") or problem.get("title") or f"HTTP {status}")
        faults = [f"{one.get('pointer')}: {one.get('detail')}" for one in self.errors]
        super().__init__(
            " ".join([said.replace("; see `errors`", "") if faults else said, *faults])
        )


class Refused(Answered):
    pass


class Unavailable(Answered):
    pass


class JobEnded(OvertimeError):
    """`error` is the problem document of the job's last failed attempt, or None."""

    def __init__(self, message: str, job: Job) -> None:
        super().__init__(message)
        self.job, self.error = job, job.error


class JobFailed(JobEnded):
    pass


class JobCanceled(JobEnded):
    pass
