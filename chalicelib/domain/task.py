"""A task: a function with a name and typed params; and `Job`, its only access to the system."""

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
"""Each has a queue and a worker function, declared in app.py as `<lane>_worker`."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A third party's answer. Header names are lowercase. Values of a repeated header are joined
    by commas, those of Set-Cookie by line feeds."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class AnswerTooLarge(PermanentError):
    """`response` holds the answer with as much of its body as the limit allows."""

    def __init__(self, detail: str, response: HttpResponse) -> None:
        super().__init__(detail)
        self.response = response


class AnswerBrokeOff(OSError):
    """The status of an answer has arrived, but not the whole answer. `response` holds the part
    that arrived; its headers are empty if they could not be read."""

    def __init__(self, detail: str, response: HttpResponse) -> None:
        super().__init__(detail)
        self.response = response


class Job(ABC):
    """The job that a task works on. Every method may raise `Interrupted`, because the client
    canceled, the deadline passed or the Lambda invocation is ending: let it through. All methods
    still work in an `except` or a `finally`: save a checkpoint there, and clean up."""

    id: str
    key: str
    """The same in all attempts: pass it to third parties as their idempotency key."""
    attempt: int
    max_attempts: int
    state: Any
    """The state of the last `checkpoint` before this invocation, as read back from JSON; None if
    there was none."""

    @abstractmethod
    def progress(self, fraction: float, message: str = "") -> None:
        """Report how far the job is, from 0 to 1. Call it as often as you like: the service
        writes at most once a second."""

    @abstractmethod
    def log(self, message: str) -> None:
        """Add a line to the job's events and to the service's log."""

    @abstractmethod
    def attach(
        self, name: str, data: bytes | str | Path | BinaryIO, content_type: str | None = None
    ) -> None:
        """Store a file with the job; clients get it at `/jobs/{id}/artifacts/{name}`.

        A name has 1 to 128 of `A-Z a-z 0-9 . _ -`, a letter or digit first. Attaching a name
        again replaces the file. The type is guessed from the name if not given.
        """

    @abstractmethod
    def once(self, step: str, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """The result of `function(*args, **kwargs)`, called only if no attempt has stored it.

        The result must be JSON, 300 KiB at most, and is returned as JSON reads it (a tuple
        becomes a list). After a crash between the call and the storing, the next attempt calls
        again: pass `job.key` to the third party, so that it notices the repetition.
        """

    @abstractmethod
    def checkpoint(self, state: Any) -> None:
        """Save the job's state, as JSON: the next attempt or invocation finds it in `state`.

        Call it as often as you like: the state is stored with the next heartbeat, within about a
        second, and at the latest when this attempt ends.
        """

    @abstractmethod
    def open(self, source: str, start: int = 0) -> Source:
        """Read an upload (`upload:…`), a file that this job has attached (`artifact:NAME`) or a
        URL as a stream, from byte `start` on.

        Raises PermanentError if it does not exist or its host is not allowed on this stage, and
        OSError if another attempt may help; it is also a RetryLater if the host says when.
        Reading raises OSError if the source breaks off, or sends less than 8 KiB a second over a
        minute of waiting for it.
        """

    @abstractmethod
    def secret(self, name: str) -> str:
        """A secret that the stage keeps, such as the key of a third party's API.

        `make secret STAGE=… NAME=…` sets it; running workers see a new value within five minutes.
        Raises PermanentError if there is none. Progress messages, log lines and errors of this job
        show the secret's name in place of its value; results, artifacts and checkpoints do not.
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

        `timeout` is in seconds, for the whole call. A gzip or deflate body is unpacked; one
        compressed otherwise, or damaged, stays as it is and keeps its `content-encoding` header.
        Raises PermanentError if the host is not allowed on this stage, OSError if no answer
        comes, AnswerTooLarge (a PermanentError) if the body is over `max_bytes`, and
        AnswerBrokeOff (an OSError) if it is cut off; the last two hold what has arrived. With a
        `max_bytes` of 0 the body is not read, and neither is raised.
        """

    @abstractmethod
    def time_left(self) -> float:
        """Seconds until this invocation has to end (another may then continue the job)."""


OWN_TOOLS = frozenset({"cancel_job", "create_upload", "get_job"})
"""Names of the service's own tools at /mcp, which no task may have."""


