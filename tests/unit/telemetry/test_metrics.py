"""Metrics: what is measured, and that CloudWatch can take it off the line."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest
from msgspec import structs

from chalicelib.domain import verbs
from chalicelib.domain.errors import PermanentError, RetryLater, Unavailable
from chalicelib.domain.handle import Job
from chalicelib.domain.job import HOUR, MINUTE, SECOND, Hint, JobRecord, Status, Webhook
from chalicelib.domain.task import task
from chalicelib.domain.values import encode
from chalicelib.domain.writes import Verb
from chalicelib.service import control, worker
from chalicelib.service.erase import erase
from chalicelib.service.measures import measured
from chalicelib.service.submit import Submission, submit
from chalicelib.service.sweeper import sweep
from chalicelib.telemetry.logs import bound
from chalicelib.telemetry.metrics import BY, NAMESPACE, Metric
from chalicelib.testing import OWNER, Bench
from tests.lines import lines
from tests.records import LEASE, NOW, PROBLEM, failed, queued, running, stamp

NAME = {"type": "string", "minLength": 1, "maxLength": 1024}
EMBEDDED_METRIC_FORMAT = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "properties": {
                "Timestamp": {"type": "integer", "minimum": 0},
                "CloudWatchMetrics": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["Namespace", "Dimensions", "Metrics"],
                        "additionalProperties": False,
                        "properties": {
                            "Namespace": NAME,
                            "Dimensions": {
                                "type": "array",
                                "minItems": 1,
                                "items": {
                                    "type": "array",
                                    "maxItems": 30,
                                    "items": {"type": "string", "minLength": 1, "maxLength": 250},
                                },
                            },
                            "Metrics": {
                                "type": "array",
                                "minItems": 1,
                                "maxItems": 100,
                                "items": {
                                    "type": "object",
                                    "required": ["Name"],
                                    "additionalProperties": False,
                                    "properties": {
                                        "Name": NAME,
                                        "Unit": {"enum": ["Seconds", "Count"]},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        }
    },
}
"""After AWS's "Specification: Embedded metric format", with its limits; of the units those that
we use."""


def check(line: dict[str, Any]) -> None:
    """What the schema cannot say: that the line has what the directives refer to, and that its
    values are such as CloudWatch takes."""
    jsonschema_rs.validate(EMBEDDED_METRIC_FORMAT, line)
    for directive in line["_aws"]["CloudWatchMetrics"]:
        for metric in directive["Metrics"]:
            value = line[metric["Name"]]
            assert isinstance(value, int | float)
            assert not isinstance(value, bool)
            assert math.isfinite(value)
            assert 0 <= value < 2**360
        for name in {name for names in directive["Dimensions"] for name in names}:
            value = line[name]
            assert isinstance(value, str)
            assert value.isascii()
            assert 0 < len(value.strip()) <= 1024
            assert not value.startswith(":")


def dimensions(line: dict[str, Any], metric: Metric) -> list[list[str]]:
    [found] = [
        directive["Dimensions"]
        for directive in line["_aws"]["CloudWatchMetrics"]
        if metric in [one["Name"] for one in directive["Metrics"]]
    ]
    return list(found)


# ── the format ──


@pytest.mark.parametrize("metric", Metric)
def test_each_metric_is_told_apart_by_as_much_as_its_line_knows(metric: Metric) -> None:
    everything = {"task": "report", "status": "failed", "edge": "queue"}
    with lines("dev") as said:
        with bound(**everything):
            logging.getLogger("x").info("known", extra={"metrics": {metric: 1.5}})
        logging.getLogger("x").info("unknown", extra={"metrics": {metric: 1.5}})
    for line in said:
        check(line)
        assert (line[metric], line["stage"]) == (1.5, "dev")
    assert dimensions(said[0], metric)[-1] == ["stage", *BY[metric]]
    assert dimensions(said[1], metric) == [["stage"]]


def test_all_metrics_fit_on_one_line() -> None:
    with lines() as said:
        logging.getLogger("x").info("all", extra={"metrics": dict.fromkeys(Metric, 1)})
    check(said[0])
    named = [m["Name"] for d in said[0]["_aws"]["CloudWatchMetrics"] for m in d["Metrics"]]
    assert sorted(named) == sorted(Metric)
    assert {d["Namespace"] for d in said[0]["_aws"]["CloudWatchMetrics"]} == {NAMESPACE}


def test_a_line_without_metrics_is_none() -> None:
    with lines() as said:
        logging.getLogger("x").info("plain", extra={"metrics": {}})
    assert "_aws" not in said[0]
    assert "metrics" not in said[0]


# ── what is measured of a transition ──


def later(record: JobRecord, seconds: float) -> Any:
    return stamp(record.updated_at + round(seconds * SECOND))


def test_the_first_claim_tells_how_long_the_job_waited_since_it_might_run() -> None:
    record = queued(not_before=NOW + 10 * SECOND)
    at = NOW + 14 * SECOND
    claimed = verbs.claim(0, "token", at + LEASE, at).applied_to(record)
    assert measured(claimed, Verb.CLAIM) == {Metric.WAIT_SECONDS: 4}


def test_a_later_attempts_claim_is_no_wait() -> None:
    record = running()
    again = verbs.retry_later(record, later(record, 3), verbs.PendingOutput(), PROBLEM, NOW)
    record = again.applied_to(record)
    assert measured(record, Verb.RETRY_LATER) == {Metric.RUN_SECONDS: 3}
    at = NOW + MINUTE
    claimed = verbs.claim(0, "other", at + LEASE, at).applied_to(record)
    assert measured(claimed, Verb.CLAIM) == {}


def test_an_end_tells_the_run_it_ended_and_the_attempts_it_took() -> None:
    record = running()
    done = verbs.fail(record, later(record, 2.5), verbs.PendingOutput(), PROBLEM).applied_to(record)
    assert measured(done, Verb.FAIL) == {
        Metric.FINISHED: 1,
        Metric.RUN_SECONDS: 2.5,
        Metric.ATTEMPTS: 1,
    }


def test_a_cancel_seen_while_running_does_not_hide_the_claim() -> None:
    record = running()
    told = verbs.request_cancel(record, later(record, 2)).applied_to(record)
    assert measured(told, Verb.REQUEST_CANCEL) == {}
    done = verbs.acknowledge_cancel(told, later(record, 5), verbs.PendingOutput()).applied_to(told)
    assert measured(done, Verb.ACKNOWLEDGE_CANCEL)[Metric.RUN_SECONDS] == 5


def test_a_job_that_never_ran_took_neither_time_nor_attempts() -> None:
    record = queued()
    done = verbs.cancel(record, later(record, 5)).applied_to(record)
    assert measured(done, Verb.CANCEL) == {Metric.FINISHED: 1}


def test_an_end_between_two_attempts_tells_of_no_run() -> None:
    record = running()
    waits = verbs.retry_later(record, later(record, 3), verbs.PendingOutput(), PROBLEM, NOW)
    record = waits.applied_to(record)
    done = verbs.cancel(record, later(record, 60)).applied_to(record)
    assert measured(done, Verb.CANCEL) == {Metric.FINISHED: 1, Metric.ATTEMPTS: 1}


def test_a_rescue_tells_of_no_run() -> None:
    record = running(max_attempts=1)
    lost = verbs.rescue(record, stamp(NOW + LEASE)).applied_to(record)
    assert lost.status is Status.FAILED
    assert measured(lost, Verb.RESCUE) == {
        Metric.RESCUED: 1,
        Metric.FINISHED: 1,
        Metric.ATTEMPTS: 1,
    }


# ── that it comes out on the lines ──


def told(said: list[dict[str, Any]], metric: Metric) -> list[dict[str, Any]]:
    for line in said:
        if "_aws" in line:
            check(line)
    return [line for line in said if metric in line]


def work(bench: Bench, function: Callable[[Job], Any]) -> JobRecord:
    bench.tasks["work"] = task("work", max_attempts=2)(function)
    record = submit(bench.system, Submission(owner=OWNER, task="work", params={})).job
    bench._steps.begin_invocation()
    worker.process_messages(bench.system, [encode(Hint(record.id, 0))], bench.clock.time + HOUR)
    return record


def raising(error: BaseException) -> Callable[[Job], Any]:
    def function(job: Job) -> None:
        raise error

    return function


def test_a_jobs_life_is_measured_on_the_lines_that_tell_it() -> None:
    with lines() as said, bound():
        record = work(Bench(), raising(PermanentError("no")))
    [submitted] = told(said, Metric.SUBMITTED)
    [claimed] = told(said, Metric.WAIT_SECONDS)
    [finished] = told(said, Metric.FINISHED)
    assert [line["event"] for line in (submitted, claimed, finished)] == ["submit", "claim", "fail"]
    for line in (submitted, claimed, finished):
        assert (line["job"], line["task"], line["owner"]) == (record.id, "work", OWNER)
    assert finished["status"] == "failed"
    assert dimensions(finished, Metric.FINISHED)[-1] == ["stage", "task", "status"]
    assert dimensions(finished, Metric.RUN_SECONDS)[-1] == ["stage", "task"]


def test_a_lease_that_was_lost_is_counted_once() -> None:
    bench = Bench()

    def lose(job: Job) -> None:
        record = bench.jobs.records[job.id]
        bench.clock.time += LEASE
        taken = verbs.rescue(record, stamp(bench.clock.time)).applied_to(record)
        bench.jobs.records[job.id] = taken

    def unaware(job: Job) -> None:
        lose(job)

    def told_so(job: Job) -> None:
        lose(job)
        job.progress(0.5)

    for function in (unaware, told_so):
        with lines() as said, bound():
            work(bench, function)
        [line] = told(said, Metric.LEASE_LOST)
        assert (line["event"], line["task"], line["attempt"]) == ("lease_lost", "work", 1)


def swept(bench: Bench, after: int) -> tuple[float, int]:
    """Seconds that the oldest due job was late, and how many jobs were visited."""
    bench.clock.time = NOW + after
    with lines() as said:
        sweep(bench.system, bench.clock.time + MINUTE)
    [line] = told(said, Metric.OLDEST_DUE_SECONDS)
    assert line["event"] == "swept"
    return line["OldestDueSeconds"], line["SweepVisits"]


def test_each_sweep_says_how_late_the_oldest_due_job_is() -> None:
    bench, record = Bench(), running()
    bench.jobs.records[record.id] = record
    assert swept(bench, after=0) == (0, 0)
    assert swept(bench, after=LEASE + 90 * SECOND) == (90, 1)
    assert swept(bench, after=LEASE + 90 * SECOND) == (0, 0)


def test_a_job_that_waits_is_late_since_it_was_first_due_however_often_it_is_reminded() -> None:
    bench, record = Bench(), queued()
    bench.jobs.records[record.id] = record
    assert swept(bench, after=10 * MINUTE) == (8 * 60, 1)
    assert swept(bench, after=12 * MINUTE) == (0, 0)
    assert swept(bench, after=HOUR) == (58 * 60, 1)


def test_a_job_that_is_due_no_more_is_not_late() -> None:
    bench, record = Bench(), failed()
    bench.jobs.records[record.id] = record
    bench.jobs.due = lambda partition, now: iter([record.id])  # type: ignore[method-assign]
    assert swept(bench, after=HOUR)[0] == 0


def test_a_run_is_measured_at_its_end_and_not_again_by_what_follows() -> None:
    job, done = running(), failed()
    late = verbs.retry_later(job, stamp(), verbs.PendingOutput(), PROBLEM, NOW).applied_to(job)
    assert Metric.RUN_SECONDS in measured(late, Verb.RETRY_LATER)
    reminded = verbs.remind(late, stamp(NOW + HOUR)).applied_to(late)
    postponed = verbs.postpone(late, stamp(NOW + HOUR)).applied_to(late)
    erased = verbs.erase(done, stamp()).applied_to(done)
    assert measured(reminded, Verb.REMIND) == {}
    assert measured(postponed, Verb.POSTPONE) == {}
    assert measured(erased, Verb.ERASE) == {}


def test_a_rescue_by_the_sweeper_is_told_by_task() -> None:
    bench, record = Bench(), running()
    bench.jobs.records[record.id] = record
    bench.clock.time = NOW + LEASE
    with lines() as said:
        sweep(bench.system, bench.clock.time + MINUTE)
    [line] = told(said, Metric.RESCUED)
    assert (line["job"], line["task"]) == (record.id, record.task)
    assert dimensions(line, Metric.RESCUED)[-1] == ["stage", "task"]


def test_a_retry_by_the_client_is_no_second_submit() -> None:
    bench, record = Bench(), structs.replace(failed(), owner=OWNER)
    bench.jobs.records[record.id] = record
    with lines() as said, bound():
        control.retry(bench.system, OWNER, record.id)
    assert [line["event"] for line in said] == ["retry"]
    assert told(said, Metric.SUBMITTED) == []


def test_a_failure_of_aws_is_counted_with_the_job_that_met_it() -> None:
    from botocore.exceptions import ConnectionClosedError

    from chalicelib.aws.errors import unavailable

    with lines() as said, bound(job="j1"), pytest.raises(Unavailable), unavailable("jobs table"):
        raise ConnectionClosedError(endpoint_url="https://dynamodb")
    [line] = told(said, Metric.AWS_FAILURES)
    assert (line["event"], line["job"], line["edge"]) == ("aws_failed", "j1", "jobs table")
    assert dimensions(line, Metric.AWS_FAILURES) == [["stage"], ["stage", "edge"]]


def test_what_comes_too_late_is_no_failure() -> None:
    with lines() as said, bound():
        work(Bench(), raising(RetryLater(5)))
    [line] = told(said, Metric.RUN_SECONDS)
    assert line["event"] == "retry_later"
    assert told(said, Metric.FINISHED) == []


def test_a_webhook_that_tells_of_a_job_is_told_of_as_a_job_of_its_own() -> None:
    bench = Bench()
    bench.tasks["work"] = task("work")(raising(ValueError()))
    bench.system.signing_secrets.replace(OWNER, None, "whsec_c2VjcmV0", 0)
    record = submit(
        bench.system,
        Submission(
            owner=OWNER,
            task="work",
            params={},
            webhook=Webhook("https://ada.example/hook", (Status.CANCELED,), "https://jobs.example"),
        ),
    ).job
    with lines() as said, bound():
        control.cancel(bench.system, OWNER, record.id)
        erase(bench.system, OWNER, record.id)
    delivery = next(line["job"] for line in said if line.get("task") == "overtime.webhook")
    assert delivery != record.id
    assert [(line["event"], line["job"]) for line in said] == [
        ("cancel", record.id),
        ("submit", delivery),
        ("erase", record.id),
        ("cancel", delivery),
        ("erase", delivery),
    ]
