"""What a process provides to a running job: a clock, interrupts, a heartbeat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Clock(Protocol):
    def now(self) -> int:
        """Unix epoch, milliseconds."""

    def sleep(self, seconds: float) -> None: ...


class Interrupts(Protocol):
    """Raises what a heartbeat found, such as a cancel, in the running task."""

    @property
    def pending(self) -> BaseException | None:
        """The exception that was raised in the task, or will be."""

    def armed(self) -> AbstractContextManager[None]:
        """Inside this context, `interrupt` may raise at any point of this thread."""

    def shielded(self) -> AbstractContextManager[None]:
        """Inside this context, this thread is not interrupted. Entry and exit call `check`."""

    def check(self) -> None:
        """Raise the pending exception, unless the task is handling it."""

    def interrupt(self, error: BaseException) -> None:
        """Raise `error` in the thread that is `armed`; called from another thread."""


class InParallel(Protocol):
    def __call__(self, work: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """`work` of each item, several at once, in the order of the items. Raises the first error
        once all have ended."""


class Beats(Protocol):
    """The heartbeat of one running job: it decides when to beat and what a beat does. A thread
    calls it, or a test."""

    notify: Callable[[], None]
    """Called when the next beat may be due earlier than it was; set by the caller of `beat`."""

    def next_at(self) -> int:
        """When to beat next, epoch milliseconds."""

    def due_in(self) -> float:
        """Seconds until the next beat; 0 or less if it is due."""

    def beat(self) -> None:
        """Renew the lease, store new output, and interrupt the task if it must stop."""

    def end(self, *, at_once: bool) -> None:
        """End the invocation early. Without `at_once` only if the task has saved a new checkpoint,
        so that it costs the job no attempt. May be called repeatedly."""
