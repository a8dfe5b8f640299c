"""What several tests of pushes look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.telemetry.metrics import Metric


def problem_of(message: dict[str, Any]) -> str:
    assert message["type"] == "error"
    assert message["problem"]["detail"]
    return f"{message['problem']['status']} {message['problem']['type']}"


def pushes(caplog: pytest.LogCaptureFixture) -> tuple[int, int]:
    """How many were told and how many not, over all that was logged."""
    found = [getattr(record, "metrics", {}) for record in caplog.records]
    return (
        sum(one.get(Metric.PUSHES, 0) for one in found),
        sum(one.get(Metric.PUSH_FAILURES, 0) for one in found),
    )


class Between:
    """Lets something happen right before or after a call of a port."""

    def __init__(self, port: Any, name: str, when: str, happen: Callable[[], None]) -> None:
        self._port, self._name, self._when, self._happen = port, name, when, happen

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._port, name)
        if name != self._name:
            return call

        def around(*arguments: Any) -> Any:
            if self._when == "before":
                self._happen_once()
            value = call(*arguments)
            if self._when == "after":
                self._happen_once()
            return value

        return around

    def _happen_once(self) -> None:
        happen, self._happen = self._happen, lambda: None
        happen()
