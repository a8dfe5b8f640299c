"""Log lines: one JSON object each, with all that was bound."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.runtime.beating import beating_in_a_thread
from chalicelib.telemetry import logs
from chalicelib.telemetry.logs import JsonLines, bind, bound, within_invocation
from chalicelib.telemetry.metrics import Metric
from tests.lines import lines

logger = logging.getLogger("a.library")


def test_a_line_has_what_was_bound_around_it_and_no_more() -> None:
    with lines() as said:
        with bound(job="j1"), bound(attempt=2):
            logger.warning("inside %s", "both")
        logger.info("outside")
    inside, outside = said
    assert (inside["event"], inside["level"], inside["logger"]) == (
        "inside both",
        "WARNING",
        "a.library",
    )
    assert (inside["job"], inside["attempt"]) == ("j1", 2)
    assert set(outside) == {"at", "level", "event", "logger"}


def test_what_becomes_known_later_is_bound_to_the_innermost() -> None:
    with lines() as said, bound(request_id="r"):
        with bound():
            bind(job="j1")
            logger.info("known")
        logger.info("not any more")
    assert said[0]["job"] == "j1"
    assert "job" not in said[1]
    assert said[1]["request_id"] == "r"


def test_without_anything_to_bind_to_nothing_is_bound() -> None:
    with lines() as said:
        bind(job="j1")
        logger.info("free")
    assert "job" not in said[0]


def test_a_thread_that_a_task_starts_speaks_of_the_job_in_the_main_thread() -> None:
    with lines() as said, bound(job="j1"), ThreadPoolExecutor(1) as pool:
        pool.submit(logger.info, "elsewhere").result()
    assert said[0]["job"] == "j1"


def test_requests_that_run_in_threads_do_not_mix() -> None:
    both_in = threading.Barrier(2)

    def serve(number: int) -> None:
        with bound(job=f"j{number}"):
            both_in.wait(5)
            logger.info("%s", number)
            both_in.wait(5)

    with lines() as said, ThreadPoolExecutor(2) as pool:
        list(pool.map(serve, range(2)))
    assert sorted((line["event"], line["job"]) for line in said) == [("0", "j0"), ("1", "j1")]


class OneBeat:
    """Stands for a heartbeat: beats once, and says so."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.notify: Callable[[], None] = lambda: None

    def next_at(self) -> int:
        return 0

    def due_in(self) -> float:
        return 3_600.0 if self.over.is_set() else 0.0

    def beat(self) -> None:
        logger.info("beat")
        self.over.set()

    def end(self, *, at_once: bool) -> None: ...


def test_the_heartbeats_thread_speaks_of_the_job_of_the_thread_that_runs_it() -> None:
    def run() -> None:
        with bound(job="j1"), beating_in_a_thread(beat := OneBeat()):
            assert beat.over.wait(5)

    with lines() as said, bound(job="of the main thread"), ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()
    assert [(line["event"], line["job"]) for line in said] == [("beat", "j1")]


def test_a_librarys_field_does_not_replace_a_bound_one() -> None:
    with lines() as said, bound(job="j1"):
        logger.info("mine", extra={"job": "other", "level": "loud", "rows": 3})
    assert (said[0]["job"], said[0]["level"], said[0]["rows"]) == ("j1", "INFO", 3)


def test_an_invocation_binds_lambdas_request_id_and_says_once_that_it_was_cold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logs, "_cold", True)
    context = SimpleNamespace(aws_request_id="r-1", function_name="overtime-dev-sweep")
    with lines() as said:
        for _ in range(2):
            within_invocation(SimpleNamespace(context=context), lambda _: logger.info("work"))
    assert [line["request_id"] for line in said] == ["r-1", "r-1"]
    assert said[0]["function"] == "overtime-dev-sweep"
    assert said[0]["cold_start"] is True
    assert "cold_start" not in said[1]


@pytest.mark.parametrize("awkward", ["\ud800", {("a", 1): 2}, object(), float("nan"), "two\nlines"])
def test_whatever_is_logged_makes_one_line_of_json(awkward: Any) -> None:
    record = logging.makeLogRecord({"msg": "odd", "text": awkward})
    line = JsonLines("test").format(record)
    assert "\n" not in line
    assert "odd" in json.loads(line)["event"]


def test_one_awkward_value_leaves_the_others_as_they_are() -> None:
    metrics = {Metric.FINISHED: 1}
    record = logging.makeLogRecord(
        {"msg": "fail", "error": "\udc80", "attempt": 2, "metrics": metrics, "big": 2**70}
    )
    line = json.loads(JsonLines("test").format(record))
    assert line["error"] == r"'\udc80'"
    assert (line["attempt"], line["Finished"], line["event"]) == (2, 1, "fail")
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert directive["Metrics"] == [{"Name": "Finished", "Unit": "Count"}]


def test_a_traceback_is_one_field() -> None:
    with lines() as said:
        try:
            raise ValueError("no")
        except ValueError:
            logger.exception("failed")
    assert said[0]["traceback"].endswith("ValueError: no")
