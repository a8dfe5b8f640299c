"""Finds all checks, and runs them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from ops.doctor.checks import access, functions, queues, storage
from ops.doctor.findings import CannotBeRead, Finding, Grade

Check = Callable[..., Finding | Iterator[Finding]]
ROOMS = (functions, queues, storage, access)


def every_check() -> list[Check]:
    return [check for room in ROOMS for check in _checks(room)]


def _checks(room: ModuleType) -> list[Check]:
    return [
        one
        for name, one in vars(room).items()
        if inspect.isfunction(one) and one.__module__ == room.__name__ and _judges(name, one)
    ]


def _judges(name: str, function: Any) -> bool:
    return not name.startswith("_") and "Finding" in str(function.__annotations__.get("return"))


def examine(check: Check, observed: Any) -> list[Finding]:
    """Runs a check with the observed values that its parameters name."""
    try:
        wanted = inspect.signature(check).parameters
        found = check(**{name: getattr(observed, name) for name in wanted})
        return [found] if isinstance(found, Finding) else list(found)
    except CannotBeRead as reason:
        return [Finding(Grade.UNREADABLE, check.__name__.replace("_", " "), str(reason))]
