"""When to try again: full-jitter exponential backoff (AWS Architecture Blog, 2015), or when a
Retry-After header says."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import mktime_tz, parsedate_tz

LONGEST_WAIT = 86_400.0  # seconds, whatever the header says


def backoff_seconds(
    attempt: int, base: float, longest: float, random: Callable[[], float]
) -> float:
    """The pause after `attempt` (1, 2, …) failed; `random` draws from [0, 1).

    It is drawn from the whole range down to zero, so that jobs that failed together do not retry
    together.
    """
    doublings = min(attempt - 1, 32)
    return random() * min(longest, base * 2.0**doublings)


def retry_after(value: str, now: float) -> float | None:
    """Seconds to wait by a Retry-After header (RFC 9110, section 10.2.3); None if not readable."""
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_WAIT)
    # Reads all three date formats of HTTP. They are in GMT, but some servers write another zone.
    date = parsedate_tz(value)
    try:
        return None if date is None else min(max(mktime_tz(date) - now, 0.0), LONGEST_WAIT)
    except (ValueError, OverflowError):  # a year out of range
        return None
