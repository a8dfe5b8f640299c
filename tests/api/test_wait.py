"""Prefer: wait=N. A request is held until there is something to say, and no longer."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

import app as app_module
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.job import Status
from chalicelib.memory.stores import MemoryHeldRequests, MemoryJobs
from chalicelib.tasks import Job, task
from tests.api import gateway
from tests.api.harness import Context, Service

JSON = (("Content-Type", "application/json"),)
BODY = b'{"task": "echo", "params": {}}'


def later(service: Service, seconds: float, happens: object) -> None:
    """The service's reads pause 0.25 s, 0.5 s, then a second each."""
    pauses = {0.25: 1, 0.75: 2, 1.75: 3, 2.75: 4}[seconds]
    service.clock.meanwhile = [lambda: None] * (pauses - 1) + [happens]  # type: ignore[list-item]


# ── on POST ──


def test_a_job_that_finishes_in_time_answers_200_with_its_result(service: Service) -> None:
    later(service, 1.75, service.work)
    answer = service.submit("echo", {"text": "quick"}, Prefer="wait=10")
    assert (answer.status_code, answer.json_body["status"]) == (200, "succeeded")
    assert answer.json_body["result"]["text"] == "quick"
    assert answer.headers["Preference-Applied"] == "wait=10"
    assert answer.headers["Location"].endswith(answer.json_body["id"])
    assert service.clock.elapsed == 1.75


def test_a_job_that_does_not_answers_202_when_the_time_is_up(service: Service) -> None:
    answer = service.submit(Prefer="wait=3")
    assert (answer.status_code, answer.json_body["status"]) == (202, "queued")
    assert answer.headers["Preference-Applied"] == "wait=3"
    assert service.clock.elapsed == 3


def test_a_job_that_fails_in_time_answers_200_as_well(service: Service) -> None:
    later(service, 0.25, service.work)
    answer = service.submit("hopeless", Prefer="wait=3")
    assert (answer.status_code, answer.json_body["status"]) == (200, "failed")


@pytest.mark.parametrize(
    ("asked", "applied"), [("wait=25", 25), ("wait=26", 25), ("wait=99999999999999999999", 25)]
)
def test_no_request_is_held_longer_than_the_stage_allows(
    service: Service, asked: str, applied: int
) -> None:
    answer = service.submit(Prefer=asked)
    assert answer.headers["Preference-Applied"] == f"wait={applied}"
    assert service.clock.elapsed == applied


def test_a_stage_may_allow_no_waiting_at_all(service: Service) -> None:
    service.set(max_wait_seconds=0)
    answer = service.submit(Prefer="wait=10")
    assert answer.status_code == 202
    assert "Preference-Applied" not in answer.headers
    assert service.clock.elapsed == 0


@pytest.mark.parametrize(
    "prefer",
    [
        *("wait", "wait=", "wait=soon", "wait=-1", "wait=1.5", 'wait="', "wait=5 5", "wait=٣"),
        *("", ",", "=5", ";wait=5", "handling=lenient", "xwait=5", 'x="wait=5"', "x; wait=5"),
    ],
)
def test_a_preference_that_makes_no_sense_is_ignored(service: Service, prefer: str) -> None:
    answer = service.submit(Prefer=prefer)
    assert answer.status_code == 202
    assert "Preference-Applied" not in answer.headers
    assert service.clock.elapsed == 0


@pytest.mark.parametrize(
    "prefer",
    [
        *("wait=3", "WAIT=3", ' wait = "3" ', "wait=003", "wait=3, wait=9", "wait=3;x=y"),
        *('handling=lenient; a="b, wait=9", wait=3', ",, wait=3,", 'a="\\", wait=9", wait=3'),
    ],
)
def test_the_grammar_of_prefer_is_understood(service: Service, prefer: str) -> None:
    answer = service.submit(Prefer=prefer)
    assert answer.headers["Preference-Applied"] == "wait=3"
    assert service.clock.elapsed == 3


def test_respond_async_is_what_happens_anyway_and_is_echoed(service: Service) -> None:
    answer = service.submit(Prefer="respond-async")
    assert answer.status_code == 202
    assert answer.headers["Preference-Applied"] == "respond-async"
    both = service.submit(Prefer="respond-async, wait=2")
    assert both.headers["Preference-Applied"] == "wait=2, respond-async"


# ── on GET ──


def test_without_a_tag_a_read_is_held_until_the_job_is_finished(service: Service) -> None:
    job_id = service.submitted("patient")
    service.work()  # a change, but not the end
    service.clock.sleep(600)
    began = service.clock.elapsed
    later(service, 2.75, lambda: service.run(job_id))
    answer = service.get(f"/jobs/{job_id}", Prefer="wait=20")
    assert (answer.status_code, answer.json_body["status"]) == (200, "succeeded")
    assert answer.headers["Preference-Applied"] == "wait=20"
    assert service.clock.elapsed - began == 2.75


