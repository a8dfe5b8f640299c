"""Schedules, which submit jobs by the clock: what to send, and the clients' two ways to do it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from overtime.decisions import plain, query_of
from overtime.drive import AsyncDriver, SyncDriver
from overtime.errors import Refused
from overtime.exchange import Exchange
from overtime.models import Schedule, SchedulePage
from overtime.steps import Answer, Steps

Overlap = Literal["skip", "allow"]
TRIES = 5  # edits in a row that others have made first


@dataclass(frozen=True)
class Plans:
    http: Exchange

    def all(self) -> Steps[list[Schedule]]:
        found: list[Schedule] = []
        query: str | None = query_of(limit=100)
        while query is not None:
            answer = yield from self.http.call("GET", f"/schedules?{query}")
            page = self.http.decoded(answer, SchedulePage)
            found += page.schedules
            query = urlsplit(page.next).query if page.next else None
        return found

    def get(self, name: str) -> Steps[Schedule]:
        answer = yield from self.http.call("GET", _path(name))
        return self.http.decoded(answer, Schedule)

    def put(
        self, name: str, cron: str, task: str, params: Any, timezone: str, overlap: Overlap
    ) -> Steps[Schedule]:
        body = {"cron": cron, "task": task, "timezone": timezone, "overlap": overlap}
        sent = {**body, "params": plain(params) or {}}
        answer = yield from self.http.call("PUT", _path(name), body=sent)
        return self.http.decoded(answer, Schedule)

    def pause(self, name: str, paused: bool) -> Steps[Schedule]:
        """Changes this alone: what others have edited meanwhile stays."""
        for _ in range(TRIES):
            answer: Answer = yield from self.http.call("GET", _path(name))
            found = self.http.decoded(answer, Schedule)
            headers, sent = {"If-Match": answer.headers["etag"]}, {**found.plan, "paused": paused}
            answer = yield from self.http.call("PUT", _path(name), headers, sent, accept=(412,))
            if answer.status != 412:
                return self.http.decoded(answer, Schedule)
        raise Refused(412, self.http.decoded(answer, dict))

    def delete(self, name: str) -> Steps[None]:
        answer = yield from self.http.call("DELETE", _path(name), accept=(404,))
        if answer.status == 404 and not answer.repeated:
            raise Refused(404, self.http.decoded(answer, dict))


def _path(name: str) -> str:
    return f"/schedules/{quote(name, safe='')}"


@dataclass(frozen=True)
class Schedules:
    """`client.schedules`. Raises Refused for what the service refuses, such as a bad expression."""

    plans: Plans
    driver: SyncDriver

    def all(self) -> list[Schedule]:
        """Yours, by name."""
        return self.driver.run(self.plans.all())

    def get(self, name: str) -> Schedule:
        return self.driver.run(self.plans.get(name))

    def put(
        self,
        name: str,
        cron: str,
        task: str,
        params: Any = None,
        *,
        timezone: str = "UTC",
        overlap: Overlap = "skip",
    ) -> Schedule:
        """Creates the schedule, or replaces it. It is then not paused."""
        return self.driver.run(self.plans.put(name, cron, task, params, timezone, overlap))

    def pause(self, name: str) -> Schedule:
        """No job of it starts until it is resumed."""
        return self.driver.run(self.plans.pause(name, True))

    def resume(self, name: str) -> Schedule:
        """From the next moment on; a moment that passed meanwhile is not made up for."""
        return self.driver.run(self.plans.pause(name, False))

    def delete(self, name: str) -> None:
        """A job of it that has not started will not start; the others stay."""
        self.driver.run(self.plans.delete(name))


@dataclass(frozen=True)
class AsyncSchedules:
    """`client.schedules`, with `await`."""

    plans: Plans
    driver: AsyncDriver

    async def all(self) -> list[Schedule]:
        return await self.driver.run(self.plans.all())

    async def get(self, name: str) -> Schedule:
        return await self.driver.run(self.plans.get(name))

    async def put(
        self,
        name: str,
        cron: str,
        task: str,
        params: Any = None,
        *,
        timezone: str = "UTC",
        overlap: Overlap = "skip",
    ) -> Schedule:
        return await self.driver.run(self.plans.put(name, cron, task, params, timezone, overlap))

    async def pause(self, name: str) -> Schedule:
        return await self.driver.run(self.plans.pause(name, True))

    async def resume(self, name: str) -> Schedule:
        return await self.driver.run(self.plans.pause(name, False))

    async def delete(self, name: str) -> None:
        await self.driver.run(self.plans.delete(name))
