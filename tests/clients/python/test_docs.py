"""The examples of docs/client.md for Python and the command line run as they are printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.aws import ROOT
from tests.flights import write

PAGE = (ROOT / "docs" / "client.md").read_text()
BLOCKS = re.findall(r"^```(bash|python)\n(.*?)^```$", PAGE, re.M | re.S)
SHOWS = ["500 rows", "12 groups", "500 rows\n500 rows\n500 rows", "422 ['/params/metrics/0'"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a CSV in it, and the command on its path."""
    write(tmp_path / "flights.csv", 500)
    command = tmp_path / "bin" / "overtime"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m overtime "$@"\n')
    command.chmod(0o755)
    return tmp_path


def run(folder: Path, service: str, *command: str) -> str:
    environment = os.environ | {
        "OVERTIME_URL": service,
        "PATH": f"{folder}/bin:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "client/python/src"),
        "XDG_CONFIG_HOME": str(folder),
    }
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("block", [text for kind, text in BLOCKS if kind == "bash"])
def test_an_example_of_the_command_line_runs(folder: Path, service: str, block: str):
    assert run(folder, service, "bash", "-euo", "pipefail", "-c", block)
    if "-o out" in block:
        assert (folder / "out" / "report.csv").read_text().startswith("carrier,count\n")


def test_each_example_in_python_has_what_it_shows_here():
    assert len([kind for kind, _ in BLOCKS if kind == "python"]) == len(SHOWS)


@pytest.mark.parametrize(
    ("block", "shows"),
    list(zip([text for kind, text in BLOCKS if kind == "python"], SHOWS, strict=False)),
)
def test_an_example_in_python_runs(folder: Path, service: str, block: str, shows: str):
    assert shows in run(folder, service, sys.executable, "-c", block)
