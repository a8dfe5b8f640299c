"""A thread that beats while tasks run: one a process, parked between jobs.

Short jobs never wake it. It sleeps until the first moment at which a beat can be due; a job that
begins and ends meanwhile costs two locks, where a thread of its own took 13 % of a run.
"""

from __future__ import annotations

import contextvars
import logging
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.ports.runtime import Beats

logger = logging.getLogger(__name__)
_under_way: list[Beats] = []
_parked: list[_Heart] = []


@contextmanager
def beating_in_a_thread(beats: Beats) -> Iterator[None]:
    """Beat inside this context. On exit, the current beat has ended and no other follows."""
    heart = _parked.pop() if _parked else _Heart()
    if not heart.is_alive():  # in a process that was forked, threads of its parent are not there
        heart = _Heart()
    heart.begin(beats)
    _under_way.append(beats)
    try:
        yield
    finally:
        _under_way.remove(beats)
        heart.end()
        _parked.append(heart)  # several only where jobs of one process overlap


class _Heart:
    """A thread for one job at a time."""

    def __init__(self) -> None:
        self._changed = threading.Condition()  # guards what follows; held for moments only
        self._job: tuple[Beats, contextvars.Context] | None = None
        self._wakes_at = math.inf  # by time.monotonic; -inf while the thread is awake
        self._due_at = -math.inf  # when the latest job for which it was woken was due to beat
        self._beating = threading.Lock()  # held during a beat, which may take seconds
        self._thread = threading.Thread(target=self._beat_for_ever, name="heartbeat", daemon=True)
        self._thread.start()

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def begin(self, beats: Beats) -> None:
        beats.notify = self._wake_in_time
        with self._changed:
            # a copy of the context, so that its log lines name this job
            self._job = (beats, contextvars.copy_context())
        self._wake_in_time()

    def end(self) -> None:
        with self._changed:
            self._job = None
        with self._beating:  # until the current beat has ended
            pass

    def _wake_in_time(self) -> None:
        """Wakes the thread if it would sleep past the next beat."""
        with self._changed:
            if self._job is None:
                return
            due_at = time.monotonic() + self._job[0].due_in()
            if due_at < self._wakes_at:
                self._changed.notify()
                self._wakes_at, self._due_at = -math.inf, due_at

    def _beat_for_ever(self) -> None:
        while True:
            self._beat(self._next())

    def _beat(self, job: tuple[Beats, contextvars.Context]) -> None:
        with self._beating:
            if job is not self._job:
                return  # it has ended meanwhile
            beats, context = job
            try:
                context.run(beats.beat)
            except Exception:
                context.run(logger.exception, "heartbeat_crashed")

    def _next(self) -> tuple[Beats, contextvars.Context]:
        """Sleeps until a beat of the job under way is due. If the job ended before the thread woke,
        it sleeps as long all the same, so that the next job need not wake it."""
        with self._changed:
            while True:
                seconds = self._job[0].due_in() if self._job else self._due_at - time.monotonic()
                if self._job and seconds <= 0:
                    return self._job
                parked = seconds <= 0
                self._wakes_at = math.inf if parked else time.monotonic() + seconds
                self._changed.wait(None if parked else seconds)
                self._wakes_at = -math.inf


def end_invocation(*, at_once: bool) -> None:
    """End this process's current invocation early, as Beats.end does, because the process has to
    stop. Call it from another thread than the task's."""
    for beats in tuple(_under_way):
        beats.end(at_once=at_once)
