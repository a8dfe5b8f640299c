"""The result of a check: one line for each finding, and how to fix it."""

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
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.grade} {self.what}" + (f"\n    {self.fix}" if self.fix else "")


def wrong(what: str, fix: str) -> Finding:
    return Finding(Grade.WRONG, what, fix)


def doubtful(what: str, fix: str) -> Finding:
    return Finding(Grade.DOUBTFUL, what, fix)


def fine(what: str) -> Finding:
    return Finding(Grade.FINE, what)


def judged(right: bool, what: str, otherwise: Finding) -> Finding:
    return fine(what) if right else otherwise


class CannotBeRead(Exception):
    """The reason. The local AWS lacks some settings, and a role may lack the permission."""
