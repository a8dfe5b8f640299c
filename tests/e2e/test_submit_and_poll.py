"""Submitting, polling and waiting over HTTP, with every header that API.md knows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.http import Client
from tests.e2e.third_party import ThirdParty
from tests.e2e.waiting import IN_A_WEEK

FRESH = iter(range(1_000_000))


def key() -> str:
    return f'"e2e-{next(FRESH)}"'


@pytest.fixture
def now(third_party: ThirdParty) -> dict[str, Any]:
    """Params of a job that takes no time."""
    return {"url": f"{third_party.url}/now"}


def test_a_job_is_accepted_and_its_address_leads_to_it(ada: Client, now: Any) -> None:
    answer = ada.call("POST", "/jobs", {"task": "fetch", "params": now})
    job = answer.json
    assert answer.status == 202
    assert job["status"] == "queued"
    assert answer.headers["Location"] == job["links"]["self"] == f"{ada.url}/jobs/{job['id']}"
    assert answer.headers["Operation-Location"] == answer.headers["Location"]
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["ETag"].startswith('"')
    assert ada.call("GET", answer.headers["Location"]).json["id"] == job["id"]
    finished = ada.succeeded(job)
    assert finished["result"]["json"] == {"here": "you are"}
    assert finished["attempt"] == 1
    assert ada.get(f"/jobs/{job['id']}/result") == finished["result"]


def test_a_repeated_submit_finds_the_first_job_and_nothing_runs_twice(
    ada: Client, third_party: ThirdParty
) -> None:
    same = key()
    params = {"url": f"{third_party.url}/held/{same.strip(chr(34))}"}
    body = {"task": "fetch", "params": params}
    first = ada.call("POST", "/jobs", body, Idempotency_Key=same)
    again = ada.call("POST", "/jobs", body, Idempotency_Key=same)
    assert (first.status, again.status) == (202, 202)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json["id"] == first.json["id"]

    third_party.release(same.strip('"'))
    ada.succeeded(first.json)
    reordered = f' {{"params": {json.dumps(params)}, "task": "fetch"}}'.encode()
    late = ada.call("POST", "/jobs", reordered, Idempotency_Key=same.strip('"'))
    assert (late.status, late.json["status"]) == (200, "succeeded")
    assert third_party.calls[f"/held/{same.strip(chr(34))}"] == 1

    other = ada.call(
        "POST", "/jobs", {"task": "fetch", "params": {**params, "timeout": 5}}, Idempotency_Key=same
    )
    assert (other.status, other.problem) == (422, "idempotency-key-reused")
    assert [error["pointer"] for error in other.json["errors"]] == ["/params/timeout"]


def test_the_same_key_of_another_owner_is_another_job(ada: Client, bob: Client, now: Any) -> None:
    same = key()
    hers = ada.submit("fetch", now, Idempotency_Key=same)
    his = bob.submit("fetch", now, Idempotency_Key=same)
    assert hers["id"] != his["id"]


def test_a_submit_can_be_held_until_the_job_is_finished(ada: Client, now: Any) -> None:
    answer = ada.call("POST", "/jobs", {"task": "fetch", "params": now}, Prefer="wait=20")
    assert (answer.status, answer.json["status"]) == (200, "succeeded")
    assert answer.headers["Preference-Applied"] == "wait=20"
    assert "Retry-After" not in answer.headers


def test_a_submit_that_is_held_in_vain_is_still_accepted(
    ada: Client, third_party: ThirdParty
) -> None:
    params = {"url": f"{third_party.url}/held/vain"}
    answer = ada.call("POST", "/jobs", {"task": "fetch", "params": params}, Prefer="wait=1")
    assert (answer.status, answer.headers["Preference-Applied"]) == (202, "wait=1")
    third_party.release("vain")
    ada.succeeded(answer.json)


def test_an_asynchronous_answer_may_be_asked_for(ada: Client, now: Any) -> None:
    answer = ada.call("POST", "/jobs", {"task": "fetch", "params": now}, Prefer="respond-async")
    assert (answer.status, answer.headers["Preference-Applied"]) == (202, "respond-async")


def test_a_scheduled_job_waits_for_its_time_and_a_deadline_ends_it(
    ada: Client, third_party: ThirdParty
) -> None:
    params = {"url": f"{third_party.url}/held/never"}
    job = ada.submit("fetch", params, Cancel_After="5s")
    assert job["deadline"] is not None
    finished = ada.finished(job)
    assert (finished["status"], finished["error"]["type"]) == (
        "failed",
        "/problems/deadline-exceeded",
    )
    later = ada.call(
        "POST",
        "/jobs",
        {"task": "fetch", "params": params, "run_at": IN_A_WEEK},
    )
    assert (later.status, later.json["wait_reason"]) == (202, "scheduled"), later
    assert later.json["next_attempt_at"] == IN_A_WEEK.replace("Z", ".000Z")


def test_a_poll_with_the_current_tag_is_304(ada: Client, third_party: ThirdParty) -> None:
    job = ada.submit("fetch", {"url": f"{third_party.url}/held/tag"}, Prefer="wait=1")
    path = f"/jobs/{job['id']}"
    polled = ada.call("GET", path)
    tag = polled.headers["ETag"]
    assert polled.headers["Cache-Control"] == "private, no-cache"
    for tags in (tag, f'"other", {tag}', "*"):
        known = ada.call("GET", path, If_None_Match=tags)
        assert (known.status, known.body) == (304, b""), tags
    held = ada.call("GET", path, If_None_Match=tag, Prefer="wait=1")
    assert (held.status, held.headers["Preference-Applied"]) == (304, "wait=1")

    third_party.release("tag")
    news = ada.call("GET", path, If_None_Match=tag, Prefer="wait=20")
    assert news.status == 200
    assert news.headers["ETag"] != tag
    ada.succeeded(job)


@pytest.mark.parametrize(
    ("body", "headers", "status", "slug"),
    [
        (b'{"task": ', {}, 400, "malformed-request"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "unsupported-media-type"),
        ({"task": "fetch"}, {}, 422, "invalid-request"),
        ({"task": "nothing", "params": {}}, {}, 422, "invalid-request"),
        ({"task": "overtime.webhook", "params": {}}, {}, 422, "invalid-request"),
        ({"task": "fetch", "params": {"url": 1}}, {}, 422, "invalid-request"),
        ({"task": "fetch", "params": {}, "more": 1}, {}, 422, "invalid-request"),
        ({"task": "fetch", "params": {}}, {"Cancel-After": "1s"}, 400, "malformed-request"),
        (b" " * (2_621_441), {}, 413, "body-too-large"),
    ],
)
def test_what_cannot_be_accepted_is_a_problem(
    ada: Client, body: Any, headers: dict[str, str], status: int, slug: str
) -> None:
    answer = ada.call("POST", "/jobs", body, **headers)
    assert (answer.status, answer.problem) == (status, slug)
