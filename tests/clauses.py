"""Every clause of every verb's condition, dropped or made weaker, one at a time.

They are made of the writes that the verbs build, so a new verb or a new clause is among them by
itself. tests/unit/domain/test_guards.py notices each. `python -m tests.simulation.clauses` tells
which of them the simulation notices too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast
from unittest.mock import patch

from msgspec.structs import replace

from chalicelib.domain.job import HOUR, MINUTE, JobRecord, Status, WaitReason
from chalicelib.domain.transitions import HISTORY_HEAD, HISTORY_TAIL
from chalicelib.domain.writes import AtLeast, AtMost, Clause, Is, OneOf, Write
from chalicelib.memory.stores import MemoryJobs
from tests.records import examples, queued

BY = {"a millisecond": 1, "a minute": MINUTE, "an hour": HOUR}
LONG = queued().history * (HISTORY_HEAD + HISTORY_TAIL)  # the next write has to cut it short


@dataclass(frozen=True)
class OrAbsent:
    clause: Is

    @property
    def field(self) -> str:
        return self.clause.field

    def holds(self, value: Any) -> bool:
        return value is None or self.clause.holds(value)


@dataclass(frozen=True, order=True)
class Weakness:
    verb: str
    field: str
    how: str

    def __str__(self) -> str:
        return f"{self.verb}: {self.field} {self.how}"

    def of(self, write: Write) -> Write:
        if write.verb != self.verb:
            return write
        weak = [
            dict(weaker(clause)).get(self.how, clause) if clause.field == self.field else clause
            for clause in write.when
        ]
        return replace(write, when=tuple(clause for clause in weak if clause is not None))


def weaker(clause: Clause) -> Iterator[tuple[str, Clause | None]]:
    """What may be put in its place, None for nothing, each under a name."""
    yield "dropped", None
    match clause:
        case AtMost(field, value):
            yield from ((f"by {name}", AtMost(field, value + by)) for name, by in BY.items())
        case AtLeast(field, value):
            yield from ((f"by {name}", AtLeast(field, value - by)) for name, by in BY.items())
        case Is("status" as field) | OneOf(field):
            all_values: set[StrEnum] = set(Status if field == "status" else WaitReason)
            held = [value for value in all_values if clause.holds(value)]
            for other in all_values.difference(held):
                yield f"or {other}", OneOf(field, [*held, other])
        case Is(_, None | bool()):
            pass
        case Is():
            yield "or absent", cast(Clause, OrAbsent(clause))  # the stores in memory take it
        case _:
            raise AssertionError(f"no weaker form is known of {clause}")


def written() -> Iterator[tuple[JobRecord, Write]]:
    """The examples, each with a short history and with one that has to be cut short."""
    for record, make in examples():
        for one in (record, replace(record, history=LONG)):
            yield one, make(one)


def weaknesses() -> list[Weakness]:
    found = {
        Weakness(write.verb, clause.field, how)
        for _, write in written()
        for clause in write.when
        for how, _ in weaker(clause)
    }
    return sorted(found)


@contextmanager
def weakened(weakness: Weakness) -> Iterator[None]:
    """While inside, the store in memory takes the weak condition for the verb's own."""
    apply: Any = MemoryJobs.apply

    def weak(jobs: MemoryJobs, *arguments: Any) -> JobRecord:
        after: JobRecord = apply(
            jobs, *(weakness.of(one) if isinstance(one, Write) else one for one in arguments)
        )
        return after

    with patch.object(MemoryJobs, "apply", weak):
        yield
