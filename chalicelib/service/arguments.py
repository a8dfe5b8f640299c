"""Checks of the arguments to `job.*`: a wrong one would be wrong at every attempt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from chalicelib.domain.errors import PermanentError
from chalicelib.domain.job import Artifact

NAMES_SHOWN = 20  # of artifacts, in an error


@contextmanager
def arguments_of(call: str) -> Iterator[None]:
    """Inside this context, a wrong argument fails the job without another attempt."""
    try:
        yield
    except (TypeError, ValueError, AttributeError) as error:
        raise PermanentError(f"job.{call}: {error}") from error


def require(name: str, value: Any, *types: type) -> None:
    if not isinstance(value, types):
        allowed = " or ".join(one.__name__ for one in types)
        raise TypeError(f"{name} is {type(value).__name__}; it must be {allowed}")


def attached(name: str, artifacts: Sequence[Artifact]) -> Artifact:
    """The artifact of this name. Raises a PermanentError that lists the existing ones."""
    by_name = {one.name: one for one in artifacts}
    if name not in by_name:
        there = ", ".join(sorted(by_name)[:NAMES_SHOWN]) or "none"
        rest = len(by_name) - NAMES_SHOWN
        more = f" and {rest} more" if rest > 0 else ""
        raise PermanentError(f"job.open: this job has no artifact {name!r}. It has: {there}{more}.")
    return by_name[name]
