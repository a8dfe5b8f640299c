"""When to try again: full-jitter exponential backoff (AWS Architecture Blog, 2015)."""

from __future__ import annotations

from collections.abc import Callable


def backoff_seconds(
    attempt: int, base: float, longest: float, chance: Callable[[], float]
) -> float:
    """The pause after `attempt` (1, 2, …) failed; `chance` draws from [0, 1).

    Drawn from the whole range down to zero, so that jobs that failed together come back apart.
    """
    doublings = min(attempt - 1, 32)
    return chance() * min(longest, base * 2.0**doublings)
