"""Raising what a heartbeat learns inside the task that runs in the main thread.

A signal reaches it wherever it is, also in a blocking call: the system call returns early, and
Python raises there instead of resuming it (PEP 475). Two things it cannot reach: a C function
that neither blocks in the system nor returns (a long computation in an extension), and a task
that does not run in the main thread; both hear of it at their next `job.*` call.
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
    """What a task is told of, and when it is raised."""

    def __init__(self) -> None:
        self.pending: BaseException | None = None
        self._armed = False

    @contextmanager
    def armed(self) -> Iterator[None]:
        try:
            self._armed = True
            self.raise_pending()
            yield
        finally:
            self._armed = False

    def interrupt(self, error: BaseException) -> None:
        """The first decides what the task ends with; the conditions on its last write know what
        has happened since."""
        self.pending = self.pending or error

    def raise_pending(self) -> None:
        """Not while the task handles it, and may save and tidy up. One that has swallowed it is
        told again at its next `job.*` call."""
        if self._armed and self.pending is not None and not _being_handled(self.pending):
            raise self.pending


class SignalInterrupts(PendingInterrupt):
    """For one attempt. Implements ports.Interrupts."""

    def __init__(self) -> None:
        super().__init__()
        self._here = _Here()
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
                # One may still be under way, and the default action would end the process.
                signal.signal(SIGNAL, _nothing)

    @contextmanager
    def shielded(self) -> Iterator[None]:
        self.check()
        self._here.shields += 1
        try:
            yield
        finally:
            self._here.shields -= 1
        self.check()

    def check(self) -> None:
        if not self._here.shields:
            self.raise_pending()

    def interrupt(self, error: BaseException) -> None:
        super().interrupt(error)
        if self._by_signal and self._armed:
            signal.pthread_kill(threading.main_thread().ident or 0, SIGNAL)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        self.check()


class _Here(threading.local):
    """Each thread's own: what one is in the midst of keeps nothing from another."""

    shields = 0


def _nothing(signum: int, frame: FrameType | None) -> None: ...


def _being_handled(error: BaseException) -> bool:
    """Whether this thread is in an `except`, a `finally` or a `with`'s exit that `error` led to,
    however many other exceptions it has to do with there."""
    current = sys.exception()
    while current is not None and current is not error:
        current = current.__context__
    return current is not None
