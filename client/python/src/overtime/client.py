"""The client for threads. It only performs what decisions.py decides, as that of aio.py does."""

from __future__ import annotations

import os
import random
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, TypedDict, TypeVar, Unpack, overload
from urllib.parse import quote

from overtime.decisions import Decisions, OnEvent, OnProgress, Tail, Tracked, query_of
from overtime.drive import SyncDriver
from overtime.exchange import Exchange, checked_token, checked_url
from overtime.models import Artifact, Event, Job, Status, Task
from overtime.schedules import Plans, Schedules
from overtime.steps import OnBytes
from overtime.transfers import File, Files, OnUpload

T = TypeVar("T")
C = TypeVar("C", bound="Base")
LOCAL = "http://127.0.0.1:8000"
RETRY_FOR = 60.0


class Options(TypedDict, total=False):
    """Of submit and run."""

    on_upload: OnUpload
    """Called with the file's name, the bytes sent so far, and the bytes in all."""
    run_at: datetime
    """Not before; up to 30 days ahead."""
    cancel_after: str
    """`30s`, `5m`, `1h30m` from creation; then the job fails."""
    webhook: Mapping[str, Any]
    """`{"url": "https://…", "events": ["succeeded", "failed", "canceled"]}`"""
    key: str
    """The Idempotency-Key, in place of a new one for each call."""


class Handle(Generic[C]):
    """A job that the client follows."""

    def __init__(self, client: C, tracked: Tracked) -> None:
        self._client, self._tracked, self._decide = client, tracked, client.decisions

    def __repr__(self) -> str:
        job = self._tracked.job
        return f"<{type(self).__name__} {self.id} {job.status if job else ''}>"

    @property
    def id(self) -> str:
        return self._tracked.id

    @property
    def job(self) -> Job | None:
        """As it was last seen. None for `client.job(id)` before its first request."""
        return self._tracked.job

    @property
    def _children(self) -> str:
        return f"/jobs/{quote(self.id, safe='')}/children"

    def _seen(self, tracked: Tracked) -> Job:
        assert tracked.job is not None
        return tracked.job

    @property
    def artifacts(self) -> list[Artifact]:
        """The files that the job had attached when it was last seen."""
        return self.job.artifacts if self.job else []


class Base:
    """`url` is the API's, `token` the bearer token if the stage wants one. Without a URL both come
    from OVERTIME_URL and OVERTIME_TOKEN; without these it is the local service. Requests without an
    answer, 429 and 5xx are repeated for `retry_for` seconds."""

    def __init__(
        self, url: str | None = None, token: str | None = None, *, retry_for: float = RETRY_FOR
    ) -> None:
        if url is None:  # a token of the environment goes to no other URL
            url = os.environ.get("OVERTIME_URL") or LOCAL
            token = token or os.environ.get("OVERTIME_TOKEN")
        self.url = checked_url(url)
        clock, chance = time.monotonic, random.random
        http = Exchange(self.url, checked_token(token), retry_for, clock, chance)
        self.decisions = Decisions(http, lambda: uuid.uuid4().hex)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"  # never the token

    def _until(self, timeout: float | None) -> float | None:
        return None if timeout is None else self.decisions.http.now() + timeout