def test_without_a_tag_a_read_answers_200_when_the_time_is_up(service: Service) -> None:
    job_id = service.submitted()
    answer = service.get(f"/jobs/{job_id}", Prefer="wait=4")
    assert (answer.status_code, answer.json_body["status"]) == (200, "queued")
    assert service.clock.elapsed == 4


def test_with_the_current_tag_a_read_is_held_until_the_job_changes(service: Service) -> None:
    seen = []

    @task("walk")
    def walk(job: Job) -> None:
        tag = service.etag(job.id)

        def step() -> None:
            job.progress(0.5, "half way")
            service.beat()

        later(service, 0.75, step)
        seen.append(service.get(f"/jobs/{job.id}", If_None_Match=tag, Prefer="wait=20"))

    service.does(walk)
    service.submitted("walk")
    service.work()
    assert (seen[0].status_code, seen[0].json_body["status"]) == (200, "running")
    assert seen[0].json_body["progress"]["percent"] == 50
    assert service.clock.elapsed == 0.75


def test_with_the_current_tag_and_no_change_a_read_answers_304_at_the_end(service: Service) -> None:
    job_id = service.submitted()
    answer = service.get(f"/jobs/{job_id}", If_None_Match=service.etag(job_id), Prefer="wait=4")
    assert (answer.status_code, answer.body) == (304, b"")
    assert answer.headers["Preference-Applied"] == "wait=4"
    assert service.clock.elapsed == 4


def test_with_another_tag_a_read_answers_at_once(service: Service) -> None:
    job_id = service.submitted()
    answer = service.get(f"/jobs/{job_id}", If_None_Match='"older"', Prefer="wait=4")
    assert answer.status_code == 200
    assert service.clock.elapsed == 0


def test_a_finished_job_is_not_waited_for(service: Service) -> None:
    job_id = service.submitted()
    service.work()
    assert service.get(f"/jobs/{job_id}", Prefer="wait=9").status_code == 200
    known = service.get(f"/jobs/{job_id}", If_None_Match=service.etag(job_id), Prefer="wait=9")
    assert known.status_code == 304
    assert service.clock.elapsed == 0


def test_a_deadline_that_passes_meanwhile_ends_the_wait(service: Service) -> None:
    job_id = service.submitted(Cancel_After="5s")
    answer = service.get(f"/jobs/{job_id}", Prefer="wait=20")
    assert answer.json_body["error"]["type"] == "/problems/deadline-exceeded"
    assert 5 <= service.clock.elapsed < 6


def test_a_job_erased_meanwhile_is_404(service: Service) -> None:
    job_id = service.submitted()

    def gone() -> None:
        service.post(f"/jobs/{job_id}/cancel")
        service.delete(f"/jobs/{job_id}")

    later(service, 0.25, gone)
    assert service.get(f"/jobs/{job_id}", Prefer="wait=9").status_code == 404


def test_after_a_wait_the_client_is_told_how_long_it_is_from_then(service: Service) -> None:
    job_id = service.submitted("patient")
    service.work()
    answer = service.get(f"/jobs/{job_id}", Prefer="wait=25")
    assert answer.headers["Retry-After"] == "60"
    service.clock.sleep(550)  # 25 s are left
    answer = service.get(f"/jobs/{job_id}", Prefer="wait=20")
    assert answer.headers["Retry-After"] == "5"


# ── on a cancel ──


def test_a_cancel_is_held_and_answers_202_when_the_time_is_up(service: Service) -> None:
    answers = []

    @task("walk")
    def walk(job: Job) -> None:
        answers.append(service.post(f"/jobs/{job.id}/cancel", Prefer="wait=2"))

    service.does(walk)
    service.submitted("walk")
    service.work()
    [still] = answers
    assert (still.status_code, still.json_body["status"]) == (202, "running")
    assert still.headers["Preference-Applied"] == "wait=2"
    assert service.clock.elapsed == 2


def test_a_cancel_answers_200_as_soon_as_the_job_is_canceled(service: Service) -> None:
    job_id = service.submitted()
    record = service.record(job_id)
    running = structs.replace(record, status=Status.RUNNING, lease_token="t")

    jobs = MemoryJobs({job_id: running})
    service.replace(jobs=jobs)

    def stops() -> None:
        jobs.records[job_id] = structs.replace(jobs.records[job_id], status=Status.CANCELED)

    later(service, 1.75, stops)
    answer = service.post(f"/jobs/{job_id}/cancel", Prefer="wait=10")
    assert (answer.status_code, answer.json_body["status"]) == (200, "canceled")
    assert service.clock.elapsed == 1.75


