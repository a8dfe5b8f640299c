"""Raise a cancel, deadline or lost lease inside the task, which runs in the main thread.

A signal interrupts the task anywhere, also in a blocking call: the system call returns early, and
Python raises there instead of resuming it (PEP 475). A signal cannot interrupt a long computation
in a C extension, nor a task outside the main thread; these get the exception at their next `job.*`
call.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNAL = signal.SIGUSR1


class PendingInterrupt:
    """The exception to raise in a task, and when to raise it."""

    def __init__(self) -> None:
        self.pending: BaseException | None = None
        self._armed = False
        self._here = _Here()

    @contextmanager
    def shielded(self) -> Iterator[None]:
        PendingInterrupt.check(self)
        self._here.shields += 1
        try:
            yield
        finally:
            self._here.shields -= 1
        self.check()

    def check(self) -> None:
        if not self._here.shields:
            self.raise_pending()

    @contextmanager
    def armed(self) -> Iterator[None]:
        try:
            self._armed = True
            self.raise_pending()
            yield
        finally:
            self._armed = False

    def interrupt(self, error: BaseException) -> None:
        """The first one counts. If something else has happened since, the conditions on the task's
        last write notice it."""
        self.pending = self.pending or error

    def raise_pending(self) -> None:
        """Does not raise while the task handles it, so that the task can save and clean up. If the
        task has swallowed it, the next `job.*` call raises it again."""
        if self._armed and self.pending is not None and not _being_handled(self.pending):
            raise self.pending


class SignalInterrupts(PendingInterrupt):
    """For one attempt. Implements ports.Interrupts."""

    def __init__(self) -> None:
        super().__init__()
        self._by_signal = threading.current_thread() is threading.main_thread()

    @contextmanager
    def armed(self) -> Iterator[None]:
        if self._by_signal:
            signal.signal(SIGNAL, self._on_signal)
        try:
            with super().armed():
                yield
        finally:
            if self._by_signal:
                # A signal may still arrive, and the default action would end the process.
                signal.signal(SIGNAL, _nothing)

    def interrupt(self, error: BaseException) -> None:
        super().interrupt(error)
        if self._by_signal and self._armed:
            signal.pthread_kill(threading.main_thread().ident or 0, SIGNAL)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        self.check()


class _Here(threading.local):
    """Separate in each thread: a shield in one thread does not shield another."""

    shields = 0


def _nothing(signum: int, frame: FrameType | None) -> None: ...


def _being_handled(error: BaseException) -> bool:
    """Whether this thread is in an `except`, a `finally` or a `with`'s exit because of `error`,
    even if other exceptions were raised there since."""
    current = sys.exception()
    while current is not None and current is not error:
        current = current.__context__
    return current is not None
