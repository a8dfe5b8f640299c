"""Durations as a person writes them at a command."""

from __future__ import annotations

import re

from chalicelib.domain.job import DAY, HOUR, MINUTE
from ops.cli.stage import Refusal

UNITS = {"d": DAY, "h": HOUR, "m": MINUTE}


def milliseconds(variable: str, text: str) -> int:
    """Of `90d`, `12h` or `30m`. Raises Refusal, naming the variable."""
    match = re.fullmatch(r"(\d{1,6})([dhm])", text)
    if match is None:
        raise Refusal(f"{variable}={text} is no duration: say 90d, 12h or 30m.")
    return int(match[1]) * UNITS[match[2]]
