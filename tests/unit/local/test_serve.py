"""The server of `make run` writes its lines whole."""

from __future__ import annotations

import io
import sys

import pytest

from local.serve import log


class Writes(io.StringIO):
    """Standard output without a buffer: each write leaves by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[str] = []

    def write(self, text: str) -> int:
        self.made.append(text)
        return len(text)


def test_a_line_and_its_end_are_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else lines of requests that are served at once run together."""
    monkeypatch.setattr(sys, "stdout", stdout := Writes())
    log({"event": "answered"})
    assert stdout.made == ['{"event": "answered"}\n']
