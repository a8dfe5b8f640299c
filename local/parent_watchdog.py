"""Ties a process to its supervisor: when the supervisor ends in any way, the process ends too.

The supervisor holds one end of a pipe that is the process's standard input. The kernel closes it
even after a SIGKILL, which no handler of the supervisor could answer.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable

GRACE_SECONDS = 15  # for a process to end by itself after SIGTERM


def hold() -> None:
    """Ends this process, with SIGTERM first, once the other end of standard input is closed."""
    threading.Thread(target=_wait_for_the_end, name="parent_watchdog", daemon=True).start()


def stop_on_sigterm() -> Callable[[], bool]:
    """Says whether SIGTERM has come, for a loop that ends by itself once it has."""
    signals: list[int] = []  # only noted: a handler that took a lock could wait for ever
    signal.signal(signal.SIGTERM, lambda number, _: signals.append(number))
    return lambda: bool(signals)


def _wait_for_the_end() -> None:
    while os.read(sys.__stdin__.fileno() if sys.__stdin__ else 0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # what its task has started, too
    os._exit(1)
