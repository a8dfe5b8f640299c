"""The tasks of the faults: two effects on a third party, each to happen once; and a parent of such
jobs."""

from __future__ import annotations

import time
from dataclasses import dataclass

from chalicelib.tasks import Job, task


@dataclass
class EffectsParams:
    number: int
    url: str


@task("effects", max_attempts=40, backoff=0.2, backoff_max=2.0)
def effects(job: Job, params: EffectsParams) -> list[int]:
    def effect(step: str) -> int:
        headers = {"Idempotency-Key": f"{job.key}-{step}"}
        answer = job.request("POST", f"{params.url}/{params.number}/{step}", headers=headers)
        if answer.status != 200:
            raise OSError(f"{params.url} answered {answer.status}")
        return int(answer.body)

    first = job.once("first", effect, "first")
    job.progress(0.5, "half way")
    time.sleep(0.1)
    return [first, job.once("second", effect, "second")]


@dataclass
class FamilyParams:
    number: int
    children: int
    url: str


@task("family", max_attempts=40, backoff=0.2, backoff_max=2.0)
def family(job: Job, params: FamilyParams) -> list[list[int]]:
    numbers = range(params.number, params.number + params.children)
    items = [{"number": number, "url": params.url} for number in numbers]
    return [child.result for child in job.map("effects", effects, items)]
