"""docs/design.md tells of the code as it is."""

from __future__ import annotations

import importlib
import re

import pytest

from chalicelib.domain.job import Status
from chalicelib.domain.transitions import TABLE
from chalicelib.domain.writes import Verb
from tests.aws import ROOT

PAGE = (ROOT / "docs" / "design.md").read_text()
ROOMS = "aws|domain|http|identity|memory|outbound|ports|runtime|service|telemetry"
NAMED = sorted(set(re.findall(rf"`((?:app|(?:{ROOMS})\.[a-z_]+)(?:\.\w+)+)`", PAGE)))


def listed(statuses: frozenset[Status]) -> str:
    return ", ".join(status for status in Status if status in statuses) or "\u2013"


def test_the_table_of_transitions_is_the_one_in_the_code() -> None:
    lines = re.findall(r"^\| (\w+) \| ([^|]+) \| ([^|]+) \|[^|]+\|[^|]+\| ([^|]+) \|$", PAGE, re.M)
    assert [line for line in lines if line[0] != "verb"] == [
        (str(verb), listed(row.start), listed(row.end), row.by) for verb, row in TABLE.items()
    ]
    assert set(TABLE) == set(Verb)


def state_diagram() -> str:
    """TABLE as Mermaid: one arrow for all the verbs that lead from one status to another."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for verb, row in TABLE.items():
        for start in [str(s) for s in Status if s in row.start] or ["[*]"]:
            for end in (s for s in Status if s in row.end):
                arrows.setdefault((start, str(end)), []).append(str(verb))
    lines = [f"    {start} --> {end}: {', '.join(verbs)}" for (start, end), verbs in arrows.items()]
    left = {start for start, _ in arrows}
    lines += [f"    {s} --> [*]" for s in Status if str(s) not in left]
    return "\n".join(["stateDiagram-v2", *lines, ""])


def test_the_drawn_state_machine_is_the_one_in_the_table() -> None:
    assert re.findall(r"^```mermaid\n(.*?)^```$", PAGE, re.M | re.S) == [state_diagram()]


@pytest.mark.parametrize("name", NAMED)
def test_the_page_names_what_exists(name: str) -> None:
    package, *rest = name.split(".")
    if package == "app":
        assert re.search(rf"^def {rest[0]}\(", (ROOT / "app.py").read_text(), re.M)
        return
    found = importlib.import_module(f"chalicelib.{package}.{rest[0]}")
    for part in rest[1:]:
        found = getattr(found, part)


def test_the_page_tells_each_path_in_five_lines() -> None:
    paths = re.findall(r"^\*\*An? (\w+)\*\*\n((?:\d\. .*\n)+)", PAGE, re.M)
    assert [(name, len(lines.splitlines())) for name, lines in paths] == [
        (name, 5) for name in ("submit", "message", "webhook", "answer", "sweep")
    ]
    assert len(NAMED) >= 20
