"""Durations as a person writes them at a command, and times as a command shows them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from chalicelib.domain.job import DAY, HOUR, MINUTE
from ops.cli.stage import Refusal

LONGEST_OVERLAP = 30 * DAY
UNITS = {"d": DAY, "h": HOUR, "m": MINUTE}


def milliseconds(variable: str, text: str) -> int:
    """Of `90d`, `12h` or `30m`. Raises Refusal, naming the variable."""
    match = re.fullmatch(r"(\d{1,6})([dhm])", text)
    if match is None:
        raise Refusal(f"{variable}={text} is not a duration such as 90d, 12h or 30m.")
    return int(match[1]) * UNITS[match[2]]


def overlap(text: str) -> int:
    """How long an old secret counts beside a new one, in milliseconds. Raises Refusal."""
    lasts = milliseconds("OVERLAP", text)
    if lasts > LONGEST_OVERLAP:
        raise Refusal(f"OVERLAP={text} is too long: 30 days at most.")
    return lasts


def moment(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1_000, UTC).strftime("%Y-%m-%d %H:%M UTC")
