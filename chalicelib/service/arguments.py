"""What a task passes to `job.*`: an argument that is wrong now is wrong at every attempt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from chalicelib.domain.errors import PermanentError
from chalicelib.domain.job import Artifact

NAMES_SHOWN = 20  # of artifacts, in an error


@contextmanager
def arguments_of(call: str) -> Iterator[None]:
    """While inside, a wrong argument fails the job at once."""
    try:
        yield
    except (TypeError, ValueError, AttributeError) as error:
        raise PermanentError(f"job.{call}: {error}") from error


def require(name: str, value: Any, *types: type) -> None:
    if not isinstance(value, types):
        allowed = " or ".join(one.__name__ for one in types)
        raise TypeError(f"{name} is {type(value).__name__}; it must be {allowed}")


def attached(name: str, artifacts: Sequence[Artifact]) -> Artifact:
    """The artifact of this name; raises PermanentError, which lists those there are."""
    by_name = {one.name: one for one in artifacts}
    if name not in by_name:
        there = ", ".join(sorted(by_name)[:NAMES_SHOWN]) or "none"
        rest = len(by_name) - NAMES_SHOWN
        more = f" and {rest} more" if rest > 0 else ""
        raise PermanentError(f"job.open: this job has no artifact {name!r}. It has: {there}{more}.")
    return by_name[name]
