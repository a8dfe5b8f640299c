"""Whatever comes in, the answer is a problem that says what to change, and nothing is stored."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from chalicelib.http.bodies import BODY_AT_MOST
from chalicelib.tasks import Job, task
from tests.api.harness import Service, is_problem, pointers

FORM = "application/x-www-form-urlencoded"  # what curl -d sends unless told otherwise


def raw(service: Service, body: bytes, **headers: str) -> Any:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return service.request("POST", "/jobs", sent, body)


def echo(params: str) -> bytes:
    return b'{"task": "echo", "params": %s}' % params.encode()


# ── what is not JSON: 400 ──


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"task": "echo", "params": {}',
        b'{"task": "echo", "params": {}} {}',
        b"{'task': 'echo', 'params': {}}",
        b'{"task": "echo", "params": {},}',
        b'{"task": "echo", "params": {"text": "\n"}}',
        b'{"task": "echo", "params": {"text": "\\x41"}}',
        b'{"task": "echo", "params": {"text": "\xff\xfe"}}',
        b'{"task": "echo", "params": {"text": "\\ud800"}}',
        b'{"task": "echo", "params": {"text": "\\udc00\\ud800"}}',
        b'{"task": "echo", "params": {"text": "\xed\xa0\x80"}}',
        b'\xef\xbb\xbf\xef\xbb\xbf{"task": "echo", "params": {}}',
        '{"task": "echo", "params": {}}'.encode("utf-16"),
        b"task=echo",
        b"\x00",
    ],
)
def test_what_is_not_json_is_refused(service: Service, body: bytes) -> None:
    assert is_problem(raw(service, body), 400, "malformed-request")
    assert service.nothing_is_stored()


def test_a_byte_order_mark_before_json_is_taken(service: Service) -> None:
    assert raw(service, b"\xef\xbb\xbf" + echo("{}")).status_code == 202


@pytest.mark.parametrize("text", [b"caf\xe9", "caf\ufffd".encode()])
def test_a_body_that_is_not_utf_8_is_named_as_such(service: Service, text: bytes) -> None:
    """What API Gateway hands on has U+FFFD in the place of such bytes."""
    answer = raw(service, b'{"task": "echo", "params": {"text": "%s"}}' % text)
    assert is_problem(answer, 400, "malformed-request")
    assert "UTF-8" in answer.json_body["detail"]
    assert service.nothing_is_stored()
    assert raw(service, echo('{"text": "\\ufffd"}')).status_code == 202


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "identity, gzip"])
def test_a_compressed_body_is_refused_by_name(service: Service, encoding: str) -> None:
    answer = raw(service, gzip.compress(echo("{}")), Content_Encoding=encoding)
    assert is_problem(answer, 415, "unsupported-media-type")
    assert f"Content-Encoding: {encoding}" in answer.json_body["detail"]
    assert raw(service, echo("{}"), Content_Encoding="identity").status_code == 202


@pytest.mark.parametrize(
    "number", ["1e400", "-1e400", "NaN", "Infinity", "01", "1.", "0x1", "9" * 5_000]
)
def test_a_number_that_json_cannot_hold_is_refused(service: Service, number: str) -> None:
    answer = raw(service, echo(f'{{"number": {number}}}'))
    assert is_problem(answer, 400, "malformed-request")
    assert service.nothing_is_stored()


@pytest.mark.parametrize("depth", [63, 5_000, 400_000])
def test_a_body_nested_too_deeply_is_refused(service: Service, depth: int) -> None:
    nested = "[" * depth + "]" * depth
    assert is_problem(raw(service, echo(f'{{"files": {nested}}}')), 400, "malformed-request")
    nested = '{"a":' * depth + "1" + "}" * depth
    assert is_problem(raw(service, echo(nested)), 400, "malformed-request")
    assert service.nothing_is_stored()


def test_a_body_may_be_nested_64_levels_deep(service: Service) -> None:
    answer = raw(service, echo('{"files": %s}' % ("[" * 61 + "]" * 61)))
    assert is_problem(answer, 422, "invalid-request")  # wrong for the task, but read


# ── what is JSON of the wrong shape: 422, with pointers ──


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (None, ""),
        ([], ""),
        ("echo", ""),
        (1, ""),
        ({"task": "echo"}, "/params"),
        ({"params": {}}, "/task"),
        ({"task": None, "params": {}}, "/task"),
        ({"task": 1, "params": {}}, "/task"),
        ({"task": ["echo"], "params": {}}, "/task"),
        ({"task": "e" * 65, "params": {}}, "/task"),
        ({"task": "echo", "params": None}, "/params"),
        ({"task": "echo", "params": []}, "/params"),
        ({"task": "echo", "params": "{}"}, "/params"),
        ({"task": "echo", "params": {}, "id": "1"}, "/id"),
        ({"task": "echo", "params": {}, "Task": "echo"}, "/Task"),
        ({"task": "echo", "params": {}, "webhook": {"url": "https://example.com"}}, "/webhook"),
        ({"task": "echo", "params": {}, "a/b~c": 1}, "/a~1b~0c"),
        ({"task": "echo", "params": {}, "": 1}, "/"),
    ],
)
def test_a_fault_in_a_body_has_its_place(service: Service, body: Any, pointer: str) -> None:
    answer = raw(service, json.dumps(body).encode())
    assert is_problem(answer, 422, "invalid-request")
    assert pointers(answer) == [pointer]
    assert service.nothing_is_stored()


def test_every_fault_in_a_body_is_reported_at_once(service: Service) -> None:
    answer = service.post("/jobs", {"task": 1, "params": [], "webhook": {"events": []}, "id": "1"})
    assert is_problem(answer, 422, "invalid-request")
    told = ["/task", "/params", "/webhook/url", "/webhook/events", "/id"]
    assert sorted(pointers(answer)) == sorted(told)


@pytest.mark.parametrize(
    ("task", "params", "where"),
    [
        ("echo", {"text": 1}, ["/params/text"]),
        ("echo", {"number": "1"}, ["/params/number"]),
        ("echo", {"number": True}, ["/params/number"]),
        ("echo", {"number": 10**400}, ["/params/number"]),
        ("echo", {"files": [""] * 3 + [None]}, ["/params/files/3"]),
        ("echo", {"txet": "a", "numbre": 1}, ["/params/txet", "/params/numbre"]),
        ("order", {}, ["/params/lines"]),
        (
            "order",
            {"lines": [{"article": "a"}, {"piece": 1}]},
            ["/params/lines/1/article", "/params/lines/1/piece"],
        ),
        ("order", {"lines": [{"article": "a", "piece": 1}]}, ["/params/lines/0/piece"]),
        (
            "order",
            {"lines": [], "notes": {"a/b": {"article": "a", "x": 1}}},
            ["/params/notes/a~1b/x"],
        ),
        ("order", {"lines": [], "notes": {"a/b": {"article": 1}}}, ["/params/notes/a~1b/article"]),
        ("letter", {"to": {"town": "Oslo"}, "pages": 0}, ["/params/pages"]),
        ("letter", {"to": {}, "pages": 100}, ["/params/to/town", "/params/pages"]),
        ("letter", {"to": {"town": "Oslo", "twon": ""}}, ["/params/to/twon"]),
        ("letter", {"to": {"town": "Oslo"}, "form": ""}, ["/params/form"]),
        ("big", {"anything": 1}, ["/params/anything"]),
    ],
)
def test_a_fault_in_params_has_its_place(
    service: Service, task: str, params: Any, where: list[str]
) -> None:
    answer = service.submit(task, params)
    assert is_problem(answer, 422, "invalid-request")
    assert pointers(answer) == where
    assert service.nothing_is_stored()


@pytest.mark.parametrize(
    ("params", "where"),
    [
        ('{"text": "a\\u0000b"}', ["/params/text"]),
        ('{"a\\u0000": {"b": "\\u0000"}}', ["/params/a\0", "/params/a\0/b"]),
    ],
)
def test_text_may_not_hold_nul(service: Service, params: str, where: list[str]) -> None:
    answer = raw(service, echo(params))
    assert is_problem(answer, 422, "invalid-request")
    assert pointers(answer) == where
    assert service.nothing_is_stored()


def test_an_answer_to_very_many_unknown_members_is_short(service: Service) -> None:
    answer = service.submit("echo", {f"{number:x}": 1 for number in range(200_000)})
    assert is_problem(answer, 422, "invalid-request")
    assert len(pointers(answer)) == 100
    assert "first 100 errors" in answer.json_body["detail"]
    assert len(answer.body) < 20_000, "Lambda answers no more than 6 MB"


def test_an_answer_to_a_key_that_comes_with_very_much_else_is_short(service: Service) -> None:
    @task("open")
    def open_(job: Job, params: dict[str, int]) -> None: ...

    service.does(open_)
    for value in (1, 2):
        params = {f"{number:x}": value for number in range(200_000)}
        answer = service.submit("open", params, Idempotency_Key="k")
    assert is_problem(answer, 422, "idempotency-key-reused")
    assert len(pointers(answer)) == 100
    assert "first 100 errors" in answer.json_body["detail"]
    assert len(answer.body) < 20_000


def test_a_name_that_is_a_megabyte_long_is_not_repeated(service: Service) -> None:
    for body in ({"task": "echo", "params": {"x" * 1_000_000: 1}}, {"y" * 1_000_000: 1}):
        answer = raw(service, json.dumps(body).encode())
        assert is_problem(answer, 422, "invalid-request")
        assert len(answer.body) < 5_000


# ── what is not even read: 413, 415 ──


def test_a_body_may_have_2_5_mib_and_no_more(service: Service) -> None:
    frame = len(echo('{"text": ""}'))
    fits = echo('{"text": "%s"}' % ("x" * (BODY_AT_MOST - frame)))
    assert len(fits) == 2.5 * 1024**2
    assert is_problem(raw(service, fits + b" "), 413, "body-too-large")
    assert service.nothing_is_stored()
    assert raw(service, fits).status_code == 202


def test_the_size_of_a_body_is_counted_in_bytes(service: Service) -> None:
    many = echo('{"text": "%s"}' % ("\U0001f9ea" * 700_000))
    assert is_problem(raw(service, many), 413, "body-too-large")


@pytest.mark.parametrize(
    "content_type", [FORM, "text/plain", "application/jsonx", "json", "application/xml", "*/*", ";"]
)
@pytest.mark.parametrize("path", ["/jobs", "/uploads"])
def test_a_body_that_is_announced_as_something_else_is_refused(
    service: Service, path: str, content_type: str
) -> None:
    body = {"task": "echo", "params": {}} if path == "/jobs" else {"size": 1}
    answer = service.post(path, body, Content_Type=content_type)
    assert is_problem(answer, 415, "unsupported-media-type")
    assert service.nothing_is_stored()


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON ; charset=utf-8"])
def test_json_may_be_announced_with_parameters(service: Service, content_type: str) -> None:
    assert service.submit(Content_Type=content_type).status_code == 202


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_calls_without_a_body_take_what_curl_announces(service: Service, action: str) -> None:
    job_id = service.submitted()
    if action == "retry":
        service.post(f"/jobs/{job_id}/cancel")
    answer = service.request("POST", f"/jobs/{job_id}/{action}", {"Content-Type": FORM})
    assert answer.status_code in (200, 202)


# ── hostile paths ──

HOSTILE = [
    "..",
    "%2e%2e%2f%2e%2e%2fetc",
    "%00",
    "0" * 31 + "%00",
    "0" * 32 + "%0a",
    "x" * 10_000,
    "%f0%9f%a7%aa",
    "%ff",
    "{job_id}",
    "%22%3e%3cscript%3e",
    "job",
    "*",
    " ",
]


@pytest.mark.parametrize("job_id", HOSTILE)
def test_an_id_that_cannot_be_one_is_404_and_never_reaches_the_store(
    service: Service, job_id: str
) -> None:
    class Untouched:
        def __getattr__(self, verb: str) -> Any:
            raise AssertionError(f"{verb} was called")

    service.replace(jobs=Untouched())
    for path in ("", "/result", "/events", "/artifacts/x"):
        assert is_problem(service.get(f"/jobs/{job_id}{path}"), 404, "not-found")
    for action in ("cancel", "retry"):
        assert is_problem(service.post(f"/jobs/{job_id}/{action}"), 404, "not-found")
    assert is_problem(service.delete(f"/jobs/{job_id}"), 404, "not-found")
