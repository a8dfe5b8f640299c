"""What the terminal of `make run` shows of a log line."""

from __future__ import annotations

import json
import logging
from typing import Any

from chalicelib.telemetry.logs import JsonLines
from chalicelib.telemetry.metrics import Metric
from local.lines import readable


def shown(event: str, **fields: Any) -> list[str]:
    record = logging.makeLogRecord({"msg": event, "name": "x", "levelname": "INFO", **fields})
    line = json.loads(JsonLines("local").format(record))
    return readable(json.dumps({**line, "at": "2026-11-24T08:15:30.123Z"}))


def test_event_and_fields_make_a_line_without_what_cloudwatch_is_told() -> None:
    metrics = {Metric.FINISHED: 1, Metric.RUN_SECONDS: 2.5}
    [line] = shown("succeed", job="j1", request_id="r", metrics=metrics)
    assert line == "08:15:30 succeed job=j1"


def test_a_sweep_is_shown_if_it_did_something() -> None:
    assert shown("swept", done={"rescue": 1}) == ['08:15:30 swept done={"rescue": 1}']
    assert shown("swept", done={}, metrics={Metric.SWEEP_VISITS: 0}) == []


def test_a_traceback_keeps_its_lines() -> None:
    assert shown("failed", traceback="Traceback:\n  ValueError: no") == [
        "08:15:30 failed",
        "Traceback:",
        "  ValueError: no",
    ]


def test_any_other_line_is_shown_as_it_is() -> None:
    for line in ("a print of a task", "{", '{"a": 1}', "[1]"):
        assert readable(line) == [line]
