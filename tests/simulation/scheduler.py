"""Virtual time, and processes that run a step at a time in an order that a seed decides.

A process is a client's request, a worker's invocation or a sweep: the real code, in one or
two fibers (a worker's heartbeat is the second). Every call of a port gives control back here,
so that anything may happen between any two of them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet

from chalicelib.domain.job import SECOND, Hint

STEP_TAKES = (0, 1, 3, 20, 150, 1_000)  # milliseconds, one drawn a step


class Crash(KeyboardInterrupt):
    """The process is gone. Whatever still unwinds in it can reach no port any more. As Ctrl-C it
    is no way for a task to end."""


@dataclass(eq=False)
class Fiber:
    process: Process
    run: greenlet
    wake_at: int
    waits_for: Fiber | None = None


@dataclass(eq=False)
class Process:
    name: str
    skew: int = 0  # milliseconds by which its clock is wrong
    ends_at: int | None = None  # when Lambda kills it
    hint: Hint | None = None  # what a worker was sent to do
    dead: bool = False
    paused_until: int = 0
    to_be_overtaken: str | None = None  # it pauses until another process writes this job
    fibers: list[Fiber] = field(default_factory=list)
    ended: Callable[[Exception | None], None] = lambda error: None
    """Called once it has run to its end, not when it crashed."""


class Scheduler:
    def __init__(self, seed: int, trace: Callable[[str], None] | None = None) -> None:
        self.random = random.Random(seed)
        self.time = 1_800_000_000_000
        self.began_at = self.time
        self.steps = 0
        self.processes: list[Process] = []
        self._trace = trace
        self._main = getcurrent()
        self._current: Fiber | None = None

    def note(self, text: str) -> None:
        if self._trace:
            who = self._current.process.name if self._current else "world"
            self._trace(f"{(self.time - self.began_at) / SECOND:10.3f} s  {who:12} {text}")

    # ── for those who set it up ──

    def start(self, process: Process, body: Callable[[], Any], *, delay: int = 0) -> Process:
        def run() -> None:
            error: Exception | None = None
            try:
                body()
            except Exception as raised:
                error = raised
            except Crash:
                return
            if not process.dead:
                process.ended(error)

        self.processes.append(process)
        self._fiber(process, run, self.time + delay)
        return process

    def companion(self, body: Callable[[], Any]) -> Fiber:
        """A second thread of the current process."""

        def run() -> None:
            try:
                body()
            except Crash:
                return

        return self._fiber(self.process, run, self.time)

    def _fiber(self, process: Process, run: Callable[[], None], wake_at: int) -> Fiber:
        fiber = Fiber(process, greenlet(run, parent=self._main), wake_at)
        process.fibers.append(fiber)
        return fiber

    # ── for code inside a process ──

    @property
    def process(self) -> Process:
        assert self._current is not None
        return self._current.process

    def step(self) -> None:
        """Let anybody else go first."""
        self.sleep_until(self.time)

    def sleep_until(self, time: int) -> None:
        fiber = self._current
        assert fiber is not None
        if fiber.process.dead:
            raise Crash
        fiber.wake_at = time
        self._main.switch()

    def join(self, other: Fiber) -> None:
        fiber = self._current
        assert fiber is not None
        while not other.run.dead:
            if fiber.process.dead:
                raise Crash
            fiber.waits_for = other
            self._main.switch()
        fiber.waits_for = None

    def crash(self) -> None:
        """Ends the current process here."""
        self.process.dead = True
        raise Crash

    # ── the loop ──

    def next_event(self) -> int | None:
        """When somebody can go on; None if nobody ever will."""
        times = [
            max(fiber.wake_at, process.paused_until)
            for process in self.processes
            for fiber in process.fibers
            if fiber.waits_for is None or fiber.waits_for.run.dead
        ]
        times += [process.ends_at for process in self.processes if process.ends_at is not None]
        return min(times, default=None)

    def ready(self) -> list[Fiber]:
        return [
            fiber
            for process in self.processes
            if process.paused_until <= self.time
            for fiber in process.fibers
            if fiber.wake_at <= self.time and (fiber.waits_for is None or fiber.waits_for.run.dead)
        ]

    def advance(self, fiber: Fiber) -> None:
        self.steps += 1
        self._current = fiber
        try:
            fiber.run.switch()
        finally:
            self._current = None
        self.time += self.random.choice(STEP_TAKES)
        self.bury(fiber.process)

    def bury(self, process: Process) -> None:
        """Forget what has ended; what is dead unwinds without reaching anything."""
        if process.dead:
            for fiber in process.fibers:
                if not fiber.run.dead:
                    self._current = fiber
                    fiber.run.throw(Crash if fiber.run else GreenletExit)  # or never begun
                    self._current = None
        process.fibers = [fiber for fiber in process.fibers if not fiber.run.dead]
        if not process.fibers:
            self.processes.remove(process)

    def kill_overtime(self) -> None:
        """What Lambda does at a function's time limit."""
        for process in list(self.processes):
            if process.ends_at is not None and process.ends_at <= self.time:
                self.note(f"{process.name} is killed at its time limit")
                process.dead = True
                self.bury(process)
