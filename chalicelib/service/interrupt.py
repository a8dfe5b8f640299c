"""Raising what a heartbeat learns inside the task that runs in the main thread.

A signal reaches it wherever it is, also in a blocking call: the system call returns early, and
Python raises there instead of resuming it (PEP 475). Two things it cannot reach: a C function
that neither blocks in the system nor returns (a long computation in an extension), and a task
that does not run in the main thread; both hear of it at their next `job.*` call.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNAL = signal.SIGUSR1


class SignalInterrupts:
    """For one attempt. Implements ports.Interrupts."""

    def __init__(self) -> None:
        self.pending: BaseException | None = None
        self._armed = False
        self._shields = 0
        self._by_signal = threading.current_thread() is threading.main_thread()

    @contextmanager
    def armed(self) -> Iterator[None]:
        before = signal.signal(SIGNAL, self._on_signal) if self._by_signal else None
        try:
            self._armed = True
            yield
        finally:
            self._armed = False
            if self._by_signal:
                signal.signal(SIGNAL, before)

    @contextmanager
    def shielded(self) -> Iterator[None]:
        self.check()
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1
        self.check()

    def check(self) -> None:
        """A task that swallows it is told again at its next `job.*` call."""
        if self._armed and not self._shields and self.pending is not None:
            raise self.pending

    def interrupt(self, error: BaseException) -> None:
        self.pending = error
        if self._by_signal and self._armed:
            signal.pthread_kill(threading.main_thread().ident or 0, SIGNAL)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        self.check()