# ── how many, and how long ──


def hold_as_many_as_one_owner_may(service: Service) -> None:
    now = service.clock.now()
    for number in range(20):
        assert service.system.held.begin("local", str(number), now + 20_000, now, 20)


def test_the_twenty_first_request_is_answered_at_once_and_others_owners_are_not_touched(
    service: Service,
) -> None:
    job_id, now = service.submitted(), service.clock.now()
    hold_as_many_as_one_owner_may(service)
    answer = service.get(f"/jobs/{job_id}", Prefer="wait=10")
    assert (answer.status_code, service.clock.elapsed) == (200, 0)
    assert answer.headers["Retry-After"] == "1"
    service.system.held.end("local", "7", now + 20_000)
    service.get(f"/jobs/{job_id}", Prefer="wait=10")
    assert service.clock.elapsed == 10


def test_a_wait_that_was_not_granted_is_not_claimed(service: Service) -> None:
    tag = service.etag(job_id := service.submitted())
    hold_as_many_as_one_owner_may(service)
    finished = service.submitted()
    service.work()
    waiting = service.submitted("patient")
    canceling = []

    @task("walk")
    def walk(job: Job) -> None:
        canceling.append(service.post(f"/jobs/{job.id}/cancel", Prefer="wait=10"))

    service.does(walk)
    service.submitted("walk")
    service.work()
    for answer in (
        *canceling,
        service.submit(Prefer="wait=10"),
        service.get(f"/jobs/{waiting}", Prefer="wait=10"),
    ):
        assert "Preference-Applied" not in answer.headers
    both = service.submit(Prefer="respond-async, wait=2")
    assert both.headers["Preference-Applied"] == "respond-async"
    news = service.get(f"/jobs/{job_id}", If_None_Match=tag, Prefer="wait=10")
    end = service.get(f"/jobs/{finished}", Prefer="wait=10")
    for at_once in (news, end):  # there was nothing to wait for
        assert at_once.headers["Preference-Applied"] == "wait=10"
    assert service.clock.elapsed == 0


def test_a_request_that_was_held_counts_no_longer_also_if_it_failed(service: Service) -> None:
    job_id = service.submitted()

    def gone() -> None:
        service.post(f"/jobs/{job_id}/cancel")
        service.delete(f"/jobs/{job_id}")

    service.replace(held=MemoryHeldRequests())
    later(service, 0.25, gone)
    assert service.get(f"/jobs/{job_id}", Prefer="wait=9").status_code == 404
    assert service.system.held.holds == {"local": {}}  # type: ignore[attr-defined]


def test_where_requests_cannot_be_counted_none_is_held(service: Service) -> None:
    class Away:
        def begin(self, *_: object) -> bool:
            raise Unavailable("away")

    service.replace(held=Away())
    answer = service.submit(Prefer="wait=10")
    assert (answer.status_code, service.clock.elapsed) == (202, 0)
    assert "Preference-Applied" not in answer.headers


def test_a_look_that_fails_is_no_wait(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise Unavailable("away")

    monkeypatch.setattr("chalicelib.service.read.get", away)
    answer = service.submit(Prefer="wait=10")
    assert (answer.status_code, service.clock.elapsed) == (202, 0)
    assert "Preference-Applied" not in answer.headers


def test_a_wait_ends_before_api_gateway_hangs_up(service: Service) -> None:
    """It counts from when it took the request; a cold start and uploads take of that time."""
    context = Context(29)
    asked = gateway.event(app_module.app.routes, "POST", "/jobs", JSON, BODY)
    asked["headers"]["Prefer"] = "wait=25"
    asked["multiValueHeaders"]["Prefer"] = ["wait=25"]
    asked["requestContext"]["requestTimeEpoch"] = service.clock.now() - 12_000
    answer = app_module.app(asked, context)
    assert answer["statusCode"] == 202
    assert service.clock.elapsed == 15  # and 2 s are left to answer
    assert applied(answer) == "wait=15"


def test_a_wait_ends_before_lambda_ends_the_invocation(service: Service) -> None:
    asked = gateway.event(app_module.app.routes, "POST", "/jobs", JSON, BODY)
    asked["multiValueHeaders"]["Prefer"] = ["wait=25"]
    answer = app_module.app(asked, Context(10))
    assert answer["statusCode"] == 202
    assert service.clock.elapsed == 8
    assert applied(answer) == "wait=8"


def applied(answer: dict[str, Any]) -> str:
    headers = {**answer.get("headers", {}), **answer.get("multiValueHeaders", {})}
    value = headers["Preference-Applied"]
    return value if isinstance(value, str) else value[0]
