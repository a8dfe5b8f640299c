"""The clock of the machine."""

from __future__ import annotations

import time


class RealClock:
    """Implements ports.Clock."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
