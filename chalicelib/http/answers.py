"""Responses: a status, its headers, and a view as the body."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec
from chalice.app import Response

from chalicelib.domain.events import Event
from chalicelib.domain.job import JobRecord, Stored
from chalicelib.http.fields import job_url
from chalicelib.http.preferences import matches
from chalicelib.http.representation import (
    EventListView,
    JobListView,
    JobPage,
    event_view,
    job_headers,
    job_page,
    job_view,
    json_body,
)
from chalicelib.http.requests import Call

if TYPE_CHECKING:
    from chalice.app import Request

JSON = {"Content-Type": "application/json"}
OWN = {"Cache-Control": "private, no-cache"}  # only for the owner, and it changes


def without_body_of_head(request: Request, proceed: Callable[[Request], Response]) -> Response:
    """A middleware: HEAD answers as GET does, without the body (RFC 9110, 9.3.2)."""
    response = proceed(request)
    if request.method == "HEAD":
        response.body = ""
    return response


def json(view: msgspec.Struct, status: int = 200) -> Response:
    return Response(json_body(view), headers=dict(JSON), status_code=status)


def page(body: str) -> Response:
    """A response with JSON text that exists already."""
    return Response(body, headers=dict(JSON), status_code=200)


def payload(stored: Stored, url_of: Callable[[Stored], str]) -> Response:
    """A job's params or result: the JSON text if the record holds it, else a redirect to S3."""
    if stored.text is None:
        return see(url_of(stored))
    return Response(f"{stored.text}\n", headers={**JSON, **OWN}, status_code=200)


def accepted(call: Call, job: JobRecord, waited: bool, *, replayed: bool) -> Response:
    url = job_url(job.id, call.base)
    headers = {"Location": url, "Operation-Location": url, **call.preference_applied(waited)}
    if replayed:
        headers["Idempotency-Replayed"] = "true"
    return show_job(call, job, 200 if job.finished else 202, headers)


def show_job(
    call: Call, job: JobRecord, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    page = _job_page(call, job)
    return Response(
        page.body,
        headers={**JSON, **job_headers(job, page.etag, call.now()), **(headers or {})},
        status_code=status,
    )


def is_news(call: Call, job: JobRecord) -> bool:
    """Whether to answer a request held by `Prefer: wait` now."""
    if call.if_none_match is None:
        return job.finished
    return job.finished or not _has_tag(call, job, call.if_none_match)


def is_unchanged(call: Call, job: JobRecord) -> bool:
    """Whether If-Match lets the request through (RFC 9110, 13.1.1)."""
    return call.if_match is None or _has_tag(call, job, call.if_match)


def job_unless_known(call: Call, job: JobRecord, waited: bool) -> Response:
    """304 if the client already has this state of the job (RFC 9110, 13.1.2)."""
    headers = call.preference_applied(waited)
    known = call.if_none_match
    if known is not None and _has_tag(call, job, known):
        described = job_headers(job, _job_page(call, job).etag, call.now())
        return Response("", headers={**described, **headers}, status_code=304)
    return show_job(call, job, 200, headers)


def _has_tag(call: Call, job: JobRecord, tags: str) -> bool:
    return matches(tags, _job_page(call, job).etag)


def _job_page(call: Call, job: JobRecord) -> JobPage:
    return job_page(job, call.base, call.tasks, call.children(job))


def canceled(call: Call, job: JobRecord, waited: bool) -> Response:
    headers = call.preference_applied(waited)
    return show_job(call, job, 200 if job.finished else 202, headers)


def see(url: str) -> Response:
    """303: the client gets it at `url`."""
    return Response("", headers={"Location": url, "Cache-Control": "no-store"}, status_code=303)


def job_list(call: Call, jobs: Sequence[JobRecord], cursor: str | None) -> Response:
    views = [job_view(job, call.base, call.tasks, payloads=False) for job in jobs]
    following = next_url(call, cursor)
    return listing(JobListView(views, following), following)


def event_list(call: Call, events: Sequence[Event], cursor: str | None) -> Response:
    following = next_url(call, cursor)
    return listing(EventListView([event_view(event) for event in events], following), following)


def listing(view: msgspec.Struct, following: str | None) -> Response:
    answer = json(view)
    answer.headers.update(OWN)
    if following:
        answer.headers["Link"] = f'<{following}>; rel="next"'  # RFC 8288
    return answer


def next_url(call: Call, cursor: str | None) -> str | None:
    if cursor is None:
        return None
    query = {**(call.request.query_params or {}), "cursor": cursor}
    return f"{call.base}{call.path}?{urlencode(query)}"
