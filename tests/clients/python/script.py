"""Performs a decision's steps without a network: answers come from a list, time from a number."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from overtime.decisions import Decisions
from overtime.exchange import Exchange
from overtime.steps import Answer, Broken, Call, Send, Sleep, Steps

BASE = "http://service.test"
JOB = {
    "id": "j1",
    "task": "report",
    "status": "running",
    "created_at": "2026-11-22T08:15:30.123Z",
    "updated_at": "2026-11-22T08:15:30.123Z",
}
LOST = Broken("the connection was closed", connected=True)
REFUSED_CONNECTION = Broken("connection refused", connected=False)
Next = Answer | Broken | Callable[[Send], Answer]


def job(status: int = 200, etag: str = '"1"', wait: int | None = 1, **members: Any) -> Answer:
    headers = {"etag": etag} | ({} if wait is None else {"retry-after": str(wait)})
    return Answer(status, headers, json.dumps(JOB | members).encode())


def ended(status: str, **members: Any) -> Answer:
    body = json.dumps(JOB | {"status": status} | members).encode()
    return Answer(200, {"etag": '"9"'}, body)


def succeeded(result: Any = 7) -> Answer:
    return ended("succeeded", result=result)


def problem(status: int, slug: str = "x", wait: str | None = None, **members: Any) -> Answer:
    headers = {"content-type": "application/problem+json"}
    headers |= {} if wait is None else {"retry-after": wait}
    document = {"type": f"/problems/{slug}", "title": slug, "status": status, "detail": "Why."}
    return Answer(status, headers, json.dumps(document | members).encode())


@dataclass
class Script:
    """`now` moves with each sleep, and by what a held request asked for when `holds` is set."""

    nexts: list[Next]
    now: float = 1_000.0
    holds: bool = True
    sent: list[Send] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def decisions(self, retry_for: float = 60.0, chance: float = 1.0) -> Decisions:
        keys = iter(f"key-{number}" for number in range(1, 100))
        http = Exchange(BASE, "secret", retry_for, lambda: self.now, lambda: chance)
        return Decisions(http, lambda: next(keys))

    def play(self, steps: Steps[Any]) -> Any:
        try:
            step = next(steps)
            while True:
                try:
                    step = steps.send(self.perform(step))
                except Broken as broken:
                    step = steps.throw(broken)
        except StopIteration as end:
            return end.value

    def perform(self, step: Send | Sleep | Call) -> object:
        match step:
            case Sleep(seconds):
                self.slept.append(seconds)
                self.now += seconds
                return None
            case Call(function, arguments):
                return function(*arguments)
            case Send():
                return self.answer(step)

    def answer(self, send: Send) -> Answer:
        self.sent.append(send)
        assert self.nexts, f"one request too many: {send.method} {send.url}"
        following = self.nexts.pop(0)
        if self.holds:
            self.now += int(send.headers.get("Prefer", "wait=0").removeprefix("wait="))
        if isinstance(following, Broken):
            raise following
        return following if isinstance(following, Answer) else following(send)

    def headers(self, name: str) -> list[str | None]:
        return [one.headers.get(name) for one in self.sent]
