"""A bench to try a task on: the real worker and sweeper, over stores in memory, without AWS.

    from chalicelib.testing import Bench

    def test_a_greeting_names_its_person():
        done = Bench().run(greet, {"name": "Ada"})
        assert done.result == {"text": "Hello, Ada"}

Every call of a `job.*` method is a step and takes a second of the bench's own clock. After it, a
heartbeat stores new output. Nothing really waits.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import random
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

import msgspec
from msgspec.structs import replace

from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.job import (
    DAY,
    HOUR,
    SECOND,
    Hint,
    JobRecord,
    Problem,
    Stored,
    Wait,
    WaitReason,
)
from chalicelib.domain.response import HttpResponse
from chalicelib.domain.task import Task
from chalicelib.domain.values import encode
from chalicelib.http.fields import rfc3339
from chalicelib.http.webhooks import webhook_body
from chalicelib.memory.outbound import MemoryWeb
from chalicelib.memory.schedules import MemorySchedules
from chalicelib.memory.stores import (
    MemoryHeldRequests,
    MemoryLedgers,
    MemoryPayloads,
    MemoryQueue,
    MemorySecrets,
    MemorySigningSecrets,
    MemoryTaskSecrets,
)
from chalicelib.ports.system import Rules, System
from chalicelib.runtime.parallel import in_order
from chalicelib.service import answers, control
from chalicelib.service.cascade import cancel_children
from chalicelib.service.declarations import refused
from chalicelib.service.stash import fetch
from chalicelib.service.submit import Submission, submit
from chalicelib.service.sweeper import sweep
from chalicelib.service.uploads import upload_key
from chalicelib.service.worker import process_messages
from chalicelib.testing.steps import Crash, Steps, VirtualClock, Watched, failures_explained

OWNER = "bench"
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Done:
    """The outcome of a job."""

    status: str
    result: Any
    error: Problem | None
    attempts: int
    progress: list[tuple[float, str]]
    logs: list[str]
    artifacts: dict[str, bytes]
    checkpoints: list[Any]
    run_at: str | None  # the moment of a scheduled job, in UTC, as in the API


class Bench:
    def __init__(
        self,
        seed: int = 0,
        *,
        secrets: Mapping[str, str] | None = None,
        tasks: Iterable[Task] = (),
        now: str = "2027-01-15T08:00:00Z",
    ) -> None:
        """`secrets`: the values that `job.secret` returns, by name. `tasks`: those that the tried
        one runs by `job.map`. `now`: when the bench's clock starts, with its offset from UTC."""
        if (start := datetime.fromisoformat(now)).tzinfo is None:
            raise ValueError(f"now is {now!r}, without an offset from UTC: write {now}Z")
        seeded = random.Random(seed)
        self.clock = VirtualClock(round(start.timestamp() * SECOND))
        self.payloads = MemoryPayloads()
        self.jobs = Watched(payloads=self.payloads)
        self.queue = MemoryQueue()
        self.web = MemoryWeb()
        self.tasks = {one.name: _unscheduled(one) for one in (*tasks, cancel_children)}
        self._replies: dict[str, Any] = {}
        self._sent: dict[str, list[tuple[int, int, Hint]]] = {}  # a heap a lane, by visible_at
        self._numbers = itertools.count()
        self._shown: set[str] = set()  # ids of scheduled jobs
        self._unanswered: set[tuple[str, str, int]] = set()  # questions: job, step and round
        task_secrets = MemoryTaskSecrets(secrets or {})
        self._steps = Steps(self.clock, self._cancel)
        self.system = System(
            jobs=self.jobs,
            ledgers=MemoryLedgers(),
            schedules=MemorySchedules(self.jobs),
            messages=self.queue,
            payloads=self.payloads,
            web=self.web,
            clock=self.clock,
            new_id=lambda: f"{seeded.getrandbits(128):032x}",
            random=seeded.random,
            tasks=lambda: self.tasks,
            held=MemoryHeldRequests(),
            secrets=MemorySecrets(),
            answer_secrets=MemorySecrets(),
            signing_secrets=MemorySigningSecrets(),
            task_secrets=lambda: task_secrets,
            in_parallel=in_order,
            interrupts=lambda: self._steps,
            beating=self._steps.beating,
            webhook_body=webhook_body,
            rules=Rules(public_url="https://overtime.test", schedule_owner=OWNER),
        )

    def upload(self, data: bytes) -> str:
        """Put an upload where the task's `job.open` finds it; returns its id."""
        upload_id = f"upload:{self.system.new_id()}"
        self.payloads.put(upload_key(OWNER, upload_id), data, "application/octet-stream")
        return upload_id

    def answers(self, method: str, url: str, answer: HttpResponse | Exception) -> None:
        """The answer to `job.request` (or `job.open`, for GET). Each call adds one to the queue;
        the last one is repeated."""
        self.web.answers.setdefault((method, url), []).append(answer)

    def answer(self, step: str, answer: Any) -> None:
        """The answer to a question of `job.ask`, given as soon as a job waits for it. Without one,
        time passes until the question is closed."""
        self._replies[step] = answer

    def run(
        self,
        task: Task,
        params: Any,
        *,
        end_invocations_after: int | None = None,
        crash_after: int | None = None,
        cancel_after: int | None = None,
    ) -> Done:
        """Submit a job and work on it until it is finished, as workers and sweeper would.

        All three count steps: `end_invocations_after` ends every invocation then, as Lambda's time
        limit does; `crash_after` kills the worker then, once; `cancel_after` cancels the job then.
        """
        self.tasks[task.name] = _unscheduled(task)
        accepted = submit(self.system, Submission(owner=OWNER, task=task.name, params=params))
        job_id = accepted.job.id
        self._steps.plan(job_id, end_invocations_after, crash_after, cancel_after)
        while not self.jobs.records[job_id].finished:
            self._go_on(*self._next())
        return self._done(self.jobs.records[job_id])

    def run_schedules(self, task: Task, *, days: float) -> list[Done]:
        """Let so many days pass, in which the task's schedules submit its jobs. Returns what has
        finished since the last call, by `run_at`. `bench.clock.sleep(seconds)` between two calls is
        a time in which the whole service stands still. The bench has one worker: two jobs of a
        schedule overlap while one waits, in `job.sleep` for example."""
        self.tasks[task.name] = task
        if mistakes := refused(self.system):
            raise ValueError(" ".join(mistakes))
        self._steps.plan("", None, None, None)
        until = self.clock.time + round(days * DAY)
        self._go_on(self.clock.time, None)  # the first sweep stores what the task declares
        while (upcoming := self._next())[0] <= until:
            self._go_on(*upcoming)
        self.clock.time = max(self.clock.time, until)
        mine = (one for one in self.jobs.records.values() if one.task == task.name and one.schedule)
        found = [one for one in mine if one.finished and one.id not in self._shown]
        self._shown.update(one.id for one in found)
        return [self._done(one) for one in sorted(found, key=lambda one: one.run_at or 0)]

    def _next(self) -> tuple[int, str | None]:
        """When something happens next, and the lane whose message is visible then; a sweep if
        None."""
        now = self.clock.time
        for lane, messages in self.queue.lanes.items():
            for one in messages:
                visible_at = now + one.delay_seconds * SECOND
                entry = (visible_at, next(self._numbers), Hint(one.job, one.generation))
                heapq.heappush(self._sent.setdefault(lane, []), entry)
            messages.clear()
        visible = [(max(now, heap[0][0]), lane) for lane, heap in self._sent.items() if heap]
        at, first = min(visible, key=itemgetter(0), default=(sys.maxsize, None))
        if at > now:
            due = [one.due_at for one in self.jobs.records.values()]
            due += [one.due_at for one in self.jobs.schedules.values()]
            sweep_at = 1 + min((one for one in due if one is not None), default=sys.maxsize)
            if sweep_at < at:
                return sweep_at, None
        return at, first

    def _go_on(self, at: int, lane: str | None) -> None:
        self.clock.time = max(self.clock.time, at)
        if lane is None:
            sweep(self.system, self.clock.time + HOUR)
        else:
            _, _, hint = heapq.heappop(self._sent[lane])
            self._steps.begin_invocation()
            with failures_explained(), suppress(Crash):
                process_messages(self.system, [encode(hint)], self.clock.time + 24 * HOUR)
        for record in list(self.jobs.records.values()) if self._replies else ():
            if record.wait is not None and record.wait_reason is WaitReason.ANSWER:
                self._reply(record, record.wait)

    def _reply(self, record: JobRecord, wait: Wait) -> None:
        asked = (record.id, wait.step, wait.round)
        if wait.step in self._replies:
            try:
                value = self._replies[wait.step]
                answers.answer(self.system, record.owner, record.id, wait.step, value)
            except InvalidRequest as error:
                error.add_note(f"bench.answer has given this answer to {wait.step!r}.")
                raise
        elif asked not in self._unanswered:
            self._unanswered.add(asked)
            said = "%s asks %r and gets no answer: bench.answer was given for %s"
            logger.warning(said, record.task, wait.step, ", ".join(map(repr, self._replies)))

    def _cancel(self, job_id: str) -> None:
        control.cancel(self.system, OWNER, job_id)

    def _done(self, record: JobRecord) -> Done:
        lines = self.jobs.lines(record, "", 10_000)
        return Done(
            status=str(record.status),
            result=self._json(record.result),
            error=record.error,
            attempts=record.attempt,
            progress=self.jobs.progress[record.id],
            logs=[line.message for line in lines],
            artifacts={one.name: self.payloads.get(one.key) for one in record.artifacts},
            checkpoints=self.jobs.checkpoints[record.id],
            run_at=None if record.run_at is None else rfc3339(record.run_at),
        )

    def _json(self, stored: Stored | None) -> Any:
        return None if stored is None else msgspec.json.decode(fetch(self.system, stored))


def _unscheduled(task: Task) -> Task:
    """Its schedules submit jobs in `run_schedules` only."""
    return replace(task, schedules=())
