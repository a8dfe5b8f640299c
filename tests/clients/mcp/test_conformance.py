"""The official conformance suite's server scenarios. What does not apply stands in docs/mcp.md."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

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


def excluded(name: str) -> set[str]:
    return {one for one in NOT_APPLICABLE if fnmatch(name, one)}


def node(packages: Path, *arguments: str) -> str:
    command = [str(packages / "node_modules/.bin/node"), CONFORMANCE, *arguments]
    return subprocess.run(command, cwd=packages, capture_output=True, text=True, timeout=120).stdout


def scenarios(packages: Path) -> Iterator[tuple[str, list[str]]]:
    """Each with the versions that it is for, of those that are served."""
    listed = node(packages, "list", "--server")
    for name, versions in re.findall(r"^ +- (\S+) \[(.*)\]$", listed, re.MULTILINE):
        yield name, [one for one in versions.split(",") if one in (*VERSIONS, "extension")]


def test_every_scenario_passes_but_for_what_the_page_excludes(url: str, packages: Path) -> None:
    used: set[str] = set()
    wrong: list[str] = []
    passed = 0
    for name, versions in scenarios(packages):
        used |= (names := excluded(name))
        for version in versions if not names else ():
            folder = packages / "results" / f"{name}-{version}"
            of = () if version == "extension" else ("--spec-version", version)
            node(packages, "server", "--url", url, "--scenario", name, "-o", str(folder), *of)
            [file] = folder.rglob("checks.json")
            for check in json.loads(file.read_text()):
                if check["status"] in PASSED:
                    passed += 1
                    continue
                used |= (names := excluded(check["id"]))
                if not names:
                    wrong.append(f"{name} {version} {check['id']}: {check.get('errorMessage')}")
    assert wrong == []
    assert passed > 100
    assert set(NOT_APPLICABLE) == used, "docs/mcp.md excludes what passes, or is no more"
