"""A background thread that sends pushes: only the newest under each key, and with a time limit at
the end of an invocation."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from chalicelib.domain.job import SECOND
from chalicelib.runtime.invocation import milliseconds_left
from chalicelib.telemetry.metrics import Metric

logger = logging.getLogger(__name__)

WAITING_AT_MOST = 200
SPARED = 0.5  # seconds left to Lambda's time limit: a push must not cause a time-out


class ThreadedOutbox:
    """Implements ports.Outbox. No thread runs before there is something to send."""

    def __init__(self, time_limit: float = 2.0) -> None:
        """`time_limit`: seconds that an invocation waits for pushes at its end."""
        self.time_limit = time_limit
        self._waiting: dict[str, Callable[[], None]] = {}
        self._sending = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def put(self, key: str, send: Callable[[], None]) -> None:
        with self._changed:
            if key not in self._waiting and len(self._waiting) >= WAITING_AT_MOST:
                _count_dropped(1)
                return
            self._waiting[key] = send
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def drain(self, seconds: float) -> None:
        """Wait until all are sent. Those not sent after `seconds` are dropped: Lambda freezes the
        thread between invocations, for an unknown time."""
        with self._changed:
            self._changed.wait_for(lambda: not (self._waiting or self._sending), seconds)
            if self._waiting:
                _count_dropped(len(self._waiting))
                self._waiting.clear()

    def around(self, event: Any, invoke: Callable[[Any], Any]) -> Any:
        """A Chalice middleware for every invocation, whatever its trigger."""
        try:
            return invoke(event)
        finally:
            left = milliseconds_left(event) / SECOND - SPARED
            self.drain(max(0.0, min(self.time_limit, left)))

    def _run(self) -> None:
        while True:
            send = self._next()
            try:
                send()
            except Exception:
                logger.exception("push_crashed", extra={"metrics": {Metric.PUSH_FAILURES: 1}})
            with self._changed:
                self._sending = False
                self._changed.notify_all()

    def _next(self) -> Callable[[], None]:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)
            self._sending = True
            return self._waiting.pop(next(iter(self._waiting)))


def _count_dropped(number: int) -> None:
    logger.warning("push_dropped", extra={"metrics": {Metric.PUSH_FAILURES: number}})
