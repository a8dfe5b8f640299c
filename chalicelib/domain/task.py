"""A task: a function with a name and typed params."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import msgspec

from chalicelib.domain.handle import Job
from chalicelib.domain.job import INTERNAL
from chalicelib.domain.params import require_readable
from chalicelib.domain.schedules import Schedule

T = TypeVar("T")

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
STEP = re.compile(r"[a-z0-9_-]{1,64}")
LONGEST = 30 * 86_400  # seconds: a job's payloads are kept for 65 days, its retention included
Lane = Literal["default", "heavy", "webhooks"]
LANES: tuple[Lane, ...] = typing.get_args(Lane)
"""Each has a queue and a worker function, declared in app.py as `<lane>_worker`."""


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


class Task(msgspec.Struct, frozen=True, eq=False):
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
    asks: Mapping[str, Any]
    """The types of the answers that it asks for, by step."""
    hints: Hints | None = None
    schedules: tuple[Schedule, ...] = ()

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


Tasks = Callable[[], Mapping[str, Task]]
"""Those that are registered, by name."""


def task(
    name: str,
    *,
    max_attempts: int = 5,
    timeout: float = 86_400.0,
    lane: Lane = "default",
    backoff: float = 2.0,
    backoff_max: float = 600.0,
    asks: Mapping[str, Any] | None = None,
    hints: Hints | None = None,
    schedules: Sequence[Schedule] = (),
) -> Callable[[Callable[..., Any]], Task]:
    """Register a function as a task. It takes a `Job` and, optionally, params.

    The type of the params is the annotation of the second parameter: a dataclass, a
    msgspec.Struct or a pydantic model. Clients see the docstring as the task's description.

    timeout: seconds from the submit (or run_at) within which a job must finish, including all
        attempts and pauses, unless the client sends `Cancel-After`.
    lane: the queue and worker function that run it, `default` or `heavy`.
    backoff, backoff_max: seconds; the pause before attempt n + 1 is drawn between 0 and
        backoff * 2^(n-1), at most backoff_max.
    asks: the types of the answers that `job.ask` returns, by step.
    hints: what agents may assume, such as {"readOnlyHint": True}; they see no others.
    schedules: when the service submits jobs of this task by itself.
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
        raise ValueError(f"task {name}: timeout is {timeout} s; allowed are 5 s to 30 days")
    for argument, value in (("backoff", backoff), ("backoff_max", backoff_max)):
        if not 0 <= value <= LONGEST:
            raise ValueError(f"task {name}: {argument} is {value} s; allowed are 0 s to 30 days")
    if lane not in LANES:
        raise ValueError(f"task {name}: there is no lane {lane!r}; the lanes: {', '.join(LANES)}")

    for step, answer in (asks or {}).items():
        if not STEP.fullmatch(step):
            raise ValueError(
                f"task {name}: {step!r} cannot name a step: use 1 to 64 of a-z 0-9 _ -"
            )
        _require_readable(f"task {name}: answers to {step!r}", answer)

    for one in schedules:
        if not isinstance(one, Schedule):
            raise TypeError(f"task {name}: schedules has {one!r}; write Schedule({one!r})")

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
        _require_readable(f"task {name}: its params", params_type)
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
            asks=dict(asks or {}),
            hints=hints,
            schedules=tuple(schedules),
        )

    return decorate


def _require_readable(what: str, kind: Any) -> None:
    try:
        require_readable(kind)
    except TypeError as error:
        raise TypeError(f"{what} cannot be read from JSON: {error}") from None
