"""Schedules over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.tasks import Job, Schedule, task
from tests.api.harness import BASE, Service, is_problem, pointers
from tests.aws import counted

PATH = "/schedules/nightly"
NIGHTLY = {
    "cron": "30 2 * * *",
    "timezone": "Europe/Berlin",
    "task": "echo",
    "params": {"text": "again"},
}


def put(service: Service, name: str = "nightly", **members: Any) -> Any:
    if_match = members.pop("if_match", None)
    headers = {"If-Match": if_match} if if_match else {}
    return service.request("PUT", f"/schedules/{name}", headers, {**NIGHTLY, **members})


def test_a_schedule_is_created_with_its_next_moments(service: Service) -> None:
    answer = put(service)
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{BASE}{PATH}"
    shown = answer.json_body
    assert {name: shown[name] for name in NIGHTLY} == NIGHTLY
    assert shown["next"] == [f"2027-01-{day}T01:30:00.000Z" for day in range(16, 21)]
    assert (shown["overlap"], shown["paused"], shown["declared"]) == ("skip", False, False)
    assert (shown["last_job"], shown["missed"]) == (None, 0)
    assert shown["links"] == {"self": f"{BASE}{PATH}"}
    again = service.get(PATH)
    assert again.json_body == shown
    assert again.headers["ETag"] == answer.headers["ETag"]
    assert again.headers["Cache-Control"] == "private, no-cache"


def test_the_same_request_again_changes_nothing(service: Service) -> None:
    first = put(service)
    service.clock.sleep(60)
    second = put(service)
    assert second.status_code == 200
    assert (second.json_body, second.headers["ETag"]) == (first.json_body, first.headers["ETag"])
    assert "Location" not in second.headers


def test_a_schedule_submits_its_job_and_shows_it(service: Service) -> None:
    put(service, cron="1 8 * * *", timezone="UTC")
    tag = service.get(PATH).headers["ETag"]
    service.sweep()
    shown = service.get(PATH)
    job_id = shown.json_body["last_job"]
    assert shown.json_body["links"]["last_job"] == f"{BASE}/jobs/{job_id}"
    assert shown.headers["ETag"] == tag, "a moment is no edit"
    job = service.job(job_id)
    assert (job["status"], job["wait_reason"]) == ("queued", "scheduled")
    assert job["next_attempt_at"] == "2027-01-15T08:01:00.000Z"
    assert service.get("/jobs").json_body["jobs"][0]["id"] == job_id
    service.clock.sleep(60)
    service.run(job_id)
    assert service.job(job_id)["result"] == {"text": "again", "number": 0}


def test_no_job_starts_while_its_schedule_is_paused(service: Service) -> None:
    put(service, cron="1 8 * * *", timezone="UTC")
    service.sweep()
    shown = service.get(PATH).json_body
    assert shown["next"][0] == "2027-01-15T08:01:00.000Z", "its job is submitted already"
    paused = put(service, cron="1 8 * * *", timezone="UTC", paused=True).json_body
    assert (paused["paused"], paused["next"]) == (True, [])
    service.clock.sleep(60)
    service.run(shown["last_job"])
    job = service.job(shown["last_job"])
    assert (job["status"], job["error"]["code"]) == ("canceled", "schedule-stopped")


def test_a_deleted_schedule_is_gone_and_its_jobs_stay(service: Service) -> None:
    put(service, cron="1 8 * * *", timezone="UTC")
    service.sweep()
    job_id = service.get(PATH).json_body["last_job"]
    assert service.delete(PATH).status_code == 204
    assert is_problem(service.get(PATH), 404, "not-found")
    assert is_problem(service.delete(PATH), 404, "not-found")
    assert service.job(job_id)["status"] == "queued"
    service.clock.sleep(60)
    service.run(job_id)
    assert service.job(job_id)["status"] == "canceled"


def test_an_edit_of_what_somebody_has_edited_is_refused(service: Service) -> None:
    tag = put(service).headers["ETag"]
    assert put(service, cron="0 3 * * *", if_match=tag).status_code == 200
    assert is_problem(put(service, cron="0 4 * * *", if_match=tag), 412, "schedule-changed")
    assert is_problem(service.request("DELETE", PATH, {"If-Match": tag}), 412, "schedule-changed")
    assert service.get(PATH).json_body["cron"] == "0 3 * * *"
    assert put(service, cron="0 4 * * *", if_match="*").status_code == 200
    assert is_problem(put(service, "other", if_match="*"), 412, "schedule-changed")


def test_an_edit_that_has_been_made_may_be_repeated_under_the_tag_that_it_had(
    service: Service,
) -> None:
    tag = put(service).headers["ETag"]
    made = put(service, cron="0 3 * * *", if_match=tag)
    again = put(service, cron="0 3 * * *", if_match=tag)
    assert (again.status_code, again.headers["ETag"]) == (200, made.headers["ETag"])


def test_schedules_are_listed_by_name_page_by_page(service: Service) -> None:
    names = [f"n-{number}" for number in range(5)]
    for name in reversed(names):
        put(service, name)
    pages, following = [], "/schedules?limit=2"
    while following:
        answer = service.get(following)
        pages.append([one["name"] for one in answer.json_body["schedules"]])
        following = answer.json_body["next"]
    assert pages == [names[:2], names[2:4], names[4:]]


@pytest.mark.parametrize(
    ("members", "at"),
    [
        ({"cron": "30 25 * * *"}, "/cron"),
        ({"cron": "0 0 31 2 *"}, "/cron"),
        ({"cron": "* * * * * *"}, "/cron"),
        ({"cron": "0 " * 150}, "/cron"),
        ({"cron": 5}, "/cron"),
        ({"timezone": "Europe/Berln"}, "/timezone"),
        ({"timezone": "../../etc/passwd"}, "/timezone"),
        ({"task": "none-such"}, "/task"),
        ({"task": "overtime.webhook"}, "/task"),
        ({"params": {"text": 5}}, "/params/text"),
        ({"params": {"text": "x" * 4_200}}, "/params"),
        ({"params": None}, "/params"),
        ({"overlap": "maybe"}, "/overlap"),
        ({"paused": "yes"}, "/paused"),
        ({"run_at": "2027-01-16T08:00:00Z"}, "/run_at"),
    ],
)
def test_a_member_that_does_not_fit_is_named(
    service: Service, members: dict[str, Any], at: str
) -> None:
    answer = put(service, **members)
    assert is_problem(answer, 422, "invalid-request")
    assert pointers(answer) == [at]
    assert service.nothing_is_stored()


WRONG = {"cron": "x * * * *", "timezone": "Mars/Olympus", "params": {"text": 5}}


@pytest.mark.parametrize(
    ("members", "at"),
    [
        (WRONG, ["/timezone", "/cron", "/params/text"]),
        ({**WRONG, "task": "none-such"}, ["/timezone", "/cron", "/task"]),
        (
            {**WRONG, "overlap": "maybe", "also": 1},
            ["/overlap", "/also", "/timezone", "/cron", "/params/text"],
        ),
        ({**WRONG, "cron": 5}, ["/cron", "/timezone", "/params/text"]),
        ({**WRONG, "task": 5}, ["/task", "/timezone", "/cron"]),
        ({"params": {"text": 5, "more": "x" * 4_200}}, ["/params", "/params/text", "/params/more"]),
    ],
)
def test_all_faults_of_a_schedule_are_named_at_once(
    service: Service, members: dict[str, Any], at: list[str]
) -> None:
    answer = put(service, **members)
    assert is_problem(answer, 422, "invalid-request")
    assert pointers(answer) == at


@pytest.mark.parametrize("name", ["Nightly", "-a", "a b", "x" * 65, "a%23b"])
def test_a_name_that_a_schedule_cannot_have_is_refused(service: Service, name: str) -> None:
    assert is_problem(put(service, name.replace(" ", "%20")), 422, "invalid-request")
    assert service.get(f"/schedules/{name.replace(' ', '%20')}").status_code == 404


def test_what_code_declares_is_shown_and_cannot_be_changed(service: Service) -> None:
    @task("hourly", schedules=[Schedule("0 * * * *", owner="local")])
    def hourly(job: Job) -> None:
        pass

    service.does(hourly)
    service.system.schedules.known = None  # type: ignore[attr-defined]
    service.sweep()
    shown = service.get("/schedules/hourly").json_body
    assert (shown["declared"], shown["task"]) == (True, "hourly")
    assert is_problem(put(service, "hourly"), 409, "schedule-declared")
    assert is_problem(service.delete("/schedules/hourly"), 409, "schedule-declared")


def test_what_each_call_costs(service: Service) -> None:
    def calls(act: Any) -> list[str]:
        with counted(*map(wiring.client, ("dynamodb", "sqs", "s3"))) as made:
            act()
        return list(made)

    def new() -> None:
        put(service, cron="2 8 * * *", timezone="UTC")

    assert calls(new) == ["dynamodb.GetItem", "dynamodb.Query", "dynamodb.PutItem"]
    assert calls(lambda: service.get(PATH)) == ["dynamodb.GetItem"]
    assert calls(lambda: service.get("/schedules")) == ["dynamodb.Query"]
    service.sweep()  # the first of a process also asks which build was stored
    before = calls(service.sweep)
    service.clock.sleep(60)
    moment = calls(service.sweep)
    submitting = ["dynamodb.PutItem", "sqs.SendMessage", "dynamodb.PutItem"]
    assert sorted(moment) == sorted([*before, "dynamodb.BatchGetItem", *submitting])
