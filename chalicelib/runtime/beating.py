"""A thread that beats while a task runs."""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.ports.runtime import Beats

logger = logging.getLogger(__name__)
_under_way: list[Beats] = []


@contextmanager
def beating_in_a_thread(beats: Beats) -> Iterator[None]:
    """Beat inside this context. On exit, the current beat has ended and no other follows."""
    stopped = False

    def beat_until_stopped() -> None:
        while not stopped:
            if (wait := beats.due_in()) > 0:
                beats.news.wait(wait)
                beats.news.clear()
                continue
            try:
                beats.beat()
            except Exception:
                logger.exception("heartbeat_crashed")

    in_this_context = contextvars.copy_context().run  # so that its log lines name this job
    thread = threading.Thread(
        target=in_this_context, args=[beat_until_stopped], name="heartbeat", daemon=True
    )
    thread.start()
    _under_way.append(beats)
    try:
        yield
    finally:
        _under_way.remove(beats)
        stopped = True
        beats.news.set()
        thread.join()


def end_invocation(*, at_once: bool) -> None:
    """End this process's current invocation early, as Beats.end does, because the process has to
    stop. Call it from another thread than the task's."""
    for beats in tuple(_under_way):
        beats.end(at_once=at_once)
