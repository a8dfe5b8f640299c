"""What is logged, as CloudWatch Logs gets it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chalicelib.telemetry.logs import JsonLines


@contextmanager
def lines(stage: str = "test") -> Iterator[list[dict[str, Any]]]:
    """Of all loggers; filled when the block is left."""
    said: list[dict[str, Any]] = []
    stream, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(stream), root.level
    handler.setFormatter(JsonLines(stage))
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield said
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        said += [json.loads(line) for line in stream.getvalue().splitlines()]
