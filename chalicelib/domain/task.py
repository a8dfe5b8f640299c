"""A task: a function with a name and typed params; and `Job`, all that it sees of the system."""

from __future__ import annotations

import inspect
import re
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeVar

import msgspec

from chalicelib.domain.errors import PermanentError
from chalicelib.domain.job import INTERNAL
from chalicelib.domain.params import require_readable
from chalicelib.domain.source import Source

T = TypeVar("T")

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
LONGEST = 366 * 86_400  # seconds
Lane = Literal["default", "heavy", "webhooks"]
LANES: tuple[Lane, ...] = typing.get_args(Lane)
"""Each has a queue and a worker, declared in app.py as `<lane>_worker`; all else follows."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What a third party answered. Header names are in lower case; the values of lines with one
    name are joined by commas, those of Set-Cookie by line feeds."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class AnswerTooLarge(PermanentError):
    """`response` holds the answer with as much of its body as the limit allows."""

    def __init__(self, detail: str, response: HttpResponse) -> None:
        super().__init__(detail)
        self.response = response


class AnswerBrokeOff(OSError):
    """The status of an answer has arrived, but not all that follows. `response` holds the part
    that has; its headers are empty where they could not be read."""

    def __init__(self, detail: str, response: HttpResponse) -> None:
        super().__init__(detail)
        self.response = response


class Job(ABC):
    """The job that a task works on. Every method may raise `Interrupted` on behalf of the
    client (cancel), the clock (deadline) or Lambda (invocation ending): let it through. Until it
    is, in an `except` or a `finally`, all of them work: save a checkpoint there, and tidy up."""

    id: str
    key: str
    """The same through all attempts: pass it to third parties as their idempotency key."""
    attempt: int
    max_attempts: int
    state: Any
    """What the last `checkpoint` had saved when this invocation began, as JSON gives it back; None
    at the beginning."""

    @abstractmethod
    def progress(self, fraction: float, message: str = "") -> None:
        """Tell how far the job is, from 0 to 1. Call as often as you like: at most one write a
        second comes of it."""

    @abstractmethod
    def log(self, message: str) -> None:
        """Add a line to the job's events and to the service's log."""

    @abstractmethod
    def attach(
        self, name: str, data: bytes | str | Path | BinaryIO, content_type: str | None = None
    ) -> None:
        """Store a file with the job, to be fetched at `/jobs/{id}/artifacts/{name}`.

        A name has 1 to 128 of `A-Z a-z 0-9 . _ -`, a letter or digit first; attached again it is
        replaced. The type is guessed from the name if not given.
        """

    @abstractmethod
    def once(self, step: str, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """The result of `function(*args, **kwargs)`, called only if no attempt has stored it.

        The result must be JSON, 300 KiB at most, and is what JSON makes of it (a tuple comes
        back as a list). A crash between the call and the storing repeats the call: pass
        `job.key` along where the effect is somebody else's.
        """

    @abstractmethod
    def checkpoint(self, state: Any) -> None:
        """Save where the job is, as JSON: the next attempt or invocation finds it in `state`.

        Call as often as you like: it is stored with the next heartbeat, within a second or so,
        and at the latest when this attempt ends.
        """

    @abstractmethod
    def open(self, source: str, start: int = 0) -> Source:
        """Read an upload (`upload:…`), a file that this job has attached (`artifact:NAME`) or a
        URL as a stream, from byte `start` on.

        Raises PermanentError where it does not exist or its host is not allowed on this stage,
        OSError where another attempt may help; one that is also RetryLater where the host says
        when. Reading raises OSError where the source breaks off, or sends less than 8 KiB a
        second over a minute of waiting for it.
        """

    @abstractmethod
    def secret(self, name: str) -> str:
        """A secret that the stage keeps, such as the key of a third party's API.

        `make secret STAGE=… NAME=…` sets it; a new value counts within five minutes. Raises
        PermanentError where there is none. In progress messages, log lines and errors of this job
        its value is replaced by its name; not in results, artifacts and checkpoints.
        """

    @abstractmethod
    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout: float = 30.0,
        max_bytes: int = 5 * 1024 * 1024,
    ) -> HttpResponse:
        """Call a third party once, without following redirects.

        `timeout` is in seconds, for all of it. A body that comes compressed by gzip or deflate is
        unpacked; one compressed otherwise, or damaged, stays as it is and keeps its header
        `content-encoding`. Raises PermanentError where the host is not allowed on this stage,
        OSError where no answer comes, AnswerTooLarge (a PermanentError) where the body is over
        `max_bytes`, and AnswerBrokeOff (an OSError) where it is cut off; the last two hold what
        has arrived. With a `max_bytes` of 0 the body is not read, and neither is raised.
        """

    @abstractmethod
    def time_left(self) -> float:
        """Seconds until this invocation has to end (the job may then go on in another)."""


class NoParams(msgspec.Struct, forbid_unknown_fields=True):
    """For tasks that take none."""


@dataclass(frozen=True, slots=True)
class Task:
    """A registered function. Calling it calls the function, as in a test."""

    name: str
    function: Callable[..., Any]
    params_type: Any
    result_type: Any
    description: str
    max_attempts: int
    timeout: float
    lane: Lane
    backoff: float
    backoff_max: float

    def __call__(self, job: Job, params: Any) -> Any:
        return self.function(job, params) if self.takes_params else self.function(job)

    @property
    def takes_params(self) -> bool:
        return self.params_type is not NoParams

    @property
    def internal(self) -> bool:
        return self.name.startswith(INTERNAL)


def task(
    name: str,
    *,
    max_attempts: int = 5,
    timeout: float = 86_400.0,
    lane: Lane = "default",
    backoff: float = 2.0,
    backoff_max: float = 600.0,
) -> Callable[[Callable[..., Any]], Task]:
    """Make a task of a function that takes a `Job` and, if it wants any, its params.

    The params' type is read from the annotation of the second parameter: a dataclass, a
    msgspec.Struct or a pydantic model. The docstring describes the task to its clients.

    timeout: seconds from the submit (or run_at) in which a job must be done, all attempts and
        pauses included, unless the client says `Cancel-After`.
    lane: the queue and worker function that run it, `default` or `heavy`.
    backoff, backoff_max: seconds; the pause before attempt n + 1 is drawn between 0 and
        backoff * 2^(n-1), at most backoff_max.
    """
    if callable(name):
        raise TypeError(f'give the task a name: @task("{getattr(name, "__name__", "name")}")')
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name a task: use a-z, 0-9, '.', '_', '-', 64 at most")
    if max_attempts < 1 or not 5 <= timeout <= LONGEST:
        raise ValueError(f"task {name}: max_attempts >= 1 and a timeout of 5 s to 366 days, please")
    if not (0 <= backoff <= LONGEST and 0 <= backoff_max <= LONGEST):
        raise ValueError(f"task {name}: backoff and backoff_max of 0 s to 366 days, please")
    if lane not in LANES:
        raise ValueError(f"task {name}: there is no lane {lane!r}; there are: {', '.join(LANES)}")

    def decorate(function: Callable[..., Any]) -> Task:
        if inspect.iscoroutinefunction(function):
            raise TypeError(
                f"task {name}: {function.__name__} is async, and a worker waits for nobody:"
                " write def, and asyncio.run() inside where you need it"
            )
        hints = typing.get_type_hints(function, include_extras=True)
        names = list(inspect.signature(function).parameters)
        if not 1 <= len(names) <= 2 or (len(names) == 2 and names[1] not in hints):
            raise TypeError(
                f"task {name}: write def {function.__name__}(job: Job, params: YourParams), "
                "where YourParams is a dataclass, a msgspec.Struct or a pydantic model"
            )
        params_type = hints[names[1]] if len(names) == 2 else NoParams
        try:
            require_readable(params_type)
        except TypeError as error:
            raise TypeError(f"task {name}: its params cannot be read from JSON: {error}") from None
        return Task(
            name=name,
            function=function,
            params_type=params_type,
            result_type=hints.get("return", Any),
            description=inspect.getdoc(function) or "",
            max_attempts=max_attempts,
            timeout=timeout,
            lane=lane,
            backoff=backoff,
            backoff_max=backoff_max,
        )

    return decorate
