"""What the Bench counts and shows: its clock, the steps of a task, its failures."""

from __future__ import annotations

import logging
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from chalicelib.domain.errors import InvocationEnding
from chalicelib.domain.job import SECOND, JobRecord
from chalicelib.domain.writes import Write
from chalicelib.memory.stores import MemoryJobs, MemoryPayloads
from chalicelib.ports.runtime import Beats
from chalicelib.runtime.interrupts import PendingInterrupt
from chalicelib.service.heartbeat import Heartbeat
from chalicelib.service.worker import logger as worker_logger
from chalicelib.telemetry.logs import bound_here


@dataclass
class VirtualClock:
    """Implements ports.Clock; sleeping advances it."""

    time: int = 1_800_000_000_000

    def now(self) -> int:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += round(seconds * SECOND)


@contextmanager
def failures_explained() -> Iterator[None]:
    """Inside, the log line of a failed attempt has the job, the error and its traceback in its
    text: pytest shows the text alone, under each failed test. The traceback is also that of an
    error which the service's own log shows without one: the worker logs while it handles it."""

    def explain(line: logging.LogRecord) -> bool:
        if line.msg == "attempt_failed":
            job = bound_here()
            which = f"{line.msg}: {job['task']}, job {job['job'][:8]}, attempt {job['attempt']}"
            where = getattr(line, "traceback", None) or traceback.format_exc().rstrip()
            line.msg = "\n".join([which, getattr(line, "detail", ""), where])
        return True

    worker_logger.addFilter(explain)
    try:
        yield
    finally:
        worker_logger.removeFilter(explain)


@dataclass
class Watched(MemoryJobs):
    """Keeps all progress and checkpoints that were written, by job and in order."""

    progress: dict[str, list[tuple[float, str]]] = field(default_factory=lambda: defaultdict(list))
    checkpoints: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    payloads: MemoryPayloads = field(default_factory=MemoryPayloads)

    def apply(self, job_id: str, write: Write) -> JobRecord:
        after = super().apply(job_id, write)
        if progress := write.put.get("progress"):
            self.progress[job_id].append((progress.percent, progress.message))
        if checkpoint := write.put.get("checkpoint"):
            text = checkpoint.text or self.payloads.get(checkpoint.key)  # before it is replaced
            self.checkpoints[job_id].append(msgspec.json.decode(text))
        return after


class Crash(KeyboardInterrupt):
    """The worker was killed: the service's code catches it nowhere and writes nothing more. Like
    Ctrl-C, it is not an outcome of the task."""


class Steps(PendingInterrupt):
    """Implements ports.Interrupts by counting the task's calls instead of by signals."""

    def __init__(self, clock: VirtualClock, cancel: Callable[[str], object]) -> None:
        super().__init__()
        self._clock, self._client_cancels = clock, cancel
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

    def check(self) -> None:
        if not self._armed or self._heartbeat is None:
            return
        self._clock.sleep(1)
        if not self._planned:  # a child
            self._heartbeat.beat()
            super().check()
            return
        self._total, self._taken = self._total + 1, self._taken + 1
        if self._total == self._crash:
            raise Crash
        if self._total == self._cancel:
            self._client_cancels(self._job_id)
        self._heartbeat.beat()
        if self._end is not None and self._taken >= self._end:
            self.interrupt(InvocationEnding("The bench ends this invocation."))
        super().check()
