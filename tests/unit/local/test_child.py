"""What a child says gets its name, and colours where a person watches."""

from __future__ import annotations

import io
import json
import sys

import pytest

from local.child import say
from local.gateway import Answer, problem
from local.serve import reason_of


class Stream(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


def said(monkeypatch: pytest.MonkeyPatch, text: str, *, terminal: bool) -> str:
    stream = Stream(terminal)
    monkeypatch.setattr(sys, "stdout", stream)
    say(text, of="api", tone="bad")
    return stream.getvalue()


def test_a_terminal_shows_the_tone_in_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = said(monkeypatch, "no", terminal=True)
    assert shown == "\033[36mapi      |\033[0m \033[31mno\033[0m\n"


def test_a_file_and_no_color_get_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert said(monkeypatch, "no", terminal=False) == "api      | no\n"
    monkeypatch.setenv("NO_COLOR", "1")
    assert said(monkeypatch, "no", terminal=True) == "api      | no\n"


def test_what_others_wrote_sends_the_terminal_no_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\\x1b[2Jno" in said(monkeypatch, "\033[2Jno", terminal=True)


def test_the_reason_of_a_refusal_is_its_problems_detail() -> None:
    assert reason_of(problem(404, "Nothing lives at this path.")) == "Nothing lives at this path."
    assert reason_of(Answer(400, [], b"<html>")) is None
    assert reason_of(Answer(400, [], b"[]")) is None
    fault = {"pointer": "/params/url", "detail": "is no URL"}
    document = json.dumps({"detail": "They do not fit.", "errors": [fault, fault]}).encode()
    assert reason_of(Answer(422, [], document)) == "They do not fit. /params/url: is no URL"
    assert reason_of(Answer(200, [], b'{"detail": "of a job"}')) is None
