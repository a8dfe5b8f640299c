"""Each check of `make doctor`, shown green and shown red."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from ops.bundle.import_times import HeavyImport
from ops.doctor import examine as doctor
from ops.doctor.checks import access, functions, queues, storage
from ops.doctor.examine import Check, every_check, examine
from ops.doctor.findings import CannotBeRead, Grade
from ops.doctor.observed.functions import Account, Function, Source
from ops.doctor.observed.resources import Alarm, Queue

API = Function("api_handler", 29, "python3.13", 100, "api-role", "arn:api", {"AUTH": "tokens"})
WORKER = Function("default_worker", 300, "python3.13", 50, "role", "arn:worker", {})
SOURCE = Source("uuid-1", "overtime-dev-default", "default_worker", "Enabled", 50)
QUEUE = Queue(1_800, 7, "overtime-dev-default-dead")
DEAD = Queue(30, 0, None)
LANE = {"overtime-dev-default": QUEUE, "overtime-dev-default-dead": DEAD}
BOTH = {"api_handler": API, "default_worker": WORKER}
READ = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::b/jobs/*"}
TRACE = {"Effect": "Allow", "Action": ["xray:PutTraceSegments"], "Resource": "*"}
SOME = {"Condition": {"StringEquals": {"dynamodb:LeadingKeys": ["tokens"]}}}
DENIED = {"Effect": "Deny", "Action": "dynamodb:*", "Resource": "*", **SOME}
MOVED = {
    "LogicalResourceId": "DefaultQueue",
    "PhysicalResourceId": "overtime-dev-default",
    "ResourceType": "AWS::SQS::Queue",
    "StackResourceDriftStatus": "MODIFIED",
    "PropertyDifferences": [
        {
            "PropertyPath": "/VisibilityTimeout",
            "ExpectedValue": "1800",
            "ActualValue": "60",
            "DifferenceType": "NOT_EQUAL",
        }
    ],
}
GONE = {**MOVED, "StackResourceDriftStatus": "DELETED", "PropertyDifferences": []}

GREEN: dict[str, Any] = {
    "functions": BOTH,
    "expected_functions": ["api_handler", "default_worker"],
    "sources": [SOURCE],
    "account": Account(1_000, 850),
    "most_requests": 79.0,
    "recursion": {"default_worker": "Allow"},
    "schedules": {"every-minute": True},
    "log_retention": {"api_handler": 30, "default_worker": 30},
    "today": date(2026, 11, 24),
    "queues": LANE,
    "alarms": {"overtime-dev-oldest-due": Alarm(ringing=False, tells=True)},
    "local": False,
    "most_late": 40.0,
    "drift": [],
    "lifecycle": {"jobs/": 65, "uploads/": 65},
    "retention_days": 30,
    "granted": {"default_worker": [READ]},
    "declared": {"default_worker": [READ, TRACE]},
    "needed": {"default_worker": [READ]},
    "auth": "tokens",
    "stranger": "401",
    "endpoint_types": ["REGIONAL"],
    "health": "200",
    "heavy_imports": [],
}
"""A stage to which nothing is wrong."""


class Stage:
    """Stands for what is observed of a stage."""

    def __init__(self, **instead: Any) -> None:
        vars(self).update(GREEN | instead)


def grades(check: Check, **instead: Any) -> set[Grade]:
    return {finding.grade for finding in examine(check, Stage(**instead))}


def queue(**changed: Any) -> dict[str, Queue]:
    return {**LANE, "overtime-dev-default": replace(QUEUE, **changed)}


def worker(**changed: Any) -> dict[str, Function]:
    return {**BOTH, "default_worker": replace(WORKER, **changed)}


def source(**changed: Any) -> list[Source]:
    return [replace(SOURCE, **changed)]


def alarm(**changed: Any) -> dict[str, Alarm]:
    return {"overtime-dev-oldest-due": replace(Alarm(ringing=False, tells=True), **changed)}


def may(**changed: Any) -> dict[str, Any]:
    return {"default_worker": [READ | changed]}


RED: list[tuple[Check, Grade, dict[str, Any]]] = [
    (functions.all_there, Grade.WRONG, {"functions": {"api_handler": API}}),
    (functions.visibility, Grade.WRONG, {"queues": queue(visibility=299)}),
    (functions.visibility, Grade.DOUBTFUL, {"queues": queue(visibility=1_799)}),
    (functions.called, Grade.WRONG, {"sources": []}),
    (functions.called, Grade.WRONG, {"sources": source(state="Disabled")}),
    (functions.concurrency, Grade.WRONG, {"sources": source(maximum=51)}),
    (functions.concurrency, Grade.WRONG, {"sources": source(maximum=None)}),
    (
        functions.concurrency,
        Grade.DOUBTFUL,
        {"functions": worker(reserved=None), "account": Account(10, 10)},
    ),
    (functions.held_requests, Grade.DOUBTFUL, {"most_requests": 80.0}),
    (
        functions.held_requests,
        Grade.DOUBTFUL,
        {"functions": {"api_handler": replace(API, reserved=None)}, "account": Account(10, 10)},
    ),
    (functions.loops, Grade.WRONG, {"recursion": {"default_worker": "Terminate"}}),
    (functions.schedule, Grade.WRONG, {"schedules": {}}),
    (functions.schedule, Grade.WRONG, {"schedules": {"every-minute": False}}),
    (functions.logs, Grade.DOUBTFUL, {"log_retention": {"default_worker": 30}}),
    (
        functions.logs,
        Grade.DOUBTFUL,
        {"log_retention": {**GREEN["log_retention"], "api_handler": None}},
    ),
    (functions.runtime, Grade.DOUBTFUL, {"today": date(2029, 1, 1)}),
    (functions.runtime, Grade.WRONG, {"today": date(2029, 6, 30)}),
    (functions.runtime, Grade.DOUBTFUL, {"functions": worker(runtime="python4.0")}),
    (queues.dead_letters, Grade.WRONG, {"queues": queue(dead_letters=None)}),
    (
        queues.dead_letters,
        Grade.WRONG,
        {"queues": {**LANE, "overtime-dev-default-dead": replace(DEAD, messages=1)}},
    ),
    (queues.alarms_tell, Grade.DOUBTFUL, {"alarms": alarm(tells=False)}),
    (queues.alarms_quiet, Grade.WRONG, {"alarms": alarm(ringing=True)}),
    (queues.sweeps, Grade.WRONG, {"most_late": 180.0}),
    (storage.drift_from_the_template, Grade.WRONG, {"drift": [MOVED]}),
    (storage.drift_from_the_template, Grade.WRONG, {"drift": [GONE]}),
    (
        storage.drift_from_the_template,
        Grade.DOUBTFUL,
        {"drift": [MOVED | {"ResourceType": "AWS::CloudWatch::Alarm"}]},
    ),
    (storage.payloads_last, Grade.WRONG, {"lifecycle": {"jobs/": 59, "uploads/": 65}}),
    (storage.payloads_last, Grade.WRONG, {"retention_days": 36}),
    (storage.payloads_last, Grade.DOUBTFUL, {"lifecycle": {"jobs/": 65}}),
    (access.policies, Grade.WRONG, {"granted": may(Action="s3:*")}),
    (access.policies, Grade.WRONG, {"granted": may(Resource="arn:aws:s3:::b/*")}),
    (access.policies, Grade.WRONG, {"granted": may(Resource="*")}),
    (access.policies, Grade.WRONG, {"granted": {"default_worker": []}}),
    (
        access.policies,
        Grade.WRONG,
        {"granted": {"default_worker": [READ, {"Effect": "Allow", "NotAction": "iam:*"}]}},
    ),
    (access.policies, Grade.WRONG, {"needed": {"default_worker": [READ, DENIED]}}),
    (access.policies, Grade.WRONG, {"granted": {"default_worker": [READ, DENIED]}}),
    (
        access.policies,
        Grade.WRONG,
        {"declared": {"default_worker": [READ | SOME, TRACE]}},
    ),
    (access.policies, Grade.WRONG, {"granted": may(**SOME)}),
    (access.mode, Grade.WRONG, {"auth": "open"}),
    (access.mode, Grade.WRONG, {"auth": ""}),
    (access.strangers, Grade.WRONG, {"stranger": "200"}),
    (access.strangers, Grade.WRONG, {"stranger": "404"}),
    (access.strangers, Grade.WRONG, {"auth": "iam", "stranger": "200"}),
    (access.endpoint, Grade.WRONG, {"endpoint_types": ["EDGE"]}),
    (access.endpoint, Grade.WRONG, {"endpoint_types": []}),
    (access.alive, Grade.WRONG, {"health": "503"}),
    (
        functions.imports_of_tasks,
        Grade.DOUBTFUL,
        {"heavy_imports": [HeavyImport("pandas", 0.3, ["chalicelib/tasks/mine.py"])]},
    ),
]


def names(checks: Iterable[Check]) -> set[str]:
    return {check.__name__ for check in checks}


@pytest.mark.parametrize("check", every_check(), ids=lambda check: check.__name__)
def test_a_stage_that_is_well_is_told_so(check: Check) -> None:
    assert grades(check) == {Grade.FINE}


@pytest.mark.parametrize(
    ("check", "grade", "instead"), RED, ids=[f"{n}-{row[0].__name__}" for n, row in enumerate(RED)]
)
def test_a_finding_that_is_wrong_says_how_to_fix_it(
    check: Check, grade: Grade, instead: dict[str, Any]
) -> None:
    found = [one for one in examine(check, Stage(**instead)) if one.grade is not Grade.FINE]
    assert {one.grade for one in found} == {grade}
    for finding in found:
        assert len(finding.what) > 10
        assert len(finding.fix) > 10


def test_every_check_is_shown_red() -> None:
    assert names(every_check()) == names(row[0] for row in RED)
    assert len(every_check()) >= 17


def test_exactly_six_timeouts_are_enough() -> None:
    assert grades(functions.visibility, queues=queue(visibility=1_800)) == {Grade.FINE}


def test_a_function_without_a_reserve_is_fine_where_there_is_plenty() -> None:
    assert grades(functions.concurrency, functions=worker(reserved=None)) == {Grade.FINE}


def test_an_equivalent_policy_is_the_same() -> None:
    said = [READ | {"Action": "S3:GetObject"}, TRACE]
    assert grades(access.policies, granted={"default_worker": said}) == {Grade.FINE}


def test_an_id_that_only_a_deployed_stack_knows_may_be_any() -> None:
    declared = {"default_worker": [READ | {"Resource": "arn:aws:execute-api:us-east-1:1:*/api"}]}
    for resource, expected in (("1:abc/api", Grade.FINE), ("2:abc/api", Grade.WRONG)):
        granted = may(Resource=f"arn:aws:execute-api:us-east-1:{resource}")
        found = grades(access.policies, granted=granted, declared=declared, needed=declared)
        assert found == {expected}


def test_a_denial_and_a_condition_as_in_the_file_are_fine() -> None:
    said = {"default_worker": [READ | SOME, DENIED]}
    assert grades(access.policies, granted=said, declared=said, needed=said) == {Grade.FINE}


@pytest.mark.parametrize("stranger", ["403", "404"])
def test_an_unsigned_request_is_refused_like_an_unknown_path(stranger: str) -> None:
    assert grades(access.strangers, auth="iam", stranger=stranger) == {Grade.FINE}


def test_the_local_stage_may_be_open_and_its_alarms_mute() -> None:
    assert grades(access.mode, auth="open", local=True) == {Grade.FINE}
    assert grades(access.strangers, auth="open", stranger="200") == {Grade.FINE}
    assert grades(queues.alarms_tell, alarms=alarm(tells=False), local=True) == {Grade.FINE}


def test_an_unreadable_setting_is_neither_fine_nor_wrong() -> None:
    class Dark(Stage):
        def __getattribute__(self, name: str) -> Any:
            if name == "drift":
                raise CannotBeRead("access denied")
            return super().__getattribute__(name)

    [finding] = doctor.examine(storage.drift_from_the_template, Dark())
    assert (finding.grade, finding.fix) == (Grade.UNREADABLE, "access denied")
