"""What is said in advance on the command line is what the recipes take."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.aws import ROOT


def recipe(*arguments: str, run: bool = False) -> str:
    """What make would do; or what that prints."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("DATA", "YES", "JSON")
    }
    command = ["make", *(() if run else ("-n",)), *arguments]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_make_expands_nothing_of_what_it_is_given(tmp_path: Path) -> None:
    """An owner's name, say, comes from elsewhere."""
    ran = tmp_path / "ran"
    evil = f"ada$(shell touch {ran})${{HOME}}#$$x"
    (tmp_path / "show.mk").write_text('include Makefile\nshow:\n\t@printf %s "$$OWNER"\n')
    shown = recipe("-s", "-f", str(tmp_path / "show.mk"), "show", f"OWNER={evil}", run=True)
    assert shown == evil
    given = {"token": "OWNER", "destroy": "DATA", "simulate": "SEEDS", "faults": "JOBS"}
    for target, variable in given.items():
        assert "touch" not in recipe(target, f"{variable}={evil}")
    assert not ran.exists()


@pytest.mark.parametrize(
    ("target", "variable", "flag"),
    [
        ("destroy", "DATA", "--data"),
        ("webhook-secret", "YES", "--yes"),
        ("cancel", "YES", "--yes"),
        ("retry", "YES", "--yes"),
        ("jobs", "JSON", "--json"),
        ("job", "JSON", "--json"),
    ],
)
def test_only_1_says_yes(target: str, variable: str, flag: str) -> None:
    assert flag in recipe(target, f"{variable}=1")
    for otherwise in ([], [f"{variable}=0"], [f"{variable}=no"], [f"{variable}="]):
        assert flag not in recipe(target, *otherwise)


def test_one_folder_of_tests_can_be_named() -> None:
    assert '"$TESTS"' in recipe("test", "TESTS=tests/tasks")
    assert "-n auto" in recipe("test")
