"""Jobs that ask and sleep, over HTTP: what they show meanwhile, who may answer, which answer counts
and what all of it costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.domain.job import HOUR, MINUTE
from chalicelib.http.fields import rfc3339
from chalicelib.http.questions import ANSWER_AT_MOST
from chalicelib.tasks import Job, task
from tests.api.albums import NO, YES, Album, asking, publishes
from tests.api.harness import BASE, Answer, Service, is_problem, pointers
from tests.aws import counted

# ── what a job shows while it waits ──


def test_a_question_is_shown_with_its_schema_and_the_url_that_takes_the_answer(
    service: Service,
) -> None:
    album = Album(service)
    job = album.now
    assert (job["status"], job["wait_reason"], job["attempt"]) == ("queued", "answer", 0)
    [question] = job["waits_for"]["answers"]
    assert question["prompt"] == "Publish 12 pages?"
    assert question["url"] == f"{BASE}/jobs/{album.id}/answers/publish"
    assert question["expires_at"] == rfc3339(service.clock.time + HOUR)
    assert question["schema"]["$defs"]["Approval"]["required"] == ["approved"]
    assert service.post(question["url"], YES).status_code == 204


def test_lists_show_questions_too(service: Service) -> None:
    album = Album(service)
    [listed] = service.get("/jobs").json_body["jobs"]
    assert listed["waits_for"] == album.now["waits_for"]


def test_a_job_that_waits_for_nothing_shows_none(service: Service) -> None:
    job_id = service.submitted()
    assert service.job(job_id)["waits_for"] is None


def test_a_sleep_shows_when_it_ends_and_no_worker_is_busy_until_then(service: Service) -> None:
    def sleeps(job: Job) -> None:
        job.sleep("embargo", 600)

    album = Album(service, sleeps)
    start = service.clock.time
    assert album.now["waits_for"] == {"until": rfc3339(start + 10 * MINUTE)}
    assert album.now["wait_reason"] == "sleep"
    service.clock.time += 10 * MINUTE
    service.run(album.id)
    assert (album.now["status"], album.now["attempt"]) == ("succeeded", 1)


def test_asking_and_being_answered_change_the_tag(service: Service) -> None:
    service.does(asking(publishes))
    job_id = service.submitted("album")
    tags = [service.etag(job_id)]
    for act in (service.work, lambda: service.post(f"/jobs/{job_id}/answers/publish", YES)):
        act()
        tags.append(service.etag(job_id))
    assert len(set(tags)) == 3


def test_a_poll_is_held_until_the_job_asks(service: Service) -> None:
    service.does(asking(publishes))
    job_id = service.submitted("album")
    tag = service.etag(job_id)
    service.clock.meanwhile.append(service.work)
    seen = service.get(f"/jobs/{job_id}", Prefer="wait=20", If_None_Match=tag)
    assert seen.status_code == 200
    assert seen.json_body["waits_for"]["answers"][0]["step"] == "publish"


def test_tasks_tell_what_they_ask(service: Service) -> None:
    service.does(asking(publishes))
    told = {one["name"]: one["asks"] for one in service.get("/tasks").json_body["tasks"]}
    assert told["echo"] == {}
    assert told["album"].keys() == {"publish", "print"}


# ── answers ──


def test_an_answer_lets_the_job_go_on_at_once(service: Service) -> None:
    album = Album(service)
    answer = album.answers()
    assert (answer.status_code, answer.body) == (204, b"")
    service.work()
    assert (album.now["status"], album.now["result"]) == ("succeeded", "published")
    assert album.now["attempt"] == 1


def test_the_same_answer_again_is_taken_and_another_is_refused(service: Service) -> None:
    album = Album(service)
    assert album.answers(YES).status_code == 204
    assert album.answers({"approved": True}).status_code == 204
    assert is_problem(album.answers(NO), 409, "already-answered")
    service.work()
    assert album.now["result"] == "published"
    assert album.answers(YES).status_code == 204
    assert is_problem(album.answers(NO), 409, "already-answered")
    assert service.messages() == []


def test_of_two_answers_that_race_the_job_gets_the_one_that_was_taken(service: Service) -> None:
    album = Album(service)
    raced: list[Answer] = []
    store_once = service.system.jobs.store_once

    class Racing:
        """The other answer is stored between the first one's read and its write."""

        def __getattr__(self, name: str) -> Any:
            return getattr(jobs, name)

        def store_once(self, *args: Any) -> str:
            service.replace(jobs=jobs)
            raced.append(album.answers(NO))
            return store_once(*args)

    jobs = service.system.jobs
    service.replace(jobs=Racing())
    assert is_problem(album.answers(YES), 409, "already-answered")
    assert [one.status_code for one in raced] == [204]
    service.work()
    assert album.now["result"] == "kept"


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"approved": "yes"}, ["/approved"]),
        ({}, ["/approved"]),
        ({"approved": True, "why": ""}, ["/why"]),
        ({"approved": 1, "by": 2}, ["/approved", "/by"]),
        ("yes", [""]),
        (None, [""]),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_at_its_place(
    service: Service, value: Any, where: list[str]
) -> None:
    album = Album(service)
    refused = album.answers(json.dumps(value).encode())
    assert is_problem(refused, 422, "invalid-request")
    assert "answer" in refused.json_body["detail"]
    assert sorted(pointers(refused)) == where
    assert album.answers(YES).status_code == 204


