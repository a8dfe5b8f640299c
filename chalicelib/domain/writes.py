"""A conditional write as a value: the transitions build it, every store carries it out alike.

The clauses can be asked of a record in memory and translated to a database's conditions, so
what the simulation proves is the very condition that DynamoDB evaluates.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from chalicelib.domain.job import Entry, JobRecord


class Clause(Protocol):
    """One clause of a condition. A comparison with an absent field does not hold."""

    @property
    def field(self) -> str: ...
    def holds(self, value: Any) -> bool: ...


@dataclass(frozen=True, slots=True)
class Is:
    """The field has this value; None: it is absent."""

    field: str
    value: Any

    def holds(self, value: Any) -> bool:
        return bool(value == self.value)


@dataclass(frozen=True, slots=True)
class OneOf:
    field: str
    values: Collection[Any]

    def holds(self, value: Any) -> bool:
        return value in self.values


@dataclass(frozen=True, slots=True)
class AtMost:
    field: str
    value: int

    def holds(self, value: Any) -> bool:
        return value is not None and value <= self.value


@dataclass(frozen=True, slots=True)
class AtLeast:
    field: str
    value: int

    def holds(self, value: Any) -> bool:
        return value is not None and value >= self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """All or nothing: where every clause of `when` holds, all of the changes happen.

    `put` sets fields (None removes one), `put_if_absent` only where there is nothing,
    `increment` adds to numbers, and `append` ends the history.
    """

    verb: str
    nonce: str
    when: tuple[Clause, ...]
    put: Mapping[str, Any]
    put_if_absent: Mapping[str, Any] = field(default_factory=dict)
    increment: Mapping[str, int] = field(default_factory=dict)
    append: Entry | None = None

    def allowed_on(self, record: JobRecord) -> bool:
        return all(clause.holds(getattr(record, clause.field)) for clause in self.when)

    def held_to(self, record: JobRecord) -> Write:
        """The same, but allowed only on the very state of the record that it was decided on: so
        that what becomes of it is known beforehand."""
        return replace(self, when=(*self.when, Is("nonce", record.nonce)))

    def applied_to(self, record: JobRecord) -> JobRecord:
        """The record after this write, whether or not it is allowed."""
        changes = dict(self.put)
        for name, value in self.put_if_absent.items():
            if getattr(record, name) is None:
                changes[name] = value
        for name, step in self.increment.items():
            changes[name] = getattr(record, name) + step
        if self.append is not None:
            changes["history"] = (*changes.get("history", record.history), self.append)
        return replace(record, nonce=self.nonce, **changes)
