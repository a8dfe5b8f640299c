"""Jobs that ask whether to publish an album, and answers to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib.tasks import Job, Task, task
from tests.api.harness import Answer, Service

YES, NO = {"approved": True}, {"approved": False}


@dataclass
class Approval:
    approved: bool
    by: str = ""


def asking(function: Callable[[Job], Any]) -> Task:
    return task("album", asks={"publish": Approval, "print": Approval})(function)


def publishes(job: Job) -> str:
    answer: Approval = job.ask("publish", prompt="Publish 12 pages?", timeout=3_600)
    return "published" if answer.approved else "kept"


class Album:
    """A job that has asked, and waits."""

    def __init__(
        self, service: Service, function: Callable[[Job], Any] = publishes, **headers: str
    ) -> None:
        self.service = service
        service.does(asking(function))
        self.id = service.submitted("album", **headers)
        service.work()

    def answers(self, value: Any = YES, step: str = "publish") -> Answer:
        return self.service.post(f"/jobs/{self.id}/answers/{step}", value)

    @property
    def now(self) -> dict[str, Any]:
        return self.service.job(self.id)


class Callback(Album):
    """A job that has given a URL to a third party."""

    def __init__(self, service: Service, timeout: float = 3_600) -> None:
        self.urls: list[str] = []

        def work(job: Job) -> str:
            self.urls.append(job.answer_url("publish", timeout))
            return publishes(job)

        super().__init__(service, work)

    @property
    def sealed(self) -> str:
        return self.urls[0].rpartition("/")[2]

    def calls_back(self, value: Any = YES, sealed: str | None = None) -> Answer:
        return self.service.post(f"/answers/{sealed or self.sealed}", value)
