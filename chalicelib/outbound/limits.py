"""How long a call to a third party may take, and how slowly its answer may arrive.

Python's own timeouts count anew with every byte that arrives, so a server that sends a byte now and
then would hold a worker for as long as it likes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

SILENCE = 30.0  # seconds for which the other end may say nothing
PACE_WINDOW = 60.0  # seconds of waiting for a source, after which its pace is judged
LEAST_PACE = 8 * 1024  # bytes a second, on average over that window

Monotonic = Callable[[], float]


@dataclass
class TimeLimit:
    """When an exchange must be over, and how long its other end may be silent, in seconds."""

    silence: float
    ends_at: float
    clock: Monotonic = time.monotonic

    def remaining(self) -> float:
        """For the next wait. Raises TimeoutError where there is none."""
        remaining = min(self.silence, self.ends_at - self.clock())
        if remaining <= 0:
            raise TimeoutError("timed out")
        return remaining


@dataclass
class Pace:
    """How fast a stream arrives. Only the time that its reader waits for it counts."""

    waited: float = 0.0
    arrived: int = 0

    def note(self, seconds: float, size: int) -> None:
        """After a wait. Raises TimeoutError where the last window was too slow."""
        self.waited += seconds
        self.arrived += size
        if self.waited < PACE_WINDOW:
            return
        if self.arrived < LEAST_PACE * self.waited:
            raise TimeoutError(
                f"{self.arrived:,} bytes came in {self.waited:.0f} s of waiting, and a source must "
                f"send at least {LEAST_PACE:,} bytes a second; upload the file (POST /uploads) "
                "and name the upload instead"
            )
        self.waited, self.arrived = 0.0, 0
