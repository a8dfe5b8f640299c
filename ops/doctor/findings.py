"""What a check says: one line a finding, with what mends it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    WRONG = "✗"
    DOUBTFUL = "!"
    FINE = "✓"
    UNREADABLE = "?"


@dataclass(frozen=True)
class Finding:
    grade: Grade
    what: str
    mend: str = ""

    def __str__(self) -> str:
        return f"{self.grade} {self.what}" + (f"\n    {self.mend}" if self.mend else "")


def wrong(what: str, mend: str) -> Finding:
    return Finding(Grade.WRONG, what, mend)


def doubtful(what: str, mend: str) -> Finding:
    return Finding(Grade.DOUBTFUL, what, mend)


def fine(what: str) -> Finding:
    return Finding(Grade.FINE, what)


def judged(right: bool, what: str, otherwise: Finding) -> Finding:
    return fine(what) if right else otherwise


class CannotBeRead(Exception):
    """Why not; the local AWS lacks much, and a role may not be allowed to look."""
