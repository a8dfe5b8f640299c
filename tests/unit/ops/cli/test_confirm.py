"""Nothing is lost without a yes."""

from __future__ import annotations

import io

import pytest

from ops.cli.confirm import confirm
from ops.cli.stage import Refusal


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.delenv("YES", raising=False)
    monkeypatch.setattr("sys.stdin", Terminal(text))


@pytest.mark.parametrize("text", ["y\n", "Yes\n", " YES \n"])
def test_a_yes_goes_on(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    answer(monkeypatch, text)
    confirm("Go on?", yes=False)


@pytest.mark.parametrize("text", ["\n", "n\n", "yesterday\n"])
def test_anything_else_does_not(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    answer(monkeypatch, text)
    with pytest.raises(Refusal, match="Nothing was changed"):
        confirm("Go on?", yes=False)


def test_without_a_terminal_the_answer_is_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("YES", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(Refusal, match=r"Go on\? No terminal to confirm on.*YES=1"):
        confirm("Go on?", yes=False)


def test_a_yes_may_be_said_in_advance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    confirm("Go on?", yes=True)
    monkeypatch.setenv("YES", "1")
    confirm("Go on?", yes=False)
