"""Waiting for a condition, within a bound, instead of for a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

T = TypeVar("T")
EVERY_SECONDS = 0.1
IN_A_WEEK = f"{datetime.now(UTC) + timedelta(days=7):%Y-%m-%dT%H:%M:%SZ}"  # nobody waits for it


def until(
    look: Callable[[], T | None], seconds: float, story: Callable[[], object] = lambda: ""
) -> T:
    """The first answer of `look` that is not empty. Raises AssertionError, with the story as it
    is by then, after so many seconds."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while True:
        if found := look():
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain. {story()}")
        pause.wait(EVERY_SECONDS)
