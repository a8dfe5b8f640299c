"""What the terminal of `make run` shows of a log line."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from chalicelib.telemetry.logs import JsonLines
from chalicelib.telemetry.metrics import Metric
from local.lines import ANSWERED, Line, Polls, readable

AT = "2026-11-24T08:15:30.123Z"
ID = "6020270b08d600e08ee53a6369889d5e"


def shown(event: str, **fields: Any) -> list[str]:
    record = logging.makeLogRecord({"msg": event, "name": "x", "levelname": "INFO", **fields})
    line = json.loads(JsonLines("local").format(record))
    return [one.text for one in readable(json.dumps({**line, "at": AT}))]


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
        assert readable(line) == [Line(line)]


def request(method: str, path: str, status: int, reason: str | None = None) -> Line:
    fields = {"method": method, "path": path, "http_status": status, "ms": 3.4, "reason": reason}
    [line] = readable(json.dumps({"event": ANSWERED, "at": AT, **fields}))
    return line


def test_a_request_is_one_line_with_short_ids_and_the_reason_of_a_refusal() -> None:
    assert (
        request("GET", f"/jobs/{ID}/result", 200).text
        == "08:15:30 200 GET /jobs/6020270b/result 3 ms"
    )
    refused = request("POST", "/jobs", 422, "There is no task 'x';\nthere are: report.")
    assert refused.text == ("08:15:30 422 POST /jobs 3 ms There is no task 'x'; there are: report.")


@pytest.mark.parametrize("path", ["/jobs", f"/jobs/{ID}/artifacts/{'a' * 200}"])
def test_a_request_fits_100_columns_with_the_name_before_it(path: str) -> None:
    text = request("DELETE", path, 400, "no " * 100).text
    assert len(f"webhooks | {text}") == 100
    assert " 3 ms no " in text, "a long path leaves room for the reason"


def test_a_line_about_a_job_has_its_short_id_and_nothing_of_the_request() -> None:
    [line] = shown("submit", job=ID, method="POST", route="/jobs", task="report")
    assert line == "08:15:30 submit job=6020270b task=report"


def test_the_apps_own_line_of_a_request_is_left_to_the_server() -> None:
    assert shown("request", http_status=200, ms=1.2) == []


@pytest.mark.parametrize(
    ("event", "level", "tone"),
    [
        ("succeed", "INFO", "good"),
        ("fail", "INFO", "bad"),
        ("retry_later", "INFO", "odd"),
        ("claim", "INFO", None),
        ("lease_lost", "WARNING", "odd"),
        ("delivery_failed", "ERROR", "bad"),
    ],
)
def test_a_tone_tells_failure_from_success(event: str, level: str, tone: str | None) -> None:
    lines = readable(json.dumps({"event": event, "level": level, "traceback": "at a.py"}))
    assert [line.tone for line in lines] == [tone, tone]


@pytest.mark.parametrize(
    ("status", "tone"), [(202, "good"), (304, "good"), (404, "odd"), (503, "bad")]
)
def test_a_requests_tone_is_that_of_its_status(status: int, tone: str) -> None:
    assert request("GET", "/jobs", status).tone == tone


def folded(*lines: Line) -> list[str]:
    polls = Polls()
    return [one.text[9:] for line in lines for one in polls.fold([line])]


def test_polls_that_are_answered_alike_are_folded_until_something_happens() -> None:
    one, other, post = (
        request("GET", "/a", 200),
        request("GET", "/b", 304),
        request("POST", "/c", 202),
    )
    assert folded(one, other, one, other, one, post, one) == [
        "200 GET /a 3 ms",
        "304 GET /b 3 ms",
        "the same 3 times more",
        "202 POST /c 3 ms",
        "200 GET /a 3 ms",
    ]


def test_a_poll_that_is_answered_otherwise_is_shown() -> None:
    assert len(folded(request("GET", "/a", 200), request("GET", "/a", 304))) == 2
    assert len(folded(*[request("GET", "/a", 404)] * 2)) == 2, "each refusal is"
