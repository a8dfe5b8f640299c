"""Jobs that ask and sleep, over HTTP: what they show meanwhile, who may answer, which answer counts
and what all of it costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.domain.job import HOUR, MINUTE, SECOND
from chalicelib.http.fields import rfc3339
from chalicelib.http.questions import ANSWER_AT_MOST
from chalicelib.memory.stores import MemorySecrets
from chalicelib.tasks import Job, Task, task
from tests.api.harness import BASE, Answer, Service, is_problem, pointers
from tests.aws import counted

YES, NO = {"approved": True}, {"approved": False}


@dataclass
class Approval:
    approved: bool
    by: str = ""


def asking(function: Callable[[Job], Any]) -> Task:
    return task("album", asks={"publish": Approval, "print": Approval})(function)


def publishes(job: Job) -> str:
    answer: Approval = job.ask("publish", prompt="Publish 12 pages?", timeout=3_600)
    return "published" if answer.approved else "kept"


class Album:
    """A job that has asked, and waits."""

    def __init__(
        self, service: Service, function: Callable[[Job], Any] = publishes, **headers: str
    ) -> None:
        self.service = service
        service.does(asking(function))
        self.id = service.submitted("album", **headers)
        service.work()

    def answers(self, value: Any = YES, step: str = "publish") -> Answer:
        return self.service.post(f"/jobs/{self.id}/answers/{step}", value)

    @property
    def now(self) -> dict[str, Any]:
        return self.service.job(self.id)


class Callback(Album):
    """A job that has given a URL to a third party."""

    def __init__(self, service: Service, timeout: float = 3_600) -> None:
        self.urls: list[str] = []

        def work(job: Job) -> str:
            self.urls.append(job.answer_url("publish", timeout))
            return publishes(job)

        super().__init__(service, work)

    @property
    def sealed(self) -> str:
        return self.urls[0].rpartition("/")[2]

    def calls_back(self, value: Any = YES, sealed: str | None = None) -> Answer:
        return self.service.post(f"/answers/{sealed or self.sealed}", value)


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


# ── callbacks by URL ──


def test_a_url_takes_the_answer_without_credentials(service: Service) -> None:
    called = Callback(service)
    assert called.urls[0].startswith(f"{BASE}/answers/")
    answer = called.calls_back()
    assert (answer.status_code, answer.body) == (204, b"")
    assert called.calls_back().status_code == 204
    assert is_problem(called.calls_back(NO), 409, "already-answered")
    service.work()
    assert called.now["result"] == "published"


def test_a_call_that_comes_before_the_job_asks_is_found_when_it_asks(service: Service) -> None:
    called: list[int] = []

    def work(job: Job) -> str:
        url = job.answer_url("publish", 3_600)
        called.append(service.post(url, YES).status_code)
        return publishes(job)

    album = Album(service, work)
    assert (called, album.now["result"]) == ([204], "published")


def test_a_third_party_that_calls_back_after_10_seconds_holds_no_worker(service: Service) -> None:
    called = Callback(service)
    for _ in range(10):
        service.clock.time += SECOND
        service.sweep()
        assert service.messages() == []
        assert service.record(called.id).lease_token is None
    assert called.calls_back().status_code == 204
    service.work()
    verbs = [entry.verb for entry in service.record(called.id).history]
    assert verbs == ["submit", "claim", "suspend", "wake", "claim", "succeed"]
    assert called.now["attempt"] == 1


def spoiled(called: Callback) -> dict[str, str]:
    sealed = called.sealed
    return {
        "cut": sealed[:-1],
        "longer": f"{sealed}A",
        "another letter": f"{sealed[:40]}{'A' if sealed[40] != 'A' else 'B'}{sealed[41:]}",
        "not base64": "%00%FF",
        "a job's id": called.id,
        "long": "A" * 5_000,
    }


def test_a_damaged_url_finds_nothing_and_reads_nothing(service: Service) -> None:
    called = Callback(service)
    with counted(wiring.client("dynamodb")) as made:
        for why, sealed in spoiled(called).items():
            assert is_problem(called.calls_back(YES, sealed), 404, "not-found"), why
    assert made == []
    assert called.now["wait_reason"] == "answer"


def test_a_url_ends_with_its_question(service: Service) -> None:
    called = Callback(service, timeout=60)
    service.clock.time += MINUTE
    assert is_problem(called.calls_back(), 404, "not-found")


def test_a_url_answers_its_own_step_and_job_alone(service: Service) -> None:
    """Two jobs, each with two questions: each URL leads to one of the four."""
    urls: dict[tuple[str, str], str] = {}

    def work(job: Job) -> list[bool]:
        for step in ("publish", "print"):
            urls[job.id, step] = job.answer_url(step, 3_600)
        asked = (job.ask(step, prompt="", timeout=3_600) for step in ("publish", "print"))
        return [one.approved for one in asked]

    albums = [Album(service, work) for _ in range(2)]
    assert len(set(urls.values())) == 4
    for (job_id, step), url in urls.items():
        mine = {"approved": (job_id, step) == (albums[0].id, "print")}
        assert service.post(url, mine).status_code == 204
    for _ in range(2):
        service.work()
    assert [album.now["result"] for album in albums] == [[False, True], [False, False]]


def test_a_url_of_a_job_that_is_gone_finds_nothing(service: Service) -> None:
    called = Callback(service)
    service.post(f"/jobs/{called.id}/cancel")
    assert is_problem(called.calls_back(), 409, "job-finished")
    assert service.delete(f"/jobs/{called.id}").status_code == 204
    assert is_problem(called.calls_back(), 404, "not-found")


def test_a_url_outlives_a_rotation_of_the_secret_while_the_old_one_is_valid(
    service: Service,
) -> None:
    called = Callback(service)
    [first] = service.system.answer_secrets.for_seals()
    service.replace(answer_secrets=MemorySecrets(seals=(b"second", b"first")))
    assert is_problem(called.calls_back(), 404, "not-found")
    service.replace(answer_secrets=MemorySecrets(seals=(b"second", first)))
    assert called.calls_back().status_code == 204


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
