"""A request as the views see it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from chalice.app import Request
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain import values
from chalicelib.domain.errors import InvalidRequest, MalformedRequest
from chalicelib.http.requests import Call, SubmitBody, base_of
from tests.unit.harness import peak_bytes

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # neither a lone surrogate nor NUL
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)


def request(body: str | bytes = "", **event: Any) -> Request:
    return Request(
        {
            "headers": {},
            "multiValueQueryStringParameters": None,
            "pathParameters": None,
            "stageVariables": None,
            "body": body,
            "requestContext": {"httpMethod": "POST", "resourcePath": "/jobs", "path": "/jobs"},
            **event,
        }
    )


def call(body: str | bytes = "", **event: Any) -> Call:
    made, base = request(body, **event), "https://example.com"
    return Call(made, "ada", base, lambda: (b"secret",), 25, lambda: 0, dict, lambda _: None)


def submit_body(params: Any, **more: Any) -> SubmitBody:
    return call(json.dumps({"task": "t", "params": params, **more})).body(SubmitBody)


# ── bodies ──


@given(st.dictionaries(st.text("abc"), JSON))
def test_params_arrive_as_they_were_sent(params: dict[str, Any]) -> None:
    assert submit_body(params).params == params


def test_a_whole_number_is_an_int_as_far_as_doubles_are_exact() -> None:
    params: Any = submit_body({"a": 1.0, "b": [-2.0, 2.5], "c": {"d": 1e15}, "e": 1e300}).params
    kinds = [type(n) for n in (params["a"], *params["b"], params["c"]["d"], params["e"])]
    assert kinds == [int, int, float, int, float]


def test_a_number_that_is_long_as_an_integer_stays_a_float() -> None:
    body = b'{"task": "t", "params": {"x": [' + b",".join([b"1e308"] * 100_000) + b"]}}"
    assert peak_bytes(lambda: call(body).body(SubmitBody)) < 60 * 100_000  # 24 of each float


def test_python_reads_the_floats_of_a_body(monkeypatch: pytest.MonkeyPatch) -> None:
    """msgspec takes 10 µs for one like 1e308, and a body holds 400,000."""
    read: list[str] = []

    def reading(text: str) -> float:
        read.append(text)
        return float(text)

    monkeypatch.setattr(values, "_decoder", msgspec.json.Decoder(float_hook=reading))
    body = b'{"task": "t", "params": {"x": [1e308, 1.7976931348623157e308, 2]}}'
    assert call(body).body(SubmitBody).params == {"x": [1e308, 1.7976931348623157e308, 2]}
    assert read == ["1e308", "1.7976931348623157e308"]


def test_a_long_name_above_many_values_is_refused_in_the_memory_of_the_body_itself() -> None:
    body = json.dumps({"task": "t", "params": {"x" * 1_000_000: ["\0"] * 500}}).encode()

    def refused() -> None:
        with pytest.raises(InvalidRequest) as error:
            call(body).body(SubmitBody)
        [fault] = error.value.errors
        assert fault.pointer == "/params"
        assert "has 1000000 characters; 256 are allowed" in fault.detail

    assert peak_bytes(refused) < 3 * len(body)


def test_a_name_may_have_256_characters() -> None:
    assert submit_body({"ä" * 256: 1}).params == {"ä" * 256: 1}
    with pytest.raises(InvalidRequest):
        submit_body({"a": [{"ä" * 257: 1}]})


@given(st.datetimes(timezones=st.timezones()))
def test_run_at_is_exact_to_the_millisecond(moment: datetime) -> None:
    try:
        text = moment.isoformat(timespec="milliseconds")
        expected = datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)
    except OverflowError:
        return
    if text[-3] != ":" or text[-6] not in "+-":  # an offset with seconds is not RFC 3339's
        return
    assert submit_body({}, run_at=text).run_at_ms == expected // timedelta(milliseconds=1)


@given(st.binary(max_size=50))
def test_any_bytes_are_a_body_or_refused(body: bytes) -> None:
    with pytest.raises((InvalidRequest, MalformedRequest)):
        call(body).body(SubmitBody)


@given(JSON)
def test_any_json_is_a_submit_or_refused(value: Any) -> None:
    with pytest.raises(InvalidRequest) as refused:
        call(msgspec.json.encode(value)).body(SubmitBody)
    assert refused.value.errors


# ── headers ──


def test_a_header_without_repetitions_is_taken_from_either_place() -> None:
    assert call(headers={"Cancel-After": "5s"}).cancel_after == 5_000
    assert call(multiValueHeaders={"cancel-AFTER": [" 5s\t"]}).cancel_after == 5_000
    both = call(headers={"cancel-after": "5s"}, multiValueHeaders={"Cancel-After": ["5s"]})
    assert both.cancel_after == 5_000
    assert call().cancel_after is None


def test_repetitions_under_different_spellings_are_repetitions() -> None:
    twice = {"Idempotency-Key": ["a"], "idempotency-key": ["a"]}
    with pytest.raises(MalformedRequest, match="2 times"):
        _ = call(multiValueHeaders=twice).idempotency_key


def test_lists_are_joined_across_lines() -> None:
    lines = {"If-None-Match": ['"a"', 'W/"b"'], "Prefer": ["x", "wait=3"]}
    asked = call(multiValueHeaders=lines)
    assert asked.if_none_match == '"a", W/"b"'
    assert asked.header_list("prefer") == "x, wait=3"


# ── queries ──


def query(path: str = "/jobs", **parameters: list[str]) -> Call:
    return call(
        multiValueQueryStringParameters=parameters or None,
        pathParameters={"job_id": "1"},
        requestContext={"resourcePath": path, "path": path, "httpMethod": "GET"},
    )


def test_a_cursor_brings_its_position_back() -> None:
    first = query(status=["queued"]).list_query("status", "task")
    assert (first.position, first.limit, first.status) == (None, 20, "queued")
    cursor = first.following("after this")
    assert cursor is not None
    assert first.following(None) is None
    again = query(status=["queued"], cursor=[cursor], limit=["5"]).list_query("status", "task")
    assert (again.position, again.limit) == ("after this", 5)


def test_filters_with_the_same_text_are_not_the_same_list() -> None:
    cursor = query(status=["queued"]).list_query("status", "task").following("x")
    with pytest.raises(MalformedRequest):
        query(task=["queued"], cursor=[str(cursor)]).list_query("status", "task")
    with pytest.raises(MalformedRequest):
        query("/jobs/{job_id}/events", cursor=[str(cursor)]).list_query()


# ── links ──


def base(
    public_url: str | None = None, headers: dict[str, str] | None = None, **context: str
) -> str:
    asked = {"httpMethod": "GET", "resourcePath": "/jobs", "path": "/jobs", **context}
    return base_of(request(headers=headers or {}, requestContext=asked), public_url)


def test_on_this_machine_links_begin_with_the_host_that_was_asked() -> None:
    assert base(headers={"Host": "localhost:8000"}) == "http://localhost:8000"
    assert base() == "http://localhost"


@pytest.mark.parametrize(
    ("public", "host", "found"),
    [
        ("http://127.0.0.1:8000", "localhost:8000", "http://localhost:8000"),
        ("http://localhost:8000/", "127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost/api", "127.0.0.1", "http://127.0.0.1/api"),
        ("http://127.0.0.1:8000", "localhost:8001", "http://127.0.0.1:8000"),
        ("http://127.0.0.1:8000", "evil.example:8000", "http://127.0.0.1:8000"),
        ("https://jobs.example.com", "localhost", "https://jobs.example.com"),
    ],
)
def test_links_keep_the_name_by_which_this_machine_was_called(
    public: str, host: str, found: str
) -> None:
    assert base(public, {"Host": host}) == found
    forwarded = {"X-Forwarded-Host": "localhost:8000", "Forwarded": "host=localhost:8000"}
    assert base(public, forwarded) == public.rstrip("/")


@pytest.mark.parametrize(
    ("resource", "path", "found"),
    [
        ("/", "/", ""),
        ("/", "/prod", "/prod"),
        ("/", "/prod/", "/prod"),
        ("/jobs", "/jobs/jobs", "/jobs"),
        ("/jobs/{job_id}", "/prod/jobs/jobs", "/prod"),
    ],
)
def test_links_begin_with_what_precedes_the_route(resource: str, path: str, found: str) -> None:
    links = base(domainName="example.com", resourcePath=resource, path=path)
    assert links == f"https://example.com{found}"
