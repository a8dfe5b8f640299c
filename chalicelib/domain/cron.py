"""The moments of a cron expression in a time zone, daylight saving time included.

An expression that fixes hours and minutes means times of day: one that the clocks skip happens at
the first instant after the gap, one that comes twice happens once. Where hour or minute hold a
wildcard or a step, elapsed time counts: whatever the clocks show happens, and as often.

cronsim and the zones are imported when they are first needed: no cold start pays for them.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path

from chalicelib.domain.errors import FieldError

FIELDS = (
    ("minute", "0-59"),
    ("hour", "0-23"),
    ("day of the month", "1-31 or L"),
    ("month", "1-12 or JAN-DEC"),
    ("day of the week", "0-7 or SUN-SAT"),
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND, _DAY = timedelta(seconds=1), timedelta(days=1)


def faults(cron: str | None, zone: str) -> Iterator[FieldError]:
    """What is wrong with an expression, if there is one, and the name of a zone."""
    if zone not in _zones():
        import difflib  # so that a cold start does not pay for it

        alike = difflib.get_close_matches(zone, _zones(), 3)
        near = f" Did you mean {' or '.join(alike)}?" if alike else " Use an IANA name."
        yield FieldError("/timezone", f"There is no time zone {zone!r}.{near}")
    fault = None if cron is None else _fault(cron)
    if fault is not None:
        yield FieldError("/cron", fault)


def _fault(cron: str) -> str | None:
    from cronsim import CronSim, CronSimError

    parts = cron.split()
    if len(parts) != len(FIELDS):
        names = ", ".join(name for name, _ in FIELDS)
        given = "1 field" if len(parts) == 1 else f"{len(parts)} fields"
        return f"The expression has {given}; it must have 5: {names}."
    for number, (name, allowed) in enumerate(FIELDS):
        alone = " ".join(part if at == number else "*" for at, part in enumerate(parts))
        try:
            CronSim(alone, _EPOCH)
        except (CronSimError, ValueError):
            return (
                f"{parts[number]!r} is not valid as the {name} (field {number + 1}). Allowed are"
                f" {allowed}, with `*`, lists (1,2), ranges (1-5) and steps (*/2)."
            )
    try:
        if next(CronSim(cron, _EPOCH), None) is not None:
            return None
    except CronSimError:  # a day that none of the months has
        pass
    return f"{cron!r} never happens: no date in 50 years fits its day and its month."


def moments(cron: str, zone: str, after: int) -> Iterator[int]:
    """The moments later than `after`, in order (epoch ms), for an expression without faults. They
    end when none comes within 50 years."""
    start = _EPOCH + after // 1_000 * _SECOND  # moments are whole seconds
    minute, hour, *_ = cron.split()
    elapsed = any(sign in field for field in (minute, hour) for sign in "*/")
    found = (_by_elapsed_time if elapsed else _by_the_clock)(cron, _zone(zone), start)
    return ((moment - _EPOCH) // _SECOND * 1_000 for moment in found)


def _by_the_clock(cron: str, zone: tzinfo, after: datetime) -> Iterator[datetime]:
    """cronsim does as Debian's cron does. It knows no second pass of an hour that comes twice, so
    what it finds may lie before `after`."""
    from cronsim import CronSim

    utc = (moment.astimezone(UTC) for moment in CronSim(cron, after.astimezone(zone)))
    return (moment for moment in utc if moment > after)


def _by_elapsed_time(cron: str, zone: tzinfo, after: datetime) -> Iterator[datetime]:
    """From one change of the zone's offset to the next, in which local time just runs on."""
    from cronsim import CronSim

    offset = _offset(zone, after)
    while True:
        for found in CronSim(cron, after.astimezone(timezone(offset))):
            moment = found.astimezone(UTC)
            change = _change(zone, offset, after, moment)
            if change is not None:
                break
            yield moment
            after = moment
        else:
            return
        after, offset = change - _SECOND, _offset(zone, change)


def _change(zone: tzinfo, offset: timedelta, low: datetime, end: datetime) -> datetime | None:
    """The first second in (low, end] at which the zone's offset is another; None if there is none.
    Two changes of a zone are further apart than a day."""
    while low < end:
        high = min(low + _DAY, end)
        if _offset(zone, high) != offset:
            while high - low > _SECOND:
                middle = low + (high - low) // (2 * _SECOND) * _SECOND
                low, high = (middle, high) if _offset(zone, middle) == offset else (low, middle)
            return high
        low = high
    return None


def _offset(zone: tzinfo, moment: datetime) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return offset


def _tzdata() -> Path:
    """Not the zones of the machine: those of Lambda and of a laptop may be years apart."""
    import tzdata

    return Path(tzdata.__path__[0])


@functools.cache
def _zones() -> frozenset[str]:
    return frozenset((_tzdata() / "zones").read_text().split())


@functools.lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo

    with (_tzdata() / "zoneinfo" / name).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)
