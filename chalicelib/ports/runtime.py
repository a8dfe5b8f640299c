"""What a process gives a running job: a clock, interrupts, a heartbeat."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from typing import Protocol


class Clock(Protocol):
    def now(self) -> int:
        """Unix epoch, milliseconds."""

    def sleep(self, seconds: float) -> None: ...


class Interrupts(Protocol):
    """How what a heartbeat learns gets into the running task."""

    @property
    def pending(self) -> BaseException | None:
        """What the task has been told, or is about to be."""

    def armed(self) -> AbstractContextManager[None]:
        """While inside, `interrupt` may raise at any point of this thread."""

    def shielded(self) -> AbstractContextManager[None]:
        """While inside, this thread is not interrupted: entering and leaving `check`."""

    def check(self) -> None:
        """Raise what is pending, unless the task is handling it."""

    def interrupt(self, error: BaseException) -> None:
        """Raise `error` in the thread that armed; called from another."""


class Beats(Protocol):
    """The heartbeat of one running job: it decides when to beat and what a beat does. What calls
    it, a thread or a test, is the runtime's affair."""

    news: threading.Event
    """Set when there is something to show."""

    def next_at(self) -> int:
        """When to beat next, epoch milliseconds."""

    def due_in(self) -> float:
        """Seconds until then; 0 or less once it is time."""

    def beat(self) -> None:
        """Renew the lease, store what there is to show, and interrupt the task where it must
        stop."""

    def end(self, *, at_once: bool) -> None:
        """End the invocation before its time. Without `at_once` only if the task has saved a new
        checkpoint, so that this costs the job no attempt. May be called again and again."""