class JobHandle(Handle["Client"]):
    def refresh(self) -> Job:
        return self._seen(self._client.driver.run(self._decide.refresh(self._tracked)))

    def wait(
        self,
        on_progress: OnProgress | None = None,
        on_event: OnEvent | None = None,
        timeout: float | None = None,
    ) -> Job:
        """The finished job, whatever its end. `on_progress` is called with the job at every change
        that is seen, `on_event` with each event (it costs a request more at each look). Raises
        TimedOut after `timeout` seconds; the job then goes on."""
        until = self._client._until(timeout)
        steps = self._decide.wait(self._tracked, on_progress, on_event, until)
        return self._client.driver.run(steps)

    @overload
    def result(self, type: type[T], timeout: float | None = None) -> T: ...
    @overload
    def result(self, type: None = None, timeout: float | None = None) -> Any: ...
    def result(self, type: type[T] | None = None, timeout: float | None = None) -> T | Any:
        """Waits for it. Raises JobFailed, JobCanceled, WrongResult, TimedOut."""
        steps = self._decide.result(self._tracked, type, self._client._until(timeout))
        return self._client.driver.run(steps)

    def download(
        self,
        artifact: Artifact | str,
        to: str | os.PathLike[str] = ".",
        on_bytes: OnBytes | None = None,
    ) -> Path:
        """Writes one of the artifacts into a file, or into a folder under its own name."""
        steps = self._decide.download(self._tracked, artifact, to, on_bytes)
        return self._client.driver.run(steps)

    def events(self) -> Iterator[Event]:
        """All so far, oldest first: transitions and log lines."""
        yield from self._client.driver.run(self._decide.news(self.id, Tail()))

    def cancel(self) -> Job:
        """Canceled at once while it is queued; a running job stops soon: `wait` for it."""
        return self._seen(self._client.driver.run(self._decide.cancel(self._tracked)))

    def retry(self) -> Job:
        """Runs a failed or canceled job again."""
        return self._seen(self._client.driver.run(self._decide.retry(self._tracked)))

    def answer(self, step: str, value: Any) -> None:
        """Answers a question that the job asks; `job.waits_for` shows it. `value` may be all that
        params may be, and any JSON. Raises Refused where it does not fit, or comes too late."""
        self._client.driver.run(self._decide.answer(self._tracked, step, value))

    def children(self, status: Status | None = None, page: int = 100) -> Iterator[Job]:
        """The job's children, in the order of their items, without params and results."""
        return self._client._listed(self._children, query_of(status=status, limit=page))

    def erase(self) -> None:
        """Deletes the finished job with all that belongs to it."""
        self._client.driver.run(self._decide.erase(self._tracked))


class Client(Base):
    __doc__ = Base.__doc__

    def __init__(
        self, url: str | None = None, token: str | None = None, *, retry_for: float = RETRY_FOR
    ) -> None:
        super().__init__(url, token, retry_for=retry_for)
        self.driver = SyncDriver(self.url)
        self.schedules = Schedules(Plans(self.decisions.http), self.driver)

    def submit(
        self, task: str, params: Any = None, files: Files | None = None, **options: Unpack[Options]
    ) -> JobHandle:
        """`params` may be a dict, a dataclass, a Struct or a pydantic model. What `files` names is
        uploaded first (a path or bytes, or a list of them), and its id put into the params."""
        steps = self.decisions.submit(task, params, files, **options)
        return JobHandle(self, self.driver.run(steps))

    @overload
    def run(
        self,
        task: str,
        params: Any = None,
        files: Files | None = None,
        *,
        type: type[T],
        timeout: float | None = None,
        on_progress: OnProgress | None = None,
        **options: Unpack[Options],
    ) -> T: ...
    @overload
    def run(
        self,
        task: str,
        params: Any = None,
        files: Files | None = None,
        *,
        type: None = None,
        timeout: float | None = None,
        on_progress: OnProgress | None = None,
        **options: Unpack[Options],
    ) -> Any: ...
    def run(
        self,
        task: str,
        params: Any = None,
        files: Files | None = None,
        *,
        type: type[T] | None = None,
        timeout: float | None = None,
        on_progress: OnProgress | None = None,
        **options: Unpack[Options],
    ) -> T | Any:
        """submit, wait, result. `timeout` (seconds) is for all of it."""
        until = self._until(timeout)
        steps = self.decisions.run(task, params, files, type, on_progress, until, **options)
        return self.driver.run(steps)

    def upload(self, file: File, on_upload: OnUpload | None = None) -> str:
        """The id to name in params, of as many jobs as you like."""
        return self.driver.run(self.decisions.files.upload(file, on_upload))

    def job(self, id: str) -> JobHandle:
        return JobHandle(self, Tracked(id))

    def jobs(
        self, status: Status | None = None, task: str | None = None, page: int = 20
    ) -> Iterator[Job]:
        """Your jobs, newest first, without params and results."""
        return self._listed("/jobs", query_of(status=status, task=task, limit=page))

    def _listed(self, path: str, query: str | None) -> Iterator[Job]:
        while query is not None:
            jobs, query = self.driver.run(self.decisions.jobs(path, query))
            yield from jobs

    def tasks(self) -> list[Task]:
        return self.driver.run(self.decisions.tasks())

    def close(self) -> None:
        self.driver.http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
