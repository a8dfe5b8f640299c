"""The examples of docs/waiting.md run, and each is tested on the page."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from tests.aws import ROOT

PAGE = (ROOT / "docs" / "waiting.md").read_text()
CODE = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
TESTS = re.findall(r"^def (test_\w+)\(\)", "\n".join(CODE), re.MULTILINE)
EXAMPLES = re.findall(r"^@task\(.*\)\ndef (\w+)", "\n".join(CODE), re.MULTILINE)
NAME = "docs_waiting_page"


@pytest.fixture(scope="module")
def examples() -> Iterator[dict[str, Any]]:
    """All blocks in one module, as they follow each other."""
    module = ModuleType(NAME)
    sys.modules[NAME] = module  # where @task looks for the types of answers
    for number, block in enumerate(CODE):
        exec(compile(block, f"{NAME}, block {number + 1}", "exec"), vars(module))
    yield vars(module)
    del sys.modules[NAME]


@pytest.mark.parametrize("name", TESTS)
def test_a_test_on_the_page_passes(examples: dict[str, Any], name: str) -> None:
    examples[name]()


def test_every_example_is_run_by_a_test_on_the_page() -> None:
    assert len(EXAMPLES) >= 3
    assert set(re.findall(r"\.run\((\w+),", "\n".join(CODE))) == set(EXAMPLES)
