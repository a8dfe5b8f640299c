"""DESIGN's layout rules, as far as import-linter does not hold them."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

from tests.aws import ROOT

PACKAGE = ROOT / "chalicelib"
USERS = PACKAGE / "tasks"  # where a user's own files stand beside ours
OWN_TASKS: list[str] = tomllib.loads((USERS / "ruff.toml").read_text())["include"]
OURS = sorted(
    {path for path in PACKAGE.rglob("*.py") if USERS not in path.parents}
    | {path for pattern in OWN_TASKS for path in USERS.glob(pattern)}
)
PROGRAMS = [path for room in ("local", "ops", "client") for path in (ROOT / room).rglob("*.py")]
PAGES = [path for kind in ("*.js", "*.css", "*.html") for path in (PACKAGE / "console").glob(kind)]
SOURCES = sorted([ROOT / "app.py", *OURS, *PROGRAMS])
STATUS_AS_TARGET = re.compile(r"""put=\{[^}]*["']status["']|["']status["']:\s*Status\.""")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_says_in_its_first_line_what_it_is(path: Path) -> None:
    source = path.read_text()
    if source.strip():
        assert ast.get_docstring(ast.parse(source)), "no docstring"


@pytest.mark.parametrize("path", [*SOURCES, *PAGES], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_short_enough_to_be_one_thing(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300


def test_only_the_transitions_set_a_status() -> None:
    elsewhere = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if path.parent.name != "domain" and STATUS_AS_TARGET.search(path.read_text())
    ]
    assert elsewhere == []


def test_clients_are_built_in_the_wiring_alone() -> None:
    building = [
        str(path.relative_to(ROOT))
        for path in OURS
        if re.search(r"create_client\(|boto3\.client\(|boto3\.resource\(", path.read_text())
    ]
    assert building == ["chalicelib/wiring.py"]


def test_the_environment_is_read_in_app_alone() -> None:
    reading = [
        str(path.relative_to(ROOT))
        for path in [ROOT / "app.py", *OURS]
        if re.search(r"os\.environ|getenv", path.read_text())
    ]
    assert reading == ["app.py"]


def test_a_handler_is_declared_in_app_alone() -> None:
    declaring = [
        str(path.relative_to(ROOT))
        for path in OURS
        if re.search(r"@app\.(route|schedule|on_)", path.read_text())
    ]
    assert declaring == []


def test_the_domain_reads_no_clock() -> None:
    for path in (PACKAGE / "domain").glob("*.py"):
        assert not re.search(
            r"import time\b|time\.time|datetime\.now|import random", path.read_text()
        )


def test_every_tool_knows_the_same_files_as_our_own_tasks() -> None:
    """What it does not know is a user's, and judged by none."""
    names = {re.sub(r"/.*|\.py$", "", pattern) for pattern in OWN_TASKS} - {"__init__"}
    assert all((USERS / name).is_dir() or (USERS / f"{name}.py").is_file() for name in names)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    [judged] = [one for one in project["mypy"]["overrides"] if one.get("ignore_errors") is False]
    [linted] = [
        one for one in project["importlinter"]["contracts"] if "our own task files" in one["name"]
    ]
    for modules in (judged["module"], linted["source_modules"]):
        told = {re.sub(r"^chalicelib\.tasks\.?|\.\*$", "", module) for module in modules} - {""}
        assert told == names
