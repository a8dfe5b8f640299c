"""Clients that generators make of openapi.json compile, though tasks share names of classes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.aws import ENVIRONMENT

os.environ.update(ENVIRONMENT)

import app as app_module
from chalicelib import __version__
from chalicelib.http.openapi import openapi_page
from tests.api.namesakes import namesakes

HERE = Path(__file__).parent
USE = """
import importlib, pkgutil, made
for module in pkgutil.walk_packages(made.__path__, "made."):
    importlib.import_module(module.name)
from made.models import SubmitTwoDSquare, SubmitTwoDSquare2, TwoDSquareView, TwoDSquare2View
square = SubmitTwoDSquare(task="two-d.square", params=TwoDSquareView(width=2))
cube = SubmitTwoDSquare2(task="two-d-square", params=TwoDSquare2View(edge=1.5))
print(square.to_dict(), cube.to_dict())
"""


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Holds openapi.json, of an app with such tasks."""
    tasks = tuple(namesakes().values())
    page = openapi_page(app_module.app, tasks, __version__, "https://jobs.example.com")
    (tmp_path / "openapi.json").write_text(page)
    return tmp_path


def test_a_python_client_is_generated_whole_and_works(folder: Path) -> None:
    (folder / "config.json").write_text('{"post_hooks": []}')
    made = run(
        str(Path(sys.executable).parent / "openapi-python-client"),
        *("generate", "--path", "openapi.json", "--config", "config.json"),
        *("--meta", "none", "--output-path", "made"),
        cwd=folder,
    )
    assert "arning" not in made, made
    shown = run(sys.executable, "-c", USE, cwd=folder)
    assert "{'task': 'two-d.square', 'params': {'width': 2}}" in shown
    assert "{'task': 'two-d-square', 'params': {'edge': 1.5}}" in shown
    document = msgspec.json.decode((folder / "openapi.json").read_bytes())
    calls = {one["operationId"] for path in document["paths"].values() for one in path.values()}
    assert {one.stem for one in folder.glob("made/api/*/*.py")} == {"__init__", *calls}


def test_typescript_types_are_generated_and_tell_the_tasks_apart(folder: Path) -> None:
    for name in ("package.json", "package-lock.json", "consumer.ts"):
        shutil.copy(HERE / name, folder)
    run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=folder)
    optional = "--default-non-nullable=false"  # else members with a default would be required
    run("npx", "openapi-typescript", "openapi.json", "-o", "api.ts", optional, cwd=folder)
    run("npx", "tsc", "--noEmit", "--strict", "consumer.ts", "api.ts", cwd=folder)
