"""What happened to a job, in the order it happened: transitions and log lines."""

from __future__ import annotations

import msgspec

from chalicelib.domain.job import Entry


class LogLine(msgspec.Struct, frozen=True):
    """One line of `job.log`. `position` orders lines and is unique within a job."""

    at: int
    attempt: int
    message: str
    position: str
    run: int = 1  # counts the job's runs; each retry by a client begins another


class Transitioned(msgspec.Struct, frozen=True):
    at: int
    position: str
    entry: Entry
    run: int | None = None  # of the job; None for a webhook's transition
    of_webhook: bool = False


Event = Transitioned | LogLine


def event_position(at: int, rest: str) -> str:
    return f"{at:015d}-{rest}"
