"""The fetch task: polite to third parties, plain with its own clients."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.errors import InvalidRequest, Unavailable
from chalicelib.tasks import AnswerBrokeOff, AnswerTooLarge, HttpResponse, retry_after
from chalicelib.tasks.fetch import fetch
from chalicelib.testing import Bench, Done

URL = "https://api.example.com/things"
JSON = {"content-type": "application/json"}
NOW = 1_445_412_000.0  # Wed, 21 Oct 2015 07:20:00 GMT


def run(*answers: HttpResponse | Exception, **params: Any) -> tuple[Done, Bench]:
    bench = Bench()
    for answer in answers:
        bench.answers(params.get("method", "GET"), URL, answer)
    return bench.run(fetch, {"url": URL, **params}), bench


def error_of(done: Done) -> str:
    assert done.status == "failed"
    assert done.error is not None
    return done.error.detail


# ── what comes back ──


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/problem+json"])
def test_json_comes_back_as_json(kind):
    done, _ = run(HttpResponse(200, {"content-type": kind}, b'{"n": 12345678901234567890}'))
    headers = {"content-type": kind}
    assert done.result == {"status": 200, "headers": headers, "json": {"n": 12345678901234567890}}


def test_short_text_comes_back_as_text():
    done, _ = run(HttpResponse(200, {"content-type": "text/plain"}, "žlutý".encode()))
    assert done.result["text"] == "žlutý"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b'["' + b"x" * 20_000 + b'"]'),
        ("application/json", b'{"cut": '),
        ("application/json", b"[" * 10_000),
        ("text/plain", b"caf\xe9"),
        ("text/plain; charset=klingon", b"nuqneH"),
        ("text/plain; charset=hex", b"00"),
        ("text/plain; charset=unicode_escape", b"\\ud800"),
        ("application/json", b"1e999"),
        ("application/json", b'"\\ud800"'),
        ("image/png", b"\x89PNG"),
        ("", b"anything"),
        ("image/\xe9", b"anything"),
    ],
    ids=[
        *("long", "no-json", "deep", "no-utf-8", "no-charset", "no-text", "half-a-character"),
        *("no-number", "no-string", "binary", "unsaid", "no-type"),
    ],
)
def test_whatever_else_comes_back_byte_for_byte_as_an_artifact(kind, body):
    done, _ = run(HttpResponse(200, {"content-type": kind}, body))
    assert done.result["artifact"] == "body"
    assert done.artifacts == {"body": body}
    assert not done.result.keys() & {"json", "text"}


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("image/png", "image/png"),
        ("", "application/octet-stream"),
        ("a\nb", "application/octet-stream"),
        ("image/\xe9", "application/octet-stream"),
        ("image/png;\tq=1", "application/octet-stream"),
        (" image/png", "application/octet-stream"),
        ("image/png; a=" + "b" * 187, "image/png; a=" + "b" * 187),
        ("image/png; a=" + "b" * 188, "application/octet-stream"),
    ],
)
def test_an_artifact_keeps_its_type_unless_it_cannot_be_stored(said, kept):
    answer = HttpResponse(200, {"content-type": said}, b"?")
    done, bench = run(answer, method="POST")
    ((artifact,),) = (job.artifacts for job in bench.jobs.records.values())
    assert artifact.content_type == kept
    assert (done.status, len(bench.web.requests)) == ("succeeded", 1)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/plain; charset=ISO-8859-1", "žlutý".encode("iso-8859-2")),
        ('text/plain;CHARSET="iso-8859-2"', "žlutý".encode("iso-8859-2")),
        ("text/plain; charset='utf-16'; format=flowed", "žlutý".encode("utf-16")),
        ("text/plain; charset=utf-8", b"\xef\xbb\xbf" + "žlutý".encode()),
    ],
)
def test_text_is_decoded_as_its_type_declares(kind, body):
    done, _ = run(HttpResponse(200, {"content-type": kind}, body))
    expected = "¾lutý" if "8859-1" in kind else "žlutý"
    assert done.result["text"] == expected


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"\xef\xbb\xbf" + '{"a": "ž"}'.encode()),
        ("application/json; charset=utf-16", '{"a": "ž"}'.encode("utf-16")),
        ("application/json; charset=iso-8859-2", '{"a": "ž"}'.encode("iso-8859-2")),
    ],
)
def test_json_is_decoded_as_its_type_declares(kind, body):
    done, _ = run(HttpResponse(200, {"content-type": kind}, body))
    assert done.result["json"] == {"a": "ž"}


def test_a_body_that_is_still_compressed_comes_as_it_is_and_says_so():
    headers = {**JSON, "content-encoding": "br"}
    done, _ = run(HttpResponse(200, headers, b'"x"'))
    assert done.artifacts == {"body": b'"x"'}
    assert done.result["headers"]["content-encoding"] == "br"


def test_an_answer_without_a_body_has_none():
    done, _ = run(HttpResponse(204, {}, b""), method="DELETE")
    assert (done.result, done.artifacts) == ({"status": 204, "headers": {}}, {})


def test_headers_that_may_hold_secrets_are_not_shown():
    headers = {"etag": '"1"', "set-cookie": "session=1", "www-authenticate": "Bearer"}
    done, _ = run(HttpResponse(200, headers, b""))
    assert done.result["headers"] == {"etag": '"1"'}


def test_a_status_that_was_expected_is_success():
    done, _ = run(HttpResponse(404, JSON, b"null"), expect=[200, 404])
    assert done.result["status"] == 404


# ── what goes out ──


def test_a_body_is_sent_as_json_and_an_unsafe_call_carries_the_jobs_key():
    answers = OSError("reset"), HttpResponse(201, {}, b"")
    done, bench = run(*answers, method="POST", json={"a": [1]}, headers={"x-trace": "7"})
    assert done.status == "succeeded"
    (_, _, first, body), (_, _, second, _) = bench.web.requests
    assert body == b'{"a":[1]}'
    assert first == second  # the key, too
    assert first["Idempotency-Key"]
    assert (first["Content-Type"], first["X-Trace"]) == ("application/json", "7")


def test_the_content_type_can_be_said():
    sent = {"content-type": "application/merge-patch+json"}
    _, bench = run(HttpResponse(200, {}, b""), method="PATCH", json={}, headers=sent)
    ((_, _, headers, _),) = bench.web.requests
    assert headers["Content-Type"] == "application/merge-patch+json"
    assert len(headers) == 2


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_safe_call_has_no_key_and_no_body(method):
    _, bench = run(HttpResponse(200, {}, b""), method=method)
    assert bench.web.requests == [(method, URL, {}, None)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://example.com/"},
        {"url": "https://"},
        {"url": "httpss://example.com/"},
        {"method": "CONNECT"},
        {"json": {}},
        {"method": "HEAD", "json": {}},
        {"expect": [100]},
        {"timeout": 0},
        {"timeout": 600},
        {"headers": {"Host": "other.example.com"}},
        {"headers": {"content-length": "1"}},
        {"headers": {"Idempotency-Key": "mine"}},
        {"headers": {"X Y": "1"}},
        {"headers": {"X": "1\r\nHost: other.example.com"}},
        {"headers": {"X": "1\n"}},
        {"headers": {"X\n": "1"}},
    ],
)
def test_a_call_that_cannot_be_meant_is_refused_at_submit(wrong):
    with pytest.raises(InvalidRequest):
        run(HttpResponse(200, {}, b""), **wrong)


def test_a_scheme_may_be_written_in_upper_case():
    bench = Bench()
    bench.answers("GET", "HTTPS://api.example.com/", HttpResponse(200, {}, b""))
    assert bench.run(fetch, {"url": "HTTPS://api.example.com/"}).status == "succeeded"


# ── a call that was answered is not sent again ──


PART = HttpResponse(201, {"content-type": "application/json", "etag": '"1"'}, b'{"id": 7}')
CUT = [AnswerBrokeOff("It broke off.", PART), AnswerTooLarge("It is too large.", PART)]


@pytest.mark.parametrize("cut", CUT, ids=["broke-off", "too-large"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_call_with_an_effect_is_over_once_its_status_came(method, cut):
    done, bench = run(cut, method=method)
    assert (done.status, len(bench.web.requests)) == ("succeeded", 1)
    assert done.result == {
        "status": 201,
        "headers": PART.headers,
        "artifact": "body",
        "incomplete": True,
    }
    assert done.artifacts == {"body": PART.body}


def test_a_call_that_only_reads_is_sent_again_for_the_rest_of_its_answer():
    done, bench = run(CUT[0], HttpResponse(200, JSON, b"1"))
    assert (done.status, done.result["json"], len(bench.web.requests)) == ("succeeded", 1, 2)


def test_a_call_that_only_reads_fails_where_its_answer_is_too_large():
    done, bench = run(CUT[1])
    assert error_of(done) == "It is too large."
    assert len(bench.web.requests) == 1


@pytest.mark.parametrize("status", [503, 400])
def test_an_answer_that_was_not_wanted_is_judged_by_its_status_though_it_is_cut(status):
    cut = AnswerBrokeOff("It broke off.", HttpResponse(status, {}, b"no"))
    done, bench = run(cut, HttpResponse(200, {}, b""), method="POST")
    again = status == 503
    assert (done.status, len(bench.web.requests)) == (("succeeded", 2) if again else ("failed", 1))


def test_a_body_that_cannot_be_stored_sends_no_call_with_an_effect_again(monkeypatch):
    bench = Bench()
    bench.answers("POST", URL, HttpResponse(200, {}, b"\x00"))

    def put(*_):
        raise Unavailable("The bucket does not answer.")

    monkeypatch.setattr(bench.payloads, "put", put)
    done = bench.run(fetch, {"url": URL, "method": "POST"})
    assert done.result == {"status": 200, "headers": {}, "incomplete": True}
    assert done.logs == ["The answer's body could not be stored: The bucket does not answer."]
    assert len(bench.web.requests) == 1


# ── when it fails ──


@pytest.mark.parametrize("status", [301, 400, 401, 404, 409, 422])
def test_an_answer_that_will_not_change_fails_at_once(status):
    done, bench = run(HttpResponse(status, {}, b"no\n such   thing " * 1_000))
    said = error_of(done)
    assert said.startswith(f"api.example.com answered {status}. no such thing no such")
    assert len(said) < 600
    assert len(bench.web.requests) == 1


def test_a_status_that_was_not_expected_fails_though_it_is_a_success():
    done, _ = run(HttpResponse(200, {}, b""), expect=[201])
    assert error_of(done) == "api.example.com answered 200."


@pytest.mark.parametrize(
    "answer",
    [HttpResponse(status, {}, b"") for status in (408, 425, 429, 500, 502, 503, 504)]
    + [OSError("connection reset")],
    ids=str,
)
def test_what_may_change_is_tried_again(answer):
    done, bench = run(answer, answer, HttpResponse(200, JSON, b"1"))
    assert (done.status, done.attempts, done.result["json"]) == ("succeeded", 3, 1)
    assert len(bench.web.requests) == 3


@pytest.mark.parametrize("status", [429, 503])
def test_a_third_party_is_asked_again_when_it_says_and_not_before(status):
    bench = Bench()
    bench.answers("GET", URL, HttpResponse(status, {"retry-after": "1800"}, b"busy"))
    bench.answers("GET", URL, HttpResponse(200, {}, b""))
    before = bench.clock.now()
    done = bench.run(fetch, {"url": URL})
    assert (done.status, done.attempts) == ("succeeded", 2)
    assert 1_800_000 <= bench.clock.now() - before < 1_860_000


def test_it_gives_up_in_the_end_and_says_why():
    done, bench = run(HttpResponse(500, {}, b"out of order"))
    assert error_of(done) == "Refused: api.example.com answered 500. out of order"
    assert len(bench.web.requests) == done.attempts == 8


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 480),
        ("Wednesday, 21-Oct-15 07:28:00 GMT", 480),
        ("Wed Oct 21 07:28:00 2015", 480),
        ("Wed, 21 Oct 2015 07:00:00 GMT", 0),
        ("Wed, 21 Oct 2015 09:28:00 +0200", 480),
        ("Wed, 21 Oct 2015 02:28:00 EST", 480),
        ("Wed, 21 Oct 2015 07:28:00 -0000", 480),
        ("Wed, 21 Oct 2015 07:28:00", 480),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 86_400),
        ("9" * 5_000, 86_400),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("Wed, 21 Oct 99999 07:28:00 GMT", None),
        ("Wed, 21 Oct 99999999999999999999 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value, seconds):
    assert retry_after(value, NOW) == seconds
