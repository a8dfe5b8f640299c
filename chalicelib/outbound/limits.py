"""How long a call to a third party may take, and how slowly its answer may arrive.

Python's own timeouts restart with every byte that arrives, so a server that sends a byte now and
then could occupy a worker without end.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

SILENCE = 30.0  # seconds for which the server may send nothing
PACE_WINDOW = 60.0  # seconds of waiting for a source, after which its pace is checked
LEAST_PACE = 8 * 1024  # bytes a second, on average over that window

Monotonic = Callable[[], float]


class TimeLimit(msgspec.Struct):
    """When an exchange must end, and how long the server may send nothing, in seconds."""

    silence: float
    ends_at: float
    clock: Monotonic = time.monotonic

    def remaining(self) -> float:
        """Seconds for the next wait. Raises TimeoutError if the time is over."""
        remaining = min(self.silence, self.ends_at - self.clock())
        if remaining <= 0:
            raise TimeoutError("timed out")
        return remaining


class Pace(msgspec.Struct):
    """The speed of a stream. Only the time that the reader waits for it counts."""

    waited: float = 0.0
    arrived: int = 0

    def note(self, seconds: float, size: int) -> None:
        """Call it after each wait. Raises TimeoutError if the last window was too slow."""
        self.waited += seconds
        self.arrived += size
        if self.waited < PACE_WINDOW:
            return
        if self.arrived < LEAST_PACE * self.waited:
            raise TimeoutError(
                f"only {self.arrived:,} bytes came in {self.waited:.0f} s of waiting; a source "
                f"must send at least {LEAST_PACE:,} bytes a second. Upload the file (POST "
                "/uploads) and name the upload instead"
            )
        self.waited, self.arrived = 0.0, 0
