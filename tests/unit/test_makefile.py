"""What is said in advance on the command line is what the recipes take."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.aws import ROOT


def recipe(*arguments: str) -> str:
    """What make would do; it does nothing."""
    environment = {name: value for name, value in os.environ.items() if name not in ("DATA", "YES")}
    ran = subprocess.run(
        ["make", "-n", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize(
    ("target", "variable", "flag"),
    [("destroy", "DATA", "--data"), ("webhook-secret", "YES", "--yes")],
)
def test_only_1_says_yes(target: str, variable: str, flag: str) -> None:
    assert flag in recipe(target, f"{variable}=1")
    for otherwise in ([], [f"{variable}=0"], [f"{variable}=no"], [f"{variable}="]):
        assert flag not in recipe(target, *otherwise)
