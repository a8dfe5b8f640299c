"""The official conformance suite's server scenarios. What does not apply stands in docs/mcp.md."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from chalicelib.mcp.envelope import VERSIONS
from tests.aws import ROOT
from tests.clients.mcp.conftest import CONFORMANCE

PAGE = (ROOT / "docs" / "mcp.md").read_text()
SECTION = PAGE.partition("## Conformance\n")[2].partition("\n## ")[0]
# Names of scenarios and of single checks, `*` standing for anything.
NOT_APPLICABLE = [
    name
    for row in re.findall(r"^\| (`.*?) \|", SECTION, re.MULTILINE)
    for name in re.findall("`([^`]+)`", row)
]
PASSED = {"SUCCESS", "INFO"}


def excluded(*names: str) -> set[str]:
    return {one for one in NOT_APPLICABLE for name in names if fnmatch(name, one)}


def checks(url: str, packages: Path, *of: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Each scenario's name and the checks that it made, of a run of the whole suite."""
    folder = packages / "_".join(("results", *of))
    command = [str(packages / "node_modules/.bin/node"), CONFORMANCE, "server", "--url", url]
    command += ["--suite", "all", "-o", str(folder), *of]
    ran = subprocess.run(command, cwd=packages, capture_output=True, text=True, timeout=300)
    assert "=== SUMMARY ===" in ran.stdout, ran.stdout + ran.stderr
    for file in folder.glob("*/checks.json"):
        [name] = re.findall(r"^server-(.*)-\d{4}-\d\d-\d\dT", file.parent.name)
        yield name, json.loads(file.read_text())


def test_a_scenario_passes_exactly_if_the_page_does_not_exclude_it(
    url: str, packages: Path
) -> None:
    """By its own name or by those of its checks."""
    used: set[str] = set()
    wrong: list[str] = []
    passed = 0
    runs = [("--spec-version", version) for version in VERSIONS]
    for of in (*runs, ()):  # without a version: extensions, too
        for name, made in checks(url, packages, *of):
            failed = [check for check in made if check["status"] not in PASSED]
            passed += len(made) - len(failed)
            if (names := excluded(name)) and not failed:
                wrong.append(f"{of} {name} passes, and the page excludes it")
            used |= names
            for check in made if not names else ():
                by_id = excluded(check["id"])
                used |= by_id
                if check not in failed and by_id:
                    wrong.append(f"{of} {name} {check['id']} passes, and the page excludes it")
                elif check in failed and not by_id:
                    wrong.append(f"{of} {name} {check['id']}: {check.get('errorMessage')}")
    assert wrong == []
    assert passed > 100
    assert set(NOT_APPLICABLE) == used, "docs/mcp.md excludes what the suite does not have"
