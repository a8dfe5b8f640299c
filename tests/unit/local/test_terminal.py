"""What others wrote reaches a terminal as text, and moves nothing there."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from local.child import say
from local.terminal import TURNING, shown
from tests.aws import ROOT

RED = "\x1b[31m"


@pytest.mark.parametrize(
    ("text", "as_shown"),
    [
        ("ada\tété\n日本 👩‍🚀", "ada\tété\n日本 👩‍🚀"),
        (f"{RED}wrong\r\b\x07\x7f", "\\x1b[31mwrong\\r\\x08\\x07\\x7f"),
        ("\x9b31m", "\\x9b31m"),  # one character that begins a sequence as two do
        ("user\u202etxt.exe", "user\\u202etxt.exe"),
    ],
)
def test_control_characters_are_shown_as_escapes(text: str, as_shown: str) -> None:
    assert shown(text) == as_shown


def test_no_character_of_control_is_left() -> None:
    for code in (*range(0x20), *range(0x7F, 0xA0), *map(ord, TURNING)):
        assert chr(code) in "\n\t" or shown(chr(code)).isprintable()


PROGRAM = f"""
import sys
from ops.cli.command import run
from ops.cli.stage import Refusal

def main(arguments):
    print({RED!r} + arguments[0])
    raise Refusal({RED!r} + "refused")

run(main, sys.argv[1:])
"""


def test_a_command_prints_none_and_ends_with_none() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, "said\x08"], cwd=ROOT, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stdout) == (1, "\\x1b[31msaid\\x08\n")
    assert ran.stderr == "\\x1b[31mrefused\n"


@pytest.mark.parametrize("command", ["tokens", "webhook_secret", "redrive", "deploy", "doctor"])
def test_every_command_runs_in_this_way(command: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", f"ops.{command}", *(["list"] if command == "tokens" else []), RED]
        + (["ada"] if command == "webhook_secret" else []),
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1
    assert "STAGE=\\x1b[31m cannot name a stage" in ran.stderr


def test_a_line_of_a_process_of_make_run_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"{RED}a task says so", of="default")
    assert capsys.readouterr().out == "default  | \\x1b[31ma task says so\n"