def test_a_null_answers_a_question_that_takes_one(service: Service) -> None:
    def work(job: Job) -> list[Any]:
        return [job.ask("note", prompt="Any note?", timeout=60)]

    service.does(task("notes", asks={"note": str | None})(work))
    job_id = service.submitted("notes")
    service.work()
    assert service.post(f"/jobs/{job_id}/answers/note", b"null").status_code == 204
    service.work()
    assert service.job(job_id)["result"] == [None]


@pytest.mark.parametrize("step", ["print", "pay", "Publish", "publish%00", "x" * 3_000])
def test_an_answer_to_what_is_not_asked_finds_nothing(service: Service, step: str) -> None:
    album = Album(service)
    assert is_problem(album.answers(YES, step), 404, "not-found")
    assert album.now["wait_reason"] == "answer"


def test_an_answer_is_64_kib_at_most(service: Service) -> None:
    album = Album(service)
    frame = len(json.dumps({"approved": True, "by": ""}))
    name = "x" * (ANSWER_AT_MOST - frame)
    refused = album.answers({"approved": True, "by": f"{name}x"})
    assert is_problem(refused, 413, "body-too-large")
    assert "64 KiB" in refused.json_body["detail"]
    assert album.answers({"approved": True, "by": name}).status_code == 204


def test_a_body_that_is_not_json_is_refused(service: Service) -> None:
    album = Album(service)
    assert is_problem(album.answers(b"yes"), 400, "malformed-request")
    assert is_problem(album.answers(b""), 400, "malformed-request")
    url = f"/jobs/{album.id}/answers/publish"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = service.request("POST", url, form, b"approved=true")
    assert is_problem(answer, 415, "unsupported-media-type")


def test_a_question_that_nobody_answers_fails_the_job_when_its_time_is_over(
    service: Service,
) -> None:
    album = Album(service)
    service.clock.time += HOUR
    service.sweep()
    service.work()  # looks
    service.work()
    job = album.now
    assert (job["status"], job["error"]["type"]) == ("failed", "/problems/unanswered")
    assert is_problem(album.answers(YES), 409, "already-answered")


def test_a_retry_asks_an_unanswered_question_anew(service: Service) -> None:
    album = Album(service)
    service.clock.time += HOUR
    service.sweep()
    for _ in range(2):
        service.work()
    service.post(f"/jobs/{album.id}/retry")
    service.work()
    [question] = album.now["waits_for"]["answers"]
    assert question["expires_at"] == rfc3339(service.clock.time + HOUR)
    assert album.answers(YES).status_code == 204
    service.work()
    assert album.now["result"] == "published"


def test_a_canceled_job_takes_no_answer(service: Service) -> None:
    album = Album(service)
    assert service.post(f"/jobs/{album.id}/cancel").status_code == 200
    assert album.now["waits_for"] is None
    assert is_problem(album.answers(YES), 409, "job-finished")


def test_a_submit_that_is_repeated_sends_a_suspended_job_no_message(service: Service) -> None:
    Album(service, Idempotency_Key="k")
    again = service.submit("album", Idempotency_Key="k")
    assert again.json_body["waits_for"]["answers"][0]["step"] == "publish"
    assert service.messages() == []


# ── what it costs ──

READ, PUT, UPDATE = "dynamodb.GetItem", "dynamodb.PutItem", "dynamodb.UpdateItem"


def calls(service: Service, act: Callable[[], Any]) -> list[str]:
    with counted(*map(wiring.client, ("dynamodb", "sqs", "s3"))) as made:
        act()
    return made


def test_what_a_question_costs_in_calls(service: Service) -> None:
    service.does(asking(publishes))
    job_id = service.submitted("album")
    url = f"/jobs/{job_id}/answers/publish"
    [message] = service.messages()
    asked = calls(service, lambda: service.deliver(message))
    claim, suspend, wake, finish = (UPDATE,) * 4
    question, reply = READ, READ
    assert asked == [claim, question, PUT, suspend, reply]
    assert calls(service, lambda: service.get(f"/jobs/{job_id}")) == [READ]
    taken = calls(service, lambda: service.post(url, YES))
    assert taken == [READ, question, reply, PUT, READ, reply, wake, "sqs.SendMessage"]
    [message] = service.messages()
    assert calls(service, lambda: service.deliver(message)) == [claim, question, reply, finish]
