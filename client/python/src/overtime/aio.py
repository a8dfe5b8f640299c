"""The client for asyncio and trio: that of client.py with `await`.

Functions for progress and events may be async."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeVar, Unpack, overload

from overtime.client import RETRY_FOR, Base, Handle, Options
from overtime.decisions import OnEvent, OnProgress, Tail, Tracked, query_of
from overtime.drive import AsyncDriver
from overtime.models import Artifact, Event, Job, Status, Task
from overtime.schedules import AsyncSchedules, Plans
from overtime.steps import OnBytes
from overtime.transfers import File, Files, OnUpload

T = TypeVar("T")


class AsyncJobHandle(Handle["AsyncClient"]):
    async def refresh(self) -> Job:
        return self._seen(await self._client.driver.run(self._decide.refresh(self._tracked)))

    async def wait(
        self,
        on_progress: OnProgress | None = None,
        on_event: OnEvent | None = None,
        timeout: float | None = None,
    ) -> Job:
        until = self._client._until(timeout)
        steps = self._decide.wait(self._tracked, on_progress, on_event, until)
        return await self._client.driver.run(steps)

    @overload
    async def result(self, type: type[T], timeout: float | None = None) -> T: ...
    @overload
    async def result(self, type: None = None, timeout: float | None = None) -> Any: ...
    async def result(self, type: type[T] | None = None, timeout: float | None = None) -> T | Any:
        steps = self._decide.result(self._tracked, type, self._client._until(timeout))
        return await self._client.driver.run(steps)

    async def download(
        self,
        artifact: Artifact | str,
        to: str | os.PathLike[str] = ".",
        on_bytes: OnBytes | None = None,
    ) -> Path:
        steps = self._decide.download(self._tracked, artifact, to, on_bytes)
        return await self._client.driver.run(steps)

    async def events(self) -> AsyncIterator[Event]:
        for event in await self._client.driver.run(self._decide.news(self.id, Tail())):
            yield event

    async def cancel(self) -> Job:
        return self._seen(await self._client.driver.run(self._decide.cancel(self._tracked)))

    async def retry(self) -> Job:
        return self._seen(await self._client.driver.run(self._decide.retry(self._tracked)))

    async def answer(self, step: str, value: Any) -> None:
        await self._client.driver.run(self._decide.answer(self._tracked, step, value))

    def children(self, status: Status | None = None, page: int = 100) -> AsyncIterator[Job]:
        return self._client._listed(self._children, query_of(status=status, limit=page))

    async def erase(self) -> None:
        await self._client.driver.run(self._decide.erase(self._tracked))


class AsyncClient(Base):
    __doc__ = Base.__doc__

    def __init__(
        self, url: str | None = None, token: str | None = None, *, retry_for: float = RETRY_FOR
    ) -> None:
        super().__init__(url, token, retry_for=retry_for)
        self.driver = AsyncDriver(self.url)
        self.schedules = AsyncSchedules(Plans(self.decisions.http), self.driver)

    async def submit(
        self, task: str, params: Any = None, files: Files | None = None, **options: Unpack[Options]
    ) -> AsyncJobHandle:
        steps = self.decisions.submit(task, params, files, **options)
        return AsyncJobHandle(self, await self.driver.run(steps))

    @overload
    async def run(
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
    async def run(
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
    async def run(
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
        until = self._until(timeout)
        steps = self.decisions.run(task, params, files, type, on_progress, until, **options)
        return await self.driver.run(steps)

    async def upload(self, file: File, on_upload: OnUpload | None = None) -> str:
        return await self.driver.run(self.decisions.files.upload(file, on_upload))

    def job(self, id: str) -> AsyncJobHandle:
        return AsyncJobHandle(self, Tracked(id))

    def jobs(
        self, status: Status | None = None, task: str | None = None, page: int = 20
    ) -> AsyncIterator[Job]:
        return self._listed("/jobs", query_of(status=status, task=task, limit=page))

    async def _listed(self, path: str, query: str | None) -> AsyncIterator[Job]:
        while query is not None:
            jobs, query = await self.driver.run(self.decisions.jobs(path, query))
            for job in jobs:
                yield job

    async def tasks(self) -> list[Task]:
        return await self.driver.run(self.decisions.tasks())

    async def close(self) -> None:
        await self.driver.http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
