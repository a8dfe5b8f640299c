"""A bench to try a task on: the real worker and sweeper, over stores in memory, without AWS.

    from chalicelib.testing import Bench

    def test_a_greeting_names_its_person():
        done = Bench().run(greet, {"name": "Ada"})
        assert done.result == {"text": "Hello, Ada"}

Every call of a `job.*` method is a step and takes a second of the bench's own clock. After it, a
heartbeat stores new output. Nothing really waits.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from chalicelib.domain.errors import InvocationEnding
from chalicelib.domain.job import HOUR, SECOND, Hint, JobRecord, Problem, Stored
from chalicelib.domain.response import HttpResponse
from chalicelib.domain.task import Task
from chalicelib.domain.values import encode
from chalicelib.domain.writes import Write
from chalicelib.http.webhooks import webhook_body
from chalicelib.memory.outbound import MemoryWeb
from chalicelib.memory.schedules import MemorySchedules
from chalicelib.memory.stores import (
    MemoryHeldRequests,
    MemoryJobs,
    MemoryLedgers,
    MemoryPayloads,
    MemoryQueue,
    MemorySecrets,
    MemorySigningSecrets,
    MemoryTaskSecrets,
)
from chalicelib.ports.runtime import Beats
from chalicelib.ports.system import Rules, System
from chalicelib.runtime.interrupts import PendingInterrupt
from chalicelib.runtime.parallel import in_order
from chalicelib.service import answers, control
from chalicelib.service.cascade import cancel_children
from chalicelib.service.heartbeat import Heartbeat
from chalicelib.service.stash import fetch
from chalicelib.service.submit import Submission, submit
from chalicelib.service.sweeper import sweep
from chalicelib.service.uploads import upload_key
from chalicelib.service.worker import process_messages

OWNER = "bench"


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


@dataclass
class VirtualClock:
    """Implements ports.Clock; sleeping advances it."""

    time: int = 1_800_000_000_000

    def now(self) -> int:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += round(seconds * SECOND)


class Bench:
    def __init__(
        self,
        seed: int = 0,
        *,
        secrets: Mapping[str, str] | None = None,
        tasks: Iterable[Task] = (),
    ) -> None:
        """`secrets`: the values that `job.secret` returns, by name. `tasks`: those that the tried
        one runs by `job.map`."""
        seeded = random.Random(seed)
        self.clock = VirtualClock()
        self.payloads = MemoryPayloads()
        self.jobs = _Watched(payloads=self.payloads)
        self.queue = MemoryQueue()
        self.web = MemoryWeb()
        self.tasks = {one.name: one for one in (*tasks, cancel_children)}
        self._replies: dict[str, Any] = {}
        task_secrets = MemoryTaskSecrets(secrets or {})
        self._steps = _Steps(self)
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
            rules=Rules(public_url="https://overtime.test"),
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
        self.tasks[task.name] = task
        accepted = submit(self.system, Submission(owner=OWNER, task=task.name, params=params))
        job_id = accepted.job.id
        self._steps.plan(job_id, end_invocations_after, crash_after, cancel_after)
        self.jobs.job_id, self.jobs.progress, self.jobs.checkpoints = job_id, [], []
        while not self.jobs.records[job_id].finished:
            self._go_on(self.jobs.records[job_id])
        return self._done(self.jobs.records[job_id])

    def _go_on(self, record: JobRecord) -> None:
        if record.suspended and record.wait is not None and record.wait.step in self._replies:
            step = record.wait.step
            answers.answer(self.system, OWNER, record.id, step, self._replies[step])
            record = self.jobs.records[record.id]
        waiting = [messages for messages in self.queue.lanes.values() if messages]
        if not waiting:
            due = (one.due_at for one in self.jobs.records.values() if one.due_at is not None)
            self.clock.time = max(self.clock.time, min(due)) + 1
            sweep(self.system, self.clock.time + HOUR)
            return
        message = waiting[0].pop(0)
        self.clock.sleep(message.delay_seconds)
        self._steps.begin_invocation()
        try:
            hint = encode(Hint(message.job, message.generation))
            process_messages(self.system, [hint], self.clock.time + 24 * HOUR)
        except _Crash:
            pass

    def _done(self, record: JobRecord) -> Done:
        lines = self.jobs.lines(record, "", 10_000)
        return Done(
            status=str(record.status),
            result=self._json(record.result),
            error=record.error,
            attempts=record.attempt,
            progress=self.jobs.progress,
            logs=[line.message for line in lines],
            artifacts={one.name: self.payloads.get(one.key) for one in record.artifacts},
            checkpoints=self.jobs.checkpoints,
        )

    def _json(self, stored: Stored | None) -> Any:
        return None if stored is None else msgspec.json.decode(fetch(self.system, stored))


@dataclass
class _Watched(MemoryJobs):
    """Keeps all progress and checkpoints that were written, in order."""

    progress: list[tuple[float, str]] = field(default_factory=list)
    checkpoints: list[Any] = field(default_factory=list)
    payloads: MemoryPayloads = field(default_factory=MemoryPayloads)
    job_id: str = ""  # not one of its children

    def apply(self, job_id: str, write: Write) -> JobRecord:
        after = super().apply(job_id, write)
        if job_id != self.job_id:
            return after
        if progress := write.put.get("progress"):
            self.progress.append((progress.percent, progress.message))
        if checkpoint := write.put.get("checkpoint"):
            text = checkpoint.text or self.payloads.get(checkpoint.key)  # before it is replaced
            self.checkpoints.append(msgspec.json.decode(text))
        return after


class _Crash(KeyboardInterrupt):
    """The worker was killed: the service's code catches it nowhere and writes nothing more. Like
    Ctrl-C, it is not an outcome of the task."""


class _Steps(PendingInterrupt):
    """Implements ports.Interrupts by counting the task's calls instead of by signals."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self._bench = bench
        self._heartbeat: Beats | None = None
        self.plan("", None, None, None)

    def plan(self, job_id: str, end: int | None, crash: int | None, cancel: int | None) -> None:
        self._job_id, self._end, self._crash, self._cancel = job_id, end, crash, cancel
        self._total = 0

    def begin_invocation(self) -> None:
        self._taken, self.pending = 0, None

    @contextmanager
    def beating(self, heartbeat: Beats) -> Iterator[None]:
        assert isinstance(heartbeat, Heartbeat)
        self._heartbeat, self._planned = heartbeat, self._job_id in ("", heartbeat.run.id)
        yield
        self._heartbeat = None

    @contextmanager
    def shielded(self) -> Iterator[None]:
        self.raise_pending()
        yield
        self.check()

    def check(self) -> None:
        if not self._armed or self._heartbeat is None:
            return
        self._bench.clock.sleep(1)
        if not self._planned:  # a child
            self._heartbeat.beat()
            self.raise_pending()
            return
        self._total, self._taken = self._total + 1, self._taken + 1
        if self._total == self._crash:
            raise _Crash
        if self._total == self._cancel:
            control.cancel(self._bench.system, OWNER, self._job_id)
        self._heartbeat.beat()
        if self._end is not None and self._taken >= self._end:
            self.interrupt(InvocationEnding("The bench ends this invocation."))
        self.raise_pending()
