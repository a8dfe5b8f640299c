"""What only API Gateway's own events show: repeated headers, base64, where a request came in."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from chalice.app import Request
from chalice.test import HTTPResponse

import app as app_module
from chalicelib.http.requests import base_of
from tests.api import gateway
from tests.api.harness import Context, Service, is_problem

BODY = {"task": "echo", "params": {}}
JSON = ("Content-Type", "application/json")


def submit(service: Service, *headers: tuple[str, str]) -> Any:
    return service.through_api_gateway("POST", "/jobs", [JSON, *headers], BODY)


@pytest.mark.parametrize(
    ("name", "value"), [("Idempotency-Key", "a"), ("Cancel-After", "5m"), JSON]
)
@pytest.mark.parametrize("other", ["same", "another"])
def test_a_header_that_may_come_once_is_refused_when_it_comes_twice(
    service: Service, name: str, value: str, other: str
) -> None:
    second = value if other == "same" else "b"
    headers = [JSON] if name != JSON[0] else []
    answer = service.through_api_gateway(
        "POST", "/jobs", [*headers, (name, value), (name, second)], BODY
    )
    assert is_problem(answer, 400, "malformed-request")
    assert name.lower() in answer.json_body["detail"]
    assert service.nothing_is_stored()


def test_several_lines_of_prefer_are_one_list(service: Service) -> None:
    answer = submit(
        service, ("Prefer", "handling=lenient"), ("Prefer", "wait=2"), ("Prefer", "wait=9")
    )
    assert answer.headers["Preference-Applied"] == "wait=2"
    assert service.clock.elapsed == 2


def test_several_lines_of_tags_are_one_list(service: Service) -> None:
    job_id = service.submitted()
    tag = service.etag(job_id)
    headers = [("If-None-Match", tag), ("If-None-Match", '"other"')]
    answer = service.through_api_gateway("GET", f"/jobs/{job_id}", headers)
    assert (answer.status_code, answer.body) == (304, b"")


def test_the_case_of_a_headers_name_does_not_count(service: Service) -> None:
    first = submit(service, ("idempotency-key", "a"))
    again = submit(service, ("IDEMPOTENCY-KEY", "a"))
    assert again.json_body["id"] == first.json_body["id"]


def test_a_request_without_headers_and_body_is_answered(service: Service) -> None:
    assert is_problem(service.through_api_gateway("POST", "/jobs", ()), 400, "malformed-request")
    assert service.through_api_gateway("GET", "/jobs", ()).status_code == 200


def test_a_body_in_base64_is_taken_for_what_it_is(service: Service) -> None:
    event = gateway.event(app_module.app.routes, "POST", "/jobs", [JSON])
    event |= {"body": base64.b64encode(b'{"task":"echo","params":{}}'), "isBase64Encoded": True}
    answer = HTTPResponse.create_from_dict(app_module.app(event, Context()))
    assert answer.status_code == 202


# ── where links lead ──


def base(path: str, public_url: str | None = None, **where: str) -> str:
    event = gateway.event(app_module.app.routes, "GET", path, **where)  # type: ignore[arg-type]
    return base_of(Request(event), public_url)


@pytest.mark.parametrize(
    "path",
    ["/jobs", "/jobs/", "/jobs/abc", "/jobs/abc/events", "/jobs/a%2Fb/artifacts/x%20y", "/health"],
)
@pytest.mark.parametrize("above", ["/prod", "", "/v1/jobs", "/jobs/x"])
def test_links_begin_with_the_domain_and_what_precedes_the_route(path: str, above: str) -> None:
    """The stage, where it is API Gateway's own domain; a custom domain's base path, or nothing."""
    found = base(path, domain="jobs.example.com", above=above)
    assert found == f"https://jobs.example.com{above}"


def test_a_public_url_comes_before_all_else() -> None:
    assert base("/jobs", "https://example.com/overtime/") == "https://example.com/overtime"
    assert base("/jobs", "https://example.com") == "https://example.com"


def test_links_are_of_the_request_context_where_no_public_url_is_set(service: Service) -> None:
    service.set(public_url=None)
    answer = submit(service)
    url = f"https://{gateway.DOMAIN}/prod/jobs/{answer.json_body['id']}"
    assert answer.headers["Location"] == answer.json_body["links"]["self"] == url
    submit(service)
    following = service.through_api_gateway("GET", "/jobs?limit=1").json_body["next"]
    assert following.startswith(f"https://{gateway.DOMAIN}/prod/jobs?")


@pytest.mark.parametrize(
    "header",
    "Host Forwarded X-Forwarded-Host X-Forwarded-Proto X-Forwarded-Prefix X-Forwarded-Port "
    "X-Original-Host Origin Referer".split(),
)
def test_no_header_that_a_client_may_forge_has_a_say(service: Service, header: str) -> None:
    service.set(public_url=None)
    answer = submit(service, (header, "evil.example"))
    assert answer.headers["Location"].startswith(f"https://{gateway.DOMAIN}/prod/jobs/")
    assert b"evil" not in answer.body


def test_a_links_path_is_that_of_its_page(service: Service) -> None:
    service.set(public_url=None)
    job_id = submit(service).json_body["id"]
    service.work()
    path = f"/jobs/{job_id}/events"
    following = service.through_api_gateway("GET", f"{path}?limit=1").json_body["next"]
    assert following.startswith(f"https://{gateway.DOMAIN}/prod{path}?limit=1&cursor=")
    rest = service.through_api_gateway("GET", following.partition("/prod")[2])
    assert rest.json_body["events"][0]["verb"] == "claim"
