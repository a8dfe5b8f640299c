"""What the Python client asks next, how long it waits and what it raises, without a network."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import msgspec
import pydantic
import pytest

from overtime import errors
from overtime.decisions import Tail, Tracked
from overtime.exchange import checked_token, checked_url, retry_after
from overtime.models import Artifact, Job
from overtime.steps import Answer, Broken, Send
from tests.clients.python.script import (
    LOST,
    REFUSED_CONNECTION,
    Script,
    ended,
    job,
    problem,
    succeeded,
)

UNCHANGED = Answer(304, {"retry-after": "1"})
TICKET = Answer(
    201, {}, b'{"id": "upload:1", "upload": {"url": "http://store.test/a", "headers": {"X": "y"}}}'
)


def urls(script: Script) -> list[str]:
    return [f"{one.method} {one.url.partition('.test')[2]}" for one in script.sent]


# ── submit ──


def test_a_submit_without_an_answer_is_repeated_under_the_same_key():
    script = Script([LOST, problem(503, wait="2"), LOST, job(202)])
    tracked = script.play(script.decisions().submit("report", {"a": 1}))
    assert tracked.id == "j1"
    assert script.headers("Idempotency-Key") == ['"key-1"'] * 4
    assert len({one.body for one in script.sent}) == 1


def test_two_submits_have_different_keys():
    script = Script([job(202), job(202)])
    decisions = script.decisions()
    script.play(decisions.submit("report"))
    script.play(decisions.submit("report"))
    assert script.headers("Idempotency-Key") == ['"key-1"', '"key-2"']


def test_a_submit_that_stays_unanswered_tells_its_key():
    script = Script([LOST] * 50)
    with pytest.raises(errors.Unreachable) as raised:
        script.play(script.decisions(retry_for=10).submit("report"))
    assert raised.value.key == "key-1"
    assert sum(script.slept) <= 10


def test_files_are_uploaded_first_and_named_in_the_params(tmp_path: Path):
    (tmp_path / "a.csv").write_bytes(b"12345")
    done = Answer(200, {})
    script = Script([TICKET, done, TICKET, done, TICKET, done, job(202)])
    files: Any = {"source": tmp_path / "a.csv", "images": [b"1", b"2"]}
    script.play(script.decisions().submit("report", {"n": 1}, files))
    made = json.loads(script.sent[0].body)  # type: ignore[arg-type]
    assert made == {"filename": "a.csv", "content_type": "text/csv", "size": 5}
    body = json.loads(script.sent[-1].body)  # type: ignore[arg-type]
    assert body["params"] == {"n": 1, "source": "upload:1", "images": ["upload:1", "upload:1"]}
    assert "Authorization" not in script.sent[1].headers


def test_an_upload_whose_answer_was_lost_counts_when_the_place_is_taken():
    script = Script([TICKET, LOST, problem(412)])
    assert script.play(script.decisions().files.upload(b"1")) == "upload:1"


def test_an_upload_to_a_place_that_was_taken_before_goes_to_another():
    script = Script([TICKET, problem(412), TICKET, Answer(200, {})])
    script.play(script.decisions().files.upload(b"1"))
    assert urls(script) == ["POST /uploads", "PUT /a"] * 2


def test_an_upload_that_the_store_refuses_three_times_is_given_up():
    denied = Answer(403, {}, b"<Error><Code>AccessDenied</Code></Error>")
    script = Script([TICKET, denied] * 3)
    with pytest.raises(errors.TransferFailed, match="403 AccessDenied"):
        script.play(script.decisions().files.upload(b"1"))


@dataclasses.dataclass
class Plain:
    n: int


class Strict(pydantic.BaseModel):
    n: int


class Packed(msgspec.Struct):
    n: int


@pytest.mark.parametrize("params", [{"n": 1}, Plain(1), Strict(n=1), Packed(1)])
def test_params_may_be_of_any_kind_that_has_members(params: Any):
    script = Script([job(202)])
    script.play(script.decisions().submit("report", params))
    assert json.loads(script.sent[0].body)["params"] == {"n": 1}  # type: ignore[arg-type]


def test_an_idempotency_key_that_no_header_carries_is_refused_before_anything_is_sent():
    script = Script([])
    with pytest.raises(ValueError, match="1 to 255"):
        script.play(script.decisions().submit("report", key="a\nb"))


# ── wait ──


def wait(script: Script, **more: Any) -> Any:
    decisions = script.decisions()
    tracked = script.play(decisions.submit("report"))
    return script.play(decisions.wait(tracked, **more))


def test_a_young_job_is_held_for_five_seconds_in_all_and_polled_after_that():
    script = Script([job(202), UNCHANGED, job(etag='"2"', wait=2), UNCHANGED, succeeded()])
    assert wait(script).status == "succeeded"
    assert script.headers("Prefer") == [None, "wait=5", None, None, None]
    assert script.slept == [1.0, 2.0, 1.0]


def test_a_job_that_is_older_is_not_held_at_all():
    script = Script([job(202, wait=5), UNCHANGED, succeeded()])
    wait(script)
    assert script.headers("Prefer") == [None, None, None]
    assert script.slept == [5.0, 1.0]


def test_a_poll_carries_the_last_tag():
    script = Script([job(202), job(etag='"2"', wait=2), UNCHANGED, succeeded()])
    wait(script)
    assert script.headers("If-None-Match") == [None, '"1"', '"2"', '"2"']


def test_a_service_that_does_not_hold_is_not_asked_in_a_rush():
    script = Script([job(202), *[UNCHANGED] * 8, succeeded()], holds=False)
    wait(script)
    held = [one for one in script.headers("Prefer") if one]
    assert len(held) <= 5
    assert len(script.slept) == 9 - len(held)


def test_each_change_is_shown_once():
    moved: Any = {"progress": {"percent": 50.0, "message": "half"}}
    script = Script([job(202), job(etag='"2"', **moved), UNCHANGED, succeeded()])
    shown: list[Any] = []
    wait(script, on_progress=shown.append)
    assert [one.progress and one.progress.percent for one in shown] == [None, 50.0, None]


def test_a_wait_ends_at_the_callers_limit_and_tells_the_job():
    script = Script([job(202, wait=5), *[Answer(304, {"retry-after": "5"})] * 9])
    began = script.now
    with pytest.raises(errors.TimedOut) as raised:
        wait(script, until=began + 12)
    assert script.now == began + 12
    assert raised.value.job is not None
    assert isinstance(raised.value, TimeoutError)


def test_a_limit_ends_repeated_requests_too():
    script = Script([job(202, wait=5), *[LOST] * 9])
    with pytest.raises(errors.TimedOut):
        wait(script, until=script.now + 8)
    assert script.now <= 1_008


def test_events_come_once_each_in_their_order():
    def page(*messages: str, following: str | None = None) -> Answer:
        at = "2026-11-22T08:15:30.123Z"
        events = [{"at": at, "type": "log", "message": one} for one in messages]
        return Answer(200, {}, json.dumps({"events": events, "next": following}).encode())

    pages = [page("a", following="http://other.test/jobs/j1/events?cursor=c"), page("b")]
    script = Script([*pages, page("b", "c"), page("b", "c")])
    tail, decisions = Tail(), script.decisions()
    found = [script.play(decisions.news("j1", tail)) for _ in range(3)]
    assert [[one.message for one in batch] for batch in found] == [["a", "b"], ["c"], []]
    assert all(one.url.startswith("http://service.test/") for one in script.sent)


# ── results ──


@pytest.mark.parametrize("kind", [Plain, Strict, Packed])
def test_a_result_is_of_the_type_that_the_caller_names(kind: Any):
    script = Script([])
    tracked = Tracked("j1", msgspec.json.decode(succeeded({"n": 3}).body, type=Job))
    assert script.play(script.decisions().result(tracked, kind)) == kind(n=3)


@pytest.mark.parametrize("kind", [Plain, Strict, Packed])
def test_a_result_of_another_type_says_what_does_not_fit(kind: Any):
    script = Script([])
    tracked = Tracked("j1", msgspec.json.decode(succeeded({"n": "x"}).body, type=Job))
    with pytest.raises(errors.WrongResult, match=kind.__name__):
        script.play(script.decisions().result(tracked, kind))


def test_a_large_result_is_fetched_from_the_store_without_credentials():
    there = Answer(303, {"location": "http://store.test/r"})
    script = Script([succeeded(None), there, Answer(200, {}, b"[1]")])
    assert script.play(script.decisions().result(Tracked("j1"))) == [1]
    assert urls(script)[1:] == ["GET /jobs/j1/result", "GET /r"]
    assert "Authorization" not in script.sent[2].headers


def test_a_failed_job_raises_with_its_error():
    error = {"type": "/problems/attempt-failed", "title": "The task failed", "detail": "No header."}
    script = Script([ended("failed", error=error)])
    with pytest.raises(errors.JobFailed, match=r"The task failed: No header\.") as raised:
        script.play(script.decisions().result(Tracked("j1")))
    assert raised.value.error is not None


def test_a_canceled_job_raises_too():
    script = Script([ended("canceled")])
    with pytest.raises(errors.JobCanceled):
        script.play(script.decisions().result(Tracked("j1")))


# ── downloads ──


def test_a_download_goes_on_where_it_broke_off_with_a_fresh_url_when_the_first_expired(
    tmp_path: Path,
):
    def whole(send: Send) -> Answer:
        assert send.into is not None
        send.into.path.write_bytes(b"abcdef")
        return Answer(206 if send.into.offset else 200, {})

    there = Answer(303, {"location": "http://store.test/r"})
    broke = Broken("reset", connected=True, received=4)
    script = Script([there, broke, Answer(403, {}), there, whole])
    artifact = Artifact("a.txt", "text/plain", 6)
    path = script.play(script.decisions().download(Tracked("j1"), artifact, tmp_path))
    assert script.headers("Range") == [None, None, "bytes=4-", None, None]
    assert path == tmp_path / "a.txt"
    assert [one.name for one in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/b"])
def test_an_artifact_is_written_nowhere_but_in_the_folder(tmp_path: Path, name: str):
    script = Script([])
    artifact = Artifact(name, "text/plain", 6)
    with pytest.raises(errors.TransferFailed, match="no file's name"):
        script.play(script.decisions().download(Tracked("j1"), artifact, tmp_path))


# ── control ──


def test_a_retry_whose_answer_was_lost_happens_once():
    script = Script([ended("failed"), LOST, problem(412), job()])
    script.play(script.decisions().retry(Tracked("j1")))
    assert script.headers("If-Match") == [None, '"9"', '"9"', None]


def test_a_retry_that_the_service_refuses_is_refused():
    script = Script([job(), problem(409, "job-not-retryable")])
    with pytest.raises(errors.Refused) as raised:
        script.play(script.decisions().retry(Tracked("j1")))
    assert raised.value.slug == "job-not-retryable"


def test_an_erase_whose_answer_was_lost_has_happened():
    script = Script([LOST, problem(404)])
    script.play(script.decisions().erase(Tracked("j1")))
    assert len(script.sent) == 2


def test_an_erase_of_an_unknown_job_is_refused():
    script = Script([problem(404)])
    with pytest.raises(errors.Refused):
        script.play(script.decisions().erase(Tracked("j1")))


# ── what is repeated, and for how long ──


def test_a_refusal_carries_the_problem_document_and_is_not_repeated():
    faults = [{"pointer": "/params/source", "detail": "It is missing."}]
    script = Script([problem(422, "invalid-request", errors=faults)])
    with pytest.raises(errors.Refused, match="/params/source: It is missing") as raised:
        script.play(script.decisions().submit("report"))
    assert (raised.value.status, raised.value.errors) == (422, faults)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_service_is_asked_again_when_it_says_so(status: int):
    script = Script([problem(status, wait="7"), Answer(200, {}, b'{"tasks": []}')])
    assert script.play(script.decisions().tasks()) == []
    assert script.slept == [7.0]


def test_a_service_that_stays_busy_is_given_up_in_time():
    script = Script([problem(503)] * 99)
    with pytest.raises(errors.Unavailable) as raised:
        script.play(script.decisions(retry_for=30).tasks())
    assert raised.value.status == 503
    assert sum(script.slept) <= 30


def test_a_service_that_asks_for_more_time_than_the_caller_has_is_given_up_at_once():
    script = Script([problem(429, wait="3600")])
    with pytest.raises(errors.Unavailable):
        script.play(script.decisions().tasks())
    assert script.slept == []


def test_a_defect_of_the_service_is_asked_three_times():
    script = Script([problem(500)] * 9)
    with pytest.raises(errors.Unavailable):
        script.play(script.decisions().tasks())
    assert len(script.sent) == 3


def test_a_url_at_which_nothing_listens_is_told_soon():
    script = Script([REFUSED_CONNECTION] * 9)
    with pytest.raises(errors.Unreachable, match=r"service\.test does not answer"):
        script.play(script.decisions().tasks())
    assert len(script.sent) == 3


def test_a_service_that_answered_before_is_waited_for_while_it_restarts():
    tasks = Answer(200, {}, b'{"tasks": []}')
    script = Script([tasks, *[REFUSED_CONNECTION] * 6, tasks])
    decisions = script.decisions()
    script.play(decisions.tasks())
    assert script.play(decisions.tasks()) == []


def test_pauses_grow_and_end_at_eight_seconds():
    script = Script([*[LOST] * 9, Answer(200, {}, b'{"tasks": []}')])
    script.play(script.decisions().tasks())
    assert script.slept == [0.25, 0.5, 1, 2, 4, 8, 8, 8, 8]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {"content-type": "text/html"}, b"<html>"),
        Answer(404, {"content-type": "text/html"}, b"<html>"),
        Answer(403, {"content-type": "application/json"}, b'{"message": "Forbidden"}'),
        Answer(301, {"location": "https://service.test/"}),
        Answer(200, {"content-type": "application/json"}, b"\xff"),
    ],
)
def test_what_is_no_overtime_api_is_called_so(answer: Answer):
    script = Script([answer])
    with pytest.raises(errors.NotOvertime, match="Check the URL"):
        script.play(script.decisions().tasks())


def test_a_date_in_retry_after_is_read_by_the_services_clock():
    headers = {
        "retry-after": "Sun, 06 Nov 1994 08:49:47 GMT",
        "date": "Sun, 06 Nov 1994 08:49:37 GMT",
    }
    assert retry_after(Answer(503, headers)) == 10


@pytest.mark.parametrize("text", ["", "soon", "-1", "²"])
def test_a_retry_after_that_says_nothing_counts_as_none(text: str):
    assert retry_after(Answer(503, {"retry-after": text})) is None


@pytest.mark.parametrize(
    ("wrong", "write"),
    [("localhost:8000", "http://localhost:8000"), ("ftp://a.test", "http://a.test")],
)
def test_a_url_that_is_none_says_what_to_write(wrong: str, write: str):
    with pytest.raises(ValueError, match=f"in full: {write}"):
        checked_url(wrong)


@pytest.mark.parametrize("token", ["a b", "a\nb", "ä"])
def test_a_token_that_no_header_carries_is_refused(token: str):
    with pytest.raises(ValueError, match="token"):
        checked_token(token)
