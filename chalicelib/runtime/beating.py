"""A thread that beats while a task runs."""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.ports.runtime import Beats

logger = logging.getLogger(__name__)


@contextmanager
def beating_in_a_thread(beats: Beats) -> Iterator[None]:
    """Beat while inside. On leaving, the beat under way is over, and no other follows."""
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

    in_this_context = contextvars.copy_context().run  # its log lines are this job's
    thread = threading.Thread(
        target=in_this_context, args=[beat_until_stopped], name="heartbeat", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stopped = True
        beats.news.set()
        thread.join()
