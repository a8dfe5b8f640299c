"""The README says what is so: its picture is the table's, its commands exist, its task runs."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import chalicelib.tasks
from chalicelib.domain.job import Status
from chalicelib.domain.transitions import TABLE

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


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


def test_the_drawn_state_machine_is_the_one_in_the_table():
    drawn = [block for block in blocks("mermaid") if block.startswith("stateDiagram")]
    assert drawn == [state_diagram()]


def test_every_make_command_exists():
    named = set(re.findall(r"(?:`|^ *)make ([a-z]+)", README, re.MULTILINE))
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"run", "test"} <= named
    assert named <= targets


PAGES = [
    ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "tests/README.md")
]


@pytest.mark.parametrize(
    "page", [*PAGES, *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name
)
def test_every_link_to_a_file_leads_somewhere(page: Path):
    links = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The README's test of its task, both in the places that the README names."""
    code, test = blocks("python")
    assert code.startswith("# chalicelib/tasks/links.py\n")
    (tmp_path / "links.py").write_text(code)
    (tmp_path / "readme_test_links.py").write_text(test)
    monkeypatch.setattr(chalicelib.tasks, "__path__", [*chalicelib.tasks.__path__, str(tmp_path)])
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield importlib.import_module("readme_test_links")
    for name in ("chalicelib.tasks.links", "readme_test_links"):
        del sys.modules[name]
    del chalicelib.tasks.links  # type: ignore[attr-defined]


def test_the_example_task_passes_the_test_beside_it(example: ModuleType):
    tests = [value for name, value in vars(example).items() if name.startswith("test_")]
    assert len(tests) == 1
    tests[0]()
