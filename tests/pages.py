"""Python on the pages of docs/, run as their readers would."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


def python_on(page: str) -> list[str]:
    """The page's blocks of Python."""
    return re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


@contextmanager
def run_as_module(blocks: list[str], name: str) -> Iterator[dict[str, Any]]:
    """All blocks in one module, as they follow each other."""
    module = ModuleType(name)
    sys.modules[name] = module  # where @task looks for types
    for number, block in enumerate(blocks):
        exec(compile(block, f"{name}, block {number + 1}", "exec"), vars(module))
    yield vars(module)
    del sys.modules[name]
