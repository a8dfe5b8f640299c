"""The moments of a cron expression, around every change of the clocks in every zone of tzdata."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import tzdata
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.cron import FIELDS, faults, moments

SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=one) for one in (1, 60, 3_600, 86_400))
FIRST, LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
ZONES = Path(tzdata.__path__[0])


@dataclass(frozen=True)
class Change:
    """From the instant `at` on, the clocks of a zone show another offset."""

    zone: str
    at: datetime
    before: timedelta
    after: timedelta

    def local(self, instant: datetime) -> datetime:
        """What the clocks show within some days of the change."""
        return (instant + (self.before if instant < self.at else self.after)).replace(tzinfo=None)

    def instants(self, wall: datetime) -> list[datetime]:
        """When the clocks show this time: never in a gap, twice where the clocks went back."""
        wall = wall.replace(tzinfo=UTC)
        early, late = wall - self.before, wall - self.after
        return sorted([one for one in (early,) if one < self.at] + [late] * (late >= self.at))

    @property
    def seam(self) -> tuple[datetime, datetime]:
        """The first and the last time that clocks skip or show twice, and the minute after."""
        ends = [(self.at + offset).replace(tzinfo=None) for offset in (self.before, self.after)]
        return min(ends), max(ends)


def changes_of(name: str) -> Iterator[Change]:
    zone = ZoneInfo.from_file((ZONES / "zoneinfo" / name).open("rb"), key=name)

    def offset(instant: datetime) -> timedelta:
        found = instant.astimezone(zone).utcoffset()
        assert found is not None
        return found

    low, step = FIRST, 7 * DAY
    while low < LAST:
        before, high = offset(low), low + step
        if offset(high) != before:
            first = low
            while high - first > SECOND:
                middle = first + (high - first) // (2 * SECOND) * SECOND
                first, high = (middle, high) if offset(middle) == before else (first, middle)
            yield Change(name, high, before, offset(high))
        low += step


def all_changes() -> list[Change]:
    """Zones whose clocks agree from 2020 to 2037 count once."""
    by_file = {(ZONES / "zoneinfo" / name).read_bytes(): name for name in names()}
    by_changes = {
        tuple((one.at, one.before, one.after) for one in found): found
        for found in map(list, map(changes_of, by_file.values()))
    }
    return list(itertools.chain.from_iterable(by_changes.values()))


def names() -> list[str]:
    return (ZONES / "zones").read_text().split()


CHANGES = all_changes()


def found(cron: str, zone: str, after: datetime, until: datetime) -> list[datetime]:
    all_moments = (
        datetime.fromtimestamp(one / 1_000, UTC)
        for one in moments(cron, zone, round(after.timestamp() * 1_000))
    )
    return list(itertools.takewhile(lambda one: one <= until, all_moments))


def test_there_are_changes_to_look_at() -> None:
    assert len(names()) > 550
    assert len({change.zone for change in CHANGES}) > 40
    assert len(CHANGES) > 1_200
    assert {change.at.year for change in CHANGES} == set(range(2020, 2038))


def test_a_daily_schedule_gives_one_moment_a_local_day_and_none_early() -> None:
    """A time of day that is skipped gives the first instant after the gap; one that comes twice,
    the first of both."""
    for change in CHANGES:
        start, end = change.seam
        times = {start, start + (end - start) // 2, end - MINUTE, end, start - MINUTE}
        after, until = change.at - 2 * DAY, change.at + 2 * DAY
        for at in {one.replace(second=0).time() for one in times} | {time(12)}:
            wanted = []
            for day in range(-4, 5):
                wall = datetime.combine(start.date() + day * DAY, at)
                instant = min(change.instants(wall), default=change.at)
                if after < instant <= until:
                    wanted.append(instant)
            daily = found(f"{at.minute} {at.hour} * * *", change.zone, after, until)
            assert daily == wanted, (change, at)


def test_where_hour_or_minute_hold_a_wildcard_or_a_step_elapsed_time_counts() -> None:
    kinds: dict[str, Callable[[datetime], bool]] = {
        "*/15 * * * *": lambda local: local.minute % 15 == 0,
        "5-59/20 0-23 * * *": lambda local: local.minute % 20 == 5,
        "*/30 2-3 * * *": lambda local: local.minute % 30 == 0 and local.hour in (2, 3),
        "0 */2 * * *": lambda local: local.minute == 0 and local.hour % 2 == 0,
        "30 1/3 * * *": lambda local: local.minute == 30 and local.hour % 3 == 1,
    }
    seen: set[tuple[time, timedelta, timedelta]] = set()
    for change in CHANGES:
        kind = (change.local(change.at).time(), change.before, change.after)
        if kind in seen:
            continue  # the same clocks on another day
        seen.add(kind)
        after, until = change.at - 5 * HOUR, change.at + 5 * HOUR
        minutes = [after + number * MINUTE for number in range(1, 601)]
        shown = [(one, change.local(one)) for one in minutes]
        for cron, happens in kinds.items():
            wanted = [instant for instant, local in shown if happens(local)]
            assert found(cron, change.zone, after, until) == wanted, (change, cron)
    assert len(seen) > 30


@pytest.mark.parametrize("cron", ["30 1 * * *", "*/10 1 * * *"])
@pytest.mark.parametrize("minutes", range(0, 180, 7))
def test_the_next_moment_is_later_than_any_instant_asked_from(cron: str, minutes: int) -> None:
    """Also from within the hour that comes twice."""
    after = datetime(2026, 10, 25, 0, tzinfo=UTC) - HOUR + minutes * MINUTE
    every = found(cron, "Europe/London", datetime(2026, 10, 24, tzinfo=UTC), after + 2 * DAY)
    assert found(cron, "Europe/London", after, after + 2 * DAY) == [m for m in every if m > after]


def test_two_times_in_one_gap_are_one_moment() -> None:
    day = datetime(2026, 3, 29, tzinfo=UTC)
    assert found("0,30 2,3 * * *", "Europe/Berlin", day, day + 3 * HOUR) == [
        day + HOUR,
        day + HOUR + 30 * MINUTE,
    ]


def test_fields_mean_what_debians_cron_means_by_them() -> None:
    def dates(cron: str) -> list[date]:
        after = datetime(2026, 1, 1, tzinfo=UTC)
        return [one.date() for one in found(cron, "UTC", after, after + 60 * DAY)]

    assert dates("0 9 L * *") == [date(2026, 1, 31), date(2026, 2, 28)]
    assert dates("0 9 * * FRI#1") == [date(2026, 1, 2), date(2026, 2, 6)]
    assert dates("0 9 1 * MON")[:3] == [date(2026, 1, d) for d in (1, 5, 12)]  # one or the other


@pytest.mark.parametrize("name", names())
def test_every_zone_of_tzdata_is_one(name: str) -> None:
    assert list(faults("0 0 * * *", name)) == []
    assert next(moments("0 0 * * *", name, 0)) > 0


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("", "has 0 fields"),
        ("@daily", "has 1 field"),
        ("0 0 0 * * *", "has 6 fields"),
        ("x 0 * * *", "'x' is not valid as the minute (field 1)"),
        ("0 24 * * *", "'24' is not valid as the hour (field 2)"),
        ("0 0 32 * *", "'32' is not valid as the day of the month (field 3)"),
        ("0 0 1 0 *", "'0' is not valid as the month (field 4)"),
        ("0 0 * * 8", "'8' is not valid as the day of the week (field 5)"),
        ("*/0 * * * *", "'*/0' is not valid as the minute"),
        ("9-5 * * * *", "'9-5' is not valid as the minute"),
        ("0 0 31 2 *", "never happens"),
        ("0 0 31 2,4,6 *", "never happens"),
        ("0 0 */31 2 MON#5", "never happens"),
    ],
)
def test_an_expression_that_cannot_be_used_says_where(cron: str, said: str) -> None:
    [fault] = faults(cron, "UTC")
    assert fault.pointer == "/cron"
    assert said in fault.detail


@pytest.mark.parametrize("zone", ["", "Europe", "europe/berlin", "../tzdata/zones", "CEST", "a\0"])
def test_a_zone_that_does_not_exist_is_refused(zone: str) -> None:
    [fault] = faults("0 0 * * *", zone)
    assert fault.pointer == "/timezone"
    assert repr(zone) in fault.detail


def test_a_mistyped_zone_is_answered_with_those_that_are_alike() -> None:
    [fault] = faults("0 0 * * *", "Europe/Berln")
    assert "Europe/Berlin" in fault.detail


@given(st.lists(st.text("0123456789*/,-L#WMONJAN é", max_size=8), max_size=len(FIELDS) + 1))
def test_any_text_either_has_faults_or_moments(fields: list[str]) -> None:
    cron = " ".join(fields)
    if not list(faults(cron, "Europe/Berlin")):
        assert next(moments(cron, "Europe/Berlin", 1_800_000_000_000)) > 1_800_000_000_000
