"""Facts beside a job's record: what a step found is stored if absent, and never changes."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from chalicelib.domain.job import JobRecord
from chalicelib.domain.values import encode
from chalicelib.ports.system import System

T = TypeVar("T")


def read_fact(system: System, record: JobRecord, name: str, kind: type[T]) -> T | None:
    """Consistently, so whatever was stored before this call is found."""
    text = system.jobs.once(record, name, record.beside_until)
    return None if text is None else msgspec.json.decode(text, type=kind)


def store_fact(system: System, record: JobRecord, name: str, value: T) -> T:
    """Returns the fact that is stored: this one, or the one that came first."""
    text = system.jobs.store_once(record, name, encode(value), record.beside_until)
    return msgspec.json.decode(text, type=type(value))
