"""What a job waits for, as clients see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from chalicelib.domain.children import ChildCounts, map_of
from chalicelib.domain.job import JobRecord, Wait, WaitReason
from chalicelib.domain.schemas import self_contained
from chalicelib.domain.task import Task, Tasks
from chalicelib.http.fields import StepName, Time, Url, job_url, rfc3339


class QuestionView(msgspec.Struct, frozen=True):
    step: StepName
    prompt: str
    schema: Annotated[dict[str, Any], msgspec.Meta(description="JSON Schema of the answer.")]
    url: Annotated[Url, msgspec.Meta(description="POST the answer here, with your credentials.")]
    expires_at: Time


class ChildrenView(msgspec.Struct, frozen=True):
    total: Annotated[int, msgspec.Meta(description="Those stored so far, while it submits.")]
    live: int
    succeeded: int
    failed: int
    canceled: int


class WaitsForView(msgspec.Struct, frozen=True, omit_defaults=True):
    """Exactly one member: how many children have to end, the questions to answer, or the time at
    which the job goes on."""

    children: int | None = None
    answers: list[QuestionView] | None = None
    until: Time | None = None


def waits_for(record: JobRecord, base: str, tasks: Tasks) -> WaitsForView | None:
    wait, reason = record.wait, record.wait_reason
    if wait is not None and reason is WaitReason.CHILDREN:
        known = map_of(record, wait.step)
        return WaitsForView(children=known.total if known else None)
    if reason is None or wait is None or wait.until is None or wait.reason is not reason:
        return None
    if record.wait_reason is WaitReason.SLEEP:
        return WaitsForView(until=rfc3339(wait.until))
    return WaitsForView(answers=[_question_view(record, wait, wait.until, base, tasks())])


def children_view(counts: ChildCounts | None) -> ChildrenView | None:
    if counts is None:
        return None
    return ChildrenView(counts.total, counts.live, counts.succeeded, counts.failed, counts.canceled)


def _question_view(
    record: JobRecord, wait: Wait, until: int, base: str, tasks: Mapping[str, Task]
) -> QuestionView:
    task = tasks.get(record.task)
    kind = task.asks.get(wait.step, Any) if task else Any
    return QuestionView(
        step=wait.step,
        prompt=wait.prompt,
        schema=self_contained(kind, closed=True),
        url=f"{job_url(record.id, base)}/answers/{wait.step}",
        expires_at=rfc3339(until),
    )
