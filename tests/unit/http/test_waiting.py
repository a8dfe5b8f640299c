"""What clients see of a job's waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace

from chalicelib.domain import waiting_verbs
from chalicelib.domain.handle import Job
from chalicelib.domain.job import HOUR, JobRecord, Wait, WaitReason
from chalicelib.domain.task import Task, Tasks, task
from chalicelib.domain.verbs import PendingOutput
from chalicelib.http.fields import rfc3339
from chalicelib.http.representation import job_page
from tests.records import NOW, queued, running, stamp, suspended

BASE = "https://jobs.example.com/v1"
QUESTION = Wait("publish", WaitReason.ANSWER, 0, NOW + HOUR, "Publish 12 pages?")


@dataclass
class Approval:
    approved: bool


def registered(kind: Any = Approval) -> Tasks:
    def work(job: Job) -> None: ...

    asking: Task = task("report", asks={"publish": kind})(work)
    return lambda: {queued().task: asking}


def shown(record: JobRecord, tasks: Tasks = dict) -> Any:
    return msgspec.json.decode(job_page(record, BASE, tasks).body)["waits_for"]


def test_a_suspended_job_shows_its_question_and_where_to_answer_it() -> None:
    record = suspended(wait=QUESTION)
    [question] = shown(record, registered())["answers"]
    assert question == {
        "step": "publish",
        "prompt": "Publish 12 pages?",
        "schema": {
            "$ref": "#/$defs/Approval",
            "$defs": {
                "Approval": {
                    "title": "Approval",
                    "type": "object",
                    "properties": {"approved": {"type": "boolean"}},
                    "required": ["approved"],
                    "additionalProperties": False,
                }
            },
        },
        "url": f"{BASE}/jobs/{record.id}/answers/publish",
        "expires_at": rfc3339(NOW + HOUR),
    }


def test_a_question_of_a_task_that_is_gone_still_shows_with_any_schema() -> None:
    assert shown(suspended(wait=QUESTION))["answers"][0]["schema"] == {}


def test_a_sleeping_job_shows_when_it_goes_on() -> None:
    wait = Wait("nap", WaitReason.SLEEP, 0, NOW + HOUR)
    record = running()
    sleeping = waiting_verbs.sleep(record, stamp(), PendingOutput(), wait).applied_to(record)
    assert shown(sleeping) == {"until": rfc3339(NOW + HOUR)}


def test_a_job_that_runs_or_waits_for_a_worker_waits_for_nothing_else() -> None:
    record = suspended(wait=QUESTION)
    woken = waiting_verbs.wake(record, stamp()).applied_to(record)
    assert [shown(one) for one in (queued(), running(), woken)] == [None] * 3


def test_another_question_is_another_tag_which_does_not_depend_on_the_host() -> None:
    record = suspended(wait=QUESTION)
    again = replace(record, wait=replace(QUESTION, until=NOW + 2 * HOUR))
    assert job_page(record, BASE).etag != job_page(again, BASE).etag
    assert job_page(record, BASE).etag == job_page(record, "http://127.0.0.1:8000").etag