class Hints(typing.TypedDict, total=False):
    """What agents may assume about a task: MCP's tool annotations, with MCP's names."""

    title: str
    readOnlyHint: bool
    destructiveHint: bool
    idempotentHint: bool
    openWorldHint: bool


class NoParams(msgspec.Struct, forbid_unknown_fields=True):
    """The params of a task that takes none."""


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
    hints: Hints | None = None

    def __call__(self, job: Job, params: Any) -> Any:
        return self.function(job, params) if self.takes_params else self.function(job)

    @property
    def takes_params(self) -> bool:
        return self.params_type is not NoParams

    @property
    def tool(self) -> str:
        """Its name at /mcp. Some agents take no dots in the names of tools."""
        return self.name.replace(".", "_")

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
    hints: Hints | None = None,
) -> Callable[[Callable[..., Any]], Task]:
    """Register a function as a task. It takes a `Job` and, optionally, params.

    The type of the params is the annotation of the second parameter: a dataclass, a
    msgspec.Struct or a pydantic model. Clients see the docstring as the task's description.

    timeout: seconds from the submit (or run_at) within which a job must finish, including all
        attempts and pauses, unless the client sends `Cancel-After`.
    lane: the queue and worker function that run it, `default` or `heavy`.
    backoff, backoff_max: seconds; the pause before attempt n + 1 is drawn between 0 and
        backoff * 2^(n-1), at most backoff_max.
    hints: what agents may assume, such as {"readOnlyHint": True}; they see no others.
    """
    if callable(name):
        raise TypeError(f'give the task a name: @task("{getattr(name, "__name__", "name")}")')
    if not NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} cannot name a task: use 1 to 64 of a-z, 0-9, '.', '_' and '-', a letter or"
            " digit first"
        )
    if name.replace(".", "_") in OWN_TOOLS:
        raise ValueError(f"{name!r} cannot name a task: it is the name of a tool at /mcp")
    if hints is not None and (unknown := hints.keys() - Hints.__annotations__.keys()):
        allowed = ", ".join(Hints.__annotations__)
        raise ValueError(f"task {name}: there are no hints {sorted(unknown)}; allowed: {allowed}")
    if max_attempts < 1:
        raise ValueError(f"task {name}: max_attempts is {max_attempts}; it must be 1 or more")
    if not 5 <= timeout <= LONGEST:
        raise ValueError(f"task {name}: timeout is {timeout} s; allowed are 5 s to 366 days")
    for argument, value in (("backoff", backoff), ("backoff_max", backoff_max)):
        if not 0 <= value <= LONGEST:
            raise ValueError(f"task {name}: {argument} is {value} s; allowed are 0 s to 366 days")
    if lane not in LANES:
        raise ValueError(f"task {name}: there is no lane {lane!r}; the lanes: {', '.join(LANES)}")

    def decorate(function: Callable[..., Any]) -> Task:
        if inspect.iscoroutinefunction(function):
            raise TypeError(
                f"task {name}: {function.__name__} is async, and a worker calls plain functions:"
                " write def, and call asyncio.run() inside where you need it"
            )
        types = typing.get_type_hints(function, include_extras=True)
        names = list(inspect.signature(function).parameters)
        if not 1 <= len(names) <= 2 or (len(names) == 2 and names[1] not in types):
            raise TypeError(
                f"task {name}: write def {function.__name__}(job: Job, params: YourParams), "
                "where YourParams is a dataclass, a msgspec.Struct or a pydantic model"
            )
        params_type = types[names[1]] if len(names) == 2 else NoParams
        try:
            require_readable(params_type)
        except TypeError as error:
            raise TypeError(f"task {name}: its params cannot be read from JSON: {error}") from None
        return Task(
            name=name,
            function=function,
            params_type=params_type,
            result_type=types.get("return", Any),
            description=inspect.getdoc(function) or "",
            max_attempts=max_attempts,
            timeout=timeout,
            lane=lane,
            backoff=backoff,
            backoff_max=backoff_max,
            hints=hints,
        )

    return decorate
