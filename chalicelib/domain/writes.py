"""A conditional write as a value: the verbs build it, every store applies it in the same way.

The clauses can be checked on a record in memory and translated to a database's conditions, so the
simulation tests the same condition that DynamoDB evaluates.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any

import msgspec
from msgspec.structs import replace

from chalicelib.domain.job import Entry, JobRecord


class Verb(StrEnum):
    SUBMIT = "submit"
    CLAIM = "claim"
    HEARTBEAT = "heartbeat"
    SUCCEED = "succeed"
    FAIL = "fail"
    RETRY_LATER = "retry_later"
    CONTINUE = "continue"
    SLEEP = "sleep"
    SUSPEND = "suspend"
    WAKE = "wake"
    ABANDON = "abandon"
    CANCEL = "cancel"
    REQUEST_CANCEL = "request_cancel"
    ACKNOWLEDGE_CANCEL = "acknowledge_cancel"
    RESCUE = "rescue"
    REMIND = "remind"
    POSTPONE = "postpone"
    EXPIRE = "expire"
    RETRY = "retry"
    ERASE = "erase"
    OPEN_MAP = "open_map"
    ADOPT = "adopt"
    WATCH = "watch"


class Is(msgspec.Struct, frozen=True):
    """The field has this value; None: it is absent."""

    field: str
    value: Any

    def holds(self, value: Any) -> bool:
        return bool(value == self.value)


class OneOf(msgspec.Struct, frozen=True):
    field: str
    values: Collection[Any]

    def holds(self, value: Any) -> bool:
        return value in self.values


class AtMost(msgspec.Struct, frozen=True):
    field: str
    value: int

    def holds(self, value: Any) -> bool:
        return value is not None and value <= self.value


class AtLeast(msgspec.Struct, frozen=True):
    field: str
    value: int

    def holds(self, value: Any) -> bool:
        return value is not None and value >= self.value


Clause = Is | OneOf | AtMost | AtLeast
"""One clause of a condition. A comparison with an absent field does not hold."""


class NewJob(msgspec.Struct, frozen=True):
    """A new record, with an id that no other write creates."""

    record: JobRecord


Companion = NewJob
"""What happens in the same transaction as a write."""


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """All or nothing: if every clause of `when` holds, all of the changes happen.

    `put` sets fields (None removes one), `put_if_absent` sets those that are absent, `increment`
    adds to numbers, and `append` is added to the history. `companions` are stored in the same
    transaction. They are made from the record after the write, so a write with companions is
    `held_to` the record before it.
    """

    verb: Verb
    nonce: str
    when: tuple[Clause, ...]
    put: Mapping[str, Any]
    put_if_absent: Mapping[str, Any] = {}
    increment: Mapping[str, int] = {}
    append: Entry | None = None
    held: JobRecord | None = None
    companions: tuple[Companion, ...] = ()

    def allowed_on(self, record: JobRecord) -> bool:
        return all(clause.holds(getattr(record, clause.field)) for clause in self.when)

    def held_to(self, record: JobRecord, *companions: Companion) -> Write:
        """The same, but allowed only on exactly this state of the record: so the record after it
        is known beforehand, and its companions can contain it."""
        when = (*self.when, Is("nonce", record.nonce))
        return replace(self, when=when, held=record, companions=companions)

    @property
    def outcome(self) -> JobRecord:
        """The record after a write that is held to the record before."""
        assert self.held is not None, "a write with companions is held to a record"
        return self.applied_to(self.held)

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
