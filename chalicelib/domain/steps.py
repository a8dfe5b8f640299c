"""The facts that waiting steps store beside a job's record, each put if absent.

They lie where the results of `once` lie. A task's own steps cannot have these names, which contain
a control character.
"""

from __future__ import annotations

from typing import Any

import msgspec

SLEEP, ASK, MAP = "sleep", "question", "map"


class Opened(msgspec.Struct, frozen=True):
    """A waiting step, as it was when it was first reached. `until`: when a sleep ends, or a
    question is closed (epoch ms)."""

    kind: str
    generation: int
    until: int


class Reply(msgspec.Struct, frozen=True):
    """How a question ended: with an answer, or without one."""

    answer: Any = msgspec.UNSET

    @property
    def given(self) -> bool:
        return self.answer is not msgspec.UNSET


class Question(msgspec.Struct, frozen=True):
    """`round`: how often the step was asked before. A client's retry asks again what was not
    answered in time; a question that is still open stays, and with it the URLs that answer it."""

    step: str
    round: int
    opened: Opened


def opened(step: str, round: int = 0) -> str:
    return f"\x1f{step}" if round == 0 else f"\x1f{step}\x1f{round}"


def reply(step: str, round: int) -> str:
    return f"\x1f{step}\x1freply\x1f{round}"
