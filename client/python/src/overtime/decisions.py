"""What to ask next, how long to wait, what to raise: every call of the client, without any I/O."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from overtime.errors import JobCanceled, JobFailed, Refused, TimedOut, TransferFailed, Unreachable
from overtime.exchange import Exchange, retry_after
from overtime.models import (
    Artifact,
    Event,
    EventPage,
    Job,
    JobPage,
    Task,
    TaskPage,
    result_as,
)
from overtime.steps import Answer, Call, OnBytes, Sleep, Steps
from overtime.transfers import Files, OnUpload, Transfers

T = TypeVar("T")
# A second held costs as much as two polls, so it pays for the first seconds of a job alone.
HELD_SECONDS = 5.0
YOUNG = 1.0  # the service's Retry-After for a job of less than ten seconds
OnProgress = Callable[[Job], object]
OnEvent = Callable[[Event], object]


@dataclass
class Tracked:
    """What is known of a job."""

    id: str
    job: Job | None = None
    etag: str | None = None
    retry_after: float | None = None


@dataclass
class Tail:
    """Where the last look at a job's events ended."""

    query: str = "limit=100"
    seen: list[Event] = field(default_factory=list)


@dataclass
class Decisions:
    http: Exchange
    new_key: Callable[[], str]

    def __post_init__(self) -> None:
        self.files = Transfers(self.http, self.new_key)

    # ── submit ──

    def submit(
        self,
        task: str,
        params: Any = None,
        files: Files | None = None,
        *,
        on_upload: OnUpload | None = None,
        run_at: datetime | None = None,
        cancel_after: str | None = None,
        webhook: Mapping[str, Any] | None = None,
        key: str | None = None,
        hold: bool = False,
        until: float | None = None,
    ) -> Steps[Tracked]:
        sent: dict[str, Any] = {"task": task}
        given = plain(params)
        for name, one in (files or {}).items():
            given = {**(given or {}), name: (yield from self.files.uploaded(one, on_upload, until))}
        if given is not None:
            sent["params"] = given
        if run_at is not None:
            sent["run_at"] = rfc3339(run_at)
        if webhook is not None:
            sent["webhook"] = webhook
        key = key or self.new_key()
        headers = {"Idempotency-Key": quoted(key)}
        if cancel_after:
            headers["Cancel-After"] = cancel_after
        seconds = self._hold(headers, HELD_SECONDS if hold else 0, until)
        try:
            answer = yield from self.http.call(
                "POST", "/jobs", headers, sent, seconds=seconds, until=until
            )
        except Unreachable as error:
            error.key = key
            raise
        return self._take(Tracked(""), answer)

    def run(
        self,
        task: str,
        params: Any,
        files: Files | None,
        kind: type[T] | None,
        on_progress: OnProgress | None,
        until: float | None,
        **options: Any,
    ) -> Steps[T | Any]:
        """Submit, wait, result. Where no progress is to be seen, the submit itself is held."""
        hold = on_progress is None
        tracked = yield from self.submit(task, params, files, hold=hold, until=until, **options)
        yield from self.wait(tracked, on_progress, until=until, held=HELD_SECONDS * hold)
        return (yield from self.result(tracked, kind, until))

    # ── look ──

    def refresh(
        self, tracked: Tracked, hold: float = 0, until: float | None = None
    ) -> Steps[Tracked]:
        headers = {"If-None-Match": tracked.etag} if tracked.etag else {}
        seconds = self._hold(headers, hold, until)
        path = f"/jobs/{quote(tracked.id, safe='')}"
        answer = yield from self.http.call("GET", path, headers, seconds=seconds, until=until)
        return self._take(tracked, answer)

    def wait(
        self,
        tracked: Tracked,
        on_progress: OnProgress | None = None,
        on_event: OnEvent | None = None,
        until: float | None = None,
        held: float = 0.0,
    ) -> Steps[Job]:
        """The finished job, whatever its end. Raises TimedOut at `until`."""
        shown, tail = None, Tail()
        while True:
            job = tracked.job
            if job is not None and job != shown and on_progress is not None:
                yield Call(on_progress, (job,))
                shown = job
            if on_event is not None:
                for event in (yield from self.news(tracked.id, tail)):
                    yield Call(on_event, (event,))
            if job is not None and job.finished:
                return job
            began = self.http.now()
            left = float("inf") if until is None else until - began
            if left <= 0:
                raise self._timed_out(tracked)
            young = tracked.etag is not None and tracked.retry_after in (None, YOUNG)
            hold = min(HELD_SECONDS - held, left) if young else 0
            if hold < 1 and job is not None:
                yield Sleep(min(tracked.retry_after or YOUNG, left))
            try:
                yield from self.refresh(tracked, hold, until)
            except TimedOut:
                raise self._timed_out(tracked) from None
            held += max(self.http.now() - began, YOUNG)

    def result(
        self, tracked: Tracked, kind: type[T] | None = None, until: float | None = None
    ) -> Steps[T | Any]:
        """Waits for it. Raises JobFailed, JobCanceled, WrongResult."""
        job = yield from self.wait(tracked, until=until)
        if job.status == "failed":
            why = f"{job.error.title}: {job.error.detail}" if job.error else "for no stated reason"
            raise JobFailed(f"Job {job.id} failed. {why}", job)
        if job.status == "canceled":
            raise JobCanceled(f"Job {job.id} was canceled.", job)
        body = bytes(job.result)
        if body == b"null":  # None, or too large to be in the job
            answer = yield from self.http.call("GET", f"/jobs/{job.id}/result", until=until)
            body = (yield from self.files.followed(answer, until)).body
        return result_as(body, kind)

    def news(self, job_id: str, tail: Tail) -> Steps[list[Event]]:
        """The events since the last look."""
        fresh: list[Event] = []
        while True:
            answer = yield from self.http.call("GET", f"/jobs/{job_id}/events?{tail.query}")
            page = self.http.decoded(answer, EventPage)
            fresh += [one for one in page.events if one not in tail.seen]
            if page.next is None:
                tail.seen = page.events
                return fresh
            tail.query, tail.seen = urlsplit(page.next).query, []

    def jobs(self, path: str, query: str) -> Steps[tuple[list[Job], str | None]]:
        """A page, and the query of the next one."""
        answer = yield from self.http.call("GET", f"{path}?{query}")
        page = self.http.decoded(answer, JobPage)
        return page.jobs, urlsplit(page.next).query if page.next else None

    def tasks(self) -> Steps[list[Task]]:
        answer = yield from self.http.call("GET", "/tasks")
        return self.http.decoded(answer, TaskPage).tasks

    def download(
        self,
        tracked: Tracked,
        artifact: Artifact | str,
        to: str | os.PathLike[str],
        on_bytes: OnBytes | None = None,
        until: float | None = None,
    ) -> Steps[Path]:
        if isinstance(artifact, str):
            artifact = yield from self._artifact(tracked, artifact)
        place = f"/jobs/{tracked.id}/artifacts/{quote(artifact.name, safe='')}"
        return (yield from self.files.download(place, artifact, Path(to), on_bytes, until))

    def _artifact(self, tracked: Tracked, name: str) -> Steps[Artifact]:
        if tracked.job is None or not tracked.job.finished:
            yield from self.refresh(tracked)
        found = {one.name: one for one in (tracked.job.artifacts if tracked.job else [])}
        if name not in found:
            there = ", ".join(found) or "none"
            raise TransferFailed(f"Job {tracked.id} has no artifact {name!r}; it has: {there}.")
        return found[name]

    # ── control ──

    def cancel(self, tracked: Tracked) -> Steps[Tracked]:
        answer = yield from self.http.call("POST", f"/jobs/{tracked.id}/cancel")
        return self._take(tracked, answer)

    def retry(self, tracked: Tracked) -> Steps[Tracked]:
        """A retry without an answer is repeated under If-Match, so that it cannot happen twice."""
        yield from self.refresh(tracked)
        headers = {"If-Match": tracked.etag or "*"}
        path = f"/jobs/{tracked.id}/retry"
        answer = yield from self.http.call("POST", path, headers, accept=(409, 412))
        if answer.status in (409, 412):
            if not answer.repeated:
                raise Refused(answer.status, self.http.decoded(answer, dict))
            return (yield from self.refresh(tracked))
        return self._take(tracked, answer)

    def answer(self, tracked: Tracked, step: str, value: Any) -> Steps[None]:
        """The service takes the same answer again, so it may be repeated."""
        path = f"/jobs/{tracked.id}/answers/{quote(step, safe='')}"
        body = msgspec.Raw(msgspec.json.encode(plain(value)))  # a null is an answer too
        yield from self.http.call("POST", path, body=body)

    def erase(self, tracked: Tracked) -> Steps[None]:
        path = f"/jobs/{tracked.id}"
        answer = yield from self.http.call("DELETE", path, accept=(404,))
        if answer.status == 404 and not answer.repeated:
            raise Refused(404, self.http.decoded(answer, dict))

    # ── what several of them need ──

    def _hold(self, headers: dict[str, str], hold: float, until: float | None) -> float:
        """Adds the preference; the seconds to wait for the answer."""
        if until is not None:
            hold = min(hold, until - self.http.now())
        if hold >= 1:
            headers["Prefer"] = f"wait={int(hold)}"
        return 30.0 + (hold if hold >= 1 else 0)

    def _take(self, tracked: Tracked, answer: Answer) -> Tracked:
        tracked.retry_after = retry_after(answer)
        if answer.status != 304:
            tracked.job = self.http.decoded(answer, Job)
            tracked.id, tracked.etag = tracked.job.id, answer.headers.get("etag")
        return tracked

    def _timed_out(self, tracked: Tracked) -> TimedOut:
        status = tracked.job.status if tracked.job else "not known yet"
        error = TimedOut(f"The time limit passed; job {tracked.id} is {status} and goes on.")
        error.job = tracked.job
        return error


def plain(params: Any) -> Any:
    """Params as JSON's kinds: of a mapping, a dataclass, a Struct or a pydantic model."""
    if hasattr(params, "model_dump"):
        return params.model_dump(mode="json")
    return None if params is None else msgspec.to_builtins(params)


def quoted(key: str) -> str:
    """An RFC 8941 string. Raises ValueError for a key that the service would not take."""
    if not (0 < len(key) <= 255 and key.isascii() and key.isprintable()):
        raise ValueError("An idempotency key has 1 to 255 printable ASCII characters.")
    return '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'


def rfc3339(moment: datetime) -> str:
    """A time without a zone counts as the machine's own."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def query_of(**members: object) -> str:
    return urlencode({name: one for name, one in members.items() if one is not None})
