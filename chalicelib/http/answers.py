"""Responses: a status, the headers that belong to it, and a view as the body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec
from chalice.app import Response

from chalicelib.domain.events import Event
from chalicelib.domain.job import JobRecord, Status
from chalicelib.http.preferences import matches
from chalicelib.http.representation import (
    EventListView,
    JobListView,
    etag,
    event_view,
    job_headers,
    job_url,
    job_view,
)
from chalicelib.http.requests import Call

JSON = {"Content-Type": "application/json"}
OWN = {"Cache-Control": "private, no-cache"}  # it is somebody's, and changes


def json(view: msgspec.Struct | Mapping[str, Any], status: int = 200) -> Response:
    return Response(msgspec.json.encode(view).decode(), headers=dict(JSON), status_code=status)


def result(text: str) -> Response:
    """Of a job: JSON that is text already."""
    return Response(text, headers={**JSON, **OWN}, status_code=200)


def accepted(call: Call, job: JobRecord, *, replayed: bool) -> Response:
    url = job_url(job.id, call.base)
    headers = {"Location": url, "Operation-Location": url, **call.preference_applied}
    if replayed:
        headers["Idempotency-Replayed"] = "true"
    return show_job(call, job, 200 if job.finished else 202, headers)


def show_job(
    call: Call, job: JobRecord, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(
        msgspec.json.encode(job_view(job, call.base)).decode(),
        headers={**JSON, **job_headers(job, call.now()), **(headers or {})},
        status_code=status,
    )


def job_unless_known(call: Call, job: JobRecord) -> Response:
    """304 where the client has this state of the job already (RFC 9110, 13.1.2)."""
    headers = call.preference_applied
    known = call.if_none_match
    if known is not None and matches(known, etag(job)):
        return Response("", headers={**job_headers(job, call.now()), **headers}, status_code=304)
    return show_job(call, job, 200, headers)


def canceled(call: Call, job: JobRecord) -> Response:
    return show_job(call, job, 200 if job.status is Status.CANCELED else 202)


def see(url: str) -> Response:
    """303: what was asked for is there."""
    return Response("", headers={"Location": url, "Cache-Control": "no-store"}, status_code=303)


def job_page(call: Call, jobs: Sequence[JobRecord], cursor: str | None) -> Response:
    views = [job_view(job, call.base, payloads=False) for job in jobs]
    following = _next(call, cursor)
    return _page(JobListView(views, following), following)


def event_page(call: Call, events: Sequence[Event], cursor: str | None) -> Response:
    following = _next(call, cursor)
    return _page(EventListView([event_view(event) for event in events], following), following)


def _page(view: msgspec.Struct, following: str | None) -> Response:
    answer = json(view)
    answer.headers.update(OWN)
    if following:
        answer.headers["Link"] = f'<{following}>; rel="next"'  # RFC 8288
    return answer


def _next(call: Call, cursor: str | None) -> str | None:
    if cursor is None:
        return None
    query = {**(call.request.query_params or {}), "cursor": cursor}
    return f"{call.base}{call.path}?{urlencode(query)}"
