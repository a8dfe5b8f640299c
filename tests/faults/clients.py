"""Clients that repeat what was not answered, and a look at what became of their jobs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import urllib3

GIVE_UP_SECONDS = 600  # a hint lost twice is sent again after two minutes, then after four
CHILDREN = 50  # of a parent
PARENTS_FROM = 1_000_000  # a parent's number is its first child's


@dataclass
class Clients:
    url: str
    third_party: str
    count: int
    unanswered: int = 0
    accepted: dict[int, str] = field(default_factory=dict)  # job's id by number

    def __post_init__(self) -> None:
        self.http = urllib3.PoolManager(maxsize=self.count, retries=False, timeout=15.0)

    def submit(self, numbers: Sequence[int]) -> None:
        """All of them, from `count` clients at once; returns when each has its 202."""
        with ThreadPoolExecutor(self.count) as pool:
            self.accepted.update(zip(numbers, pool.map(self._submit, numbers), strict=True))

    def _submit(self, number: int) -> str:
        task, params = "effects", {"number": number, "url": self.third_party}
        if number >= PARENTS_FROM:
            task, params = "family", {**params, "children": CHILDREN}
        until = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < until:
            answer = self._call(
                "POST",
                "/jobs",
                json={"task": task, "params": params},
                headers={"Idempotency-Key": f"burst-{number}"},
            )
            if answer is not None and answer.status in (200, 202):
                return str(answer.json()["id"])
            self.unanswered += 1
            time.sleep(0.5)
        raise RuntimeError(f"job {number} was never accepted")

    def wait_for_all(self) -> dict[int, dict[str, Any]]:
        """Every job, finished."""
        done: dict[int, dict[str, Any]] = {}
        until = time.monotonic() + GIVE_UP_SECONDS
        while len(done) < len(self.accepted):
            if time.monotonic() > until:
                left = [self.accepted[one] for one in self.accepted.keys() - done.keys()]
                raise RuntimeError(f"{len(left)} jobs do not end: {self.get(f'/jobs/{left[0]}')}")
            for number, job_id in self.accepted.items():
                if number not in done and (job := self.get(f"/jobs/{job_id}")):
                    if job["finished_at"]:
                        done[number] = job
                    else:
                        time.sleep(0.02)
        return done

    def children_of(self, parents: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        pages = (self.get(f"/jobs/{parent['id']}/children?limit=100") for parent in parents)
        return [child for page in pages for child in page["jobs"]]

    def rescue_waits(
        self, jobs: Iterable[dict[str, Any]], down: tuple[datetime, datetime]
    ) -> list[float]:
        """Seconds between each claim and the rescue that ended it, without those in which the
        whole program was `down` and nothing could sweep. The task is shorter than a third of a
        lease, so the lease ran from the claim or from its one heartbeat."""
        waits = []
        for job in jobs:
            if job["attempt"] == 1:
                continue
            page = self.get(f"/jobs/{job['id']}/events?limit=100") or {"events": []}
            claimed = None
            for event in page["events"]:
                at = datetime.fromisoformat(event["at"])
                if event.get("verb") == "claim":
                    claimed = at
                elif event.get("verb") == "rescue" and claimed is not None:
                    without_sweeper = max(min(at, down[1]) - max(claimed, down[0]), timedelta())
                    waits.append((at - claimed - without_sweeper).total_seconds())
        return waits

    def get(self, path: str) -> Any:
        answer = self._call("GET", path)
        return answer.json() if answer is not None and answer.status == 200 else None

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        try:
            return self.http.request(method, self.url + path, **arguments)
        except urllib3.exceptions.HTTPError:
            return None  # whoever asks, asks again
