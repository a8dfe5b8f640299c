"""The README says what is so: its commands and links exist, its task runs."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import chalicelib.tasks

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_every_make_command_exists():
    named = set(re.findall(r"(?:`|^ *)make ([a-z-]+)", README, re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"run", "test"} <= named
    assert named <= targets


LINK = r"\]\((?!https?://|mailto:)([^)#\s]*)(#([^)\s]+))?\)"


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}


PAGES = [
    ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "tests/README.md")
]


@pytest.mark.parametrize(
    "page", [*PAGES, *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name
)
def test_every_link_to_a_file_leads_somewhere(page: Path):
    for path, _, heading in re.findall(LINK, page.read_text()):
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not heading or heading in anchors(target), f"{path}#{heading}"


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
