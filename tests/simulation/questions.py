"""What holds of jobs that sleep and ask, and who answers them in a scenario."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from chalicelib.domain import steps
from chalicelib.domain.errors import ClientError, Unavailable
from chalicelib.domain.job import MINUTE, SECOND, JobRecord, WaitReason
from chalicelib.domain.steps import Opened
from chalicelib.domain.writes import Verb, Write
from chalicelib.ports.system import System
from chalicelib.service import answers
from chalicelib.tasks import Unanswered
from tests.simulation.promises import require

if TYPE_CHECKING:
    from tests.simulation.world import World

STEPS = 30  # of a plan at most; each may be a question
SOON = 100 * SECOND  # after an answer, where nothing goes wrong; the first reminder comes later
LATE = 30 * MINUTE  # once faults have stopped; a look is due each 15 minutes
SKEW = 6 * SECOND  # between the clocks of two processes, at worst
TIMEOUTS = (20, 90, 3 * 3_600, 3 * 3_600)  # seconds
SLEEPS = (0, 2, 30, 400, 3_000)  # seconds

Name = tuple[str, str, str]  # of a step: the job's id and uid, and its name


def step_of(at: int) -> str:
    """The name of the step at this place of a plan; `u` opens the question that follows it."""
    return f"step-{at}"


@dataclass
class Questions:
    world: World
    reached: dict[Name, tuple[int, int]] = field(default_factory=dict)  # a sleep: when, and for how
    suspended_at: dict[tuple[str, str], int] = field(default_factory=dict)
    stored_at: dict[Name, int] = field(default_factory=dict)  # facts
    taken: defaultdict[Name, set[str]] = field(default_factory=lambda: defaultdict(set))
    given: defaultdict[Name, set[str]] = field(default_factory=lambda: defaultdict(set))
    unanswered: dict[Name, int] = field(default_factory=dict)  # the generation

    # ── what the ports report ──

    def stored(self, record: JobRecord, step: str) -> None:
        self.stored_at.setdefault((record.id, record.uid, step), self.world.scheduler.time)

    def written(self, before: JobRecord, write: Write, after: JobRecord) -> None:
        if write.verb == Verb.SUSPEND:
            self.suspended_at[after.id, after.uid] = self.world.scheduler.time
        require(
            write.verb != Verb.POSTPONE or not before.suspended,
            "what is due for a suspended job is its message",
            f"{before.id[-4:]} was postponed",
        )
        if write.verb == Verb.WAKE and before.wait_reason is WaitReason.ANSWER:
            self._woken(before)

    def _woken(self, record: JobRecord) -> None:
        assert record.wait is not None
        reply = steps.reply(record.wait.step, record.wait.round)
        now, faultless = self.world.scheduler.time, self.world.scenario.rate == 0
        until = record.wait.until or 0
        ended_at = min(until, self.stored_at.get((record.id, record.uid, reply), until))
        require(
            ended_at <= now + self._skew,
            "a job that asks goes on once its question has ended, and not before",
            f"{record.id[-4:]} was woken",
        )
        could = max(ended_at, self.suspended_at[record.id, record.uid])
        could = max(could, self.world.faults_stopped_at or (0 if faultless else now))
        require(
            now - could <= (SOON if faultless and ended_at < until else LATE),
            "a job that asks is never forgotten",
            f"{record.id[-4:]} went on after {(now - could) / SECOND} s",
        )

    # ── what a task does ──

    def sleeps(self, job: Any, at: int) -> None:
        name, now = self._name(job, at), self.world.scheduler.time
        started_at, seconds = self.reached.setdefault(name, (now, self._of(SLEEPS)))
        job.sleep(step_of(at), seconds)
        left = started_at + seconds * SECOND - self.world.scheduler.time
        require(left <= self._skew, "a sleep is never early", f"by {left} ms")

    def asks(self, job: Any, at: int) -> None:
        name, record = self._name(job, at), job.record
        try:
            answer = job.ask(step_of(at), prompt="?", timeout=self._of(TIMEOUTS))
        except Unanswered:
            self.unanswered[name] = record.generation
            self._not_early(name)
            self._one_end(name, record.generation)
            if self.world.random.random() < 0.5:
                raise
            return
        self.given[name].add(answer)
        self._one_end(name, record.generation)

    def gives_away_a_url(self, job: Any, at: int) -> None:
        """To a third party that calls back at once or later."""
        name, world = self._name(job, at + 1), self.world
        url: str = job.answer_url(step_of(at + 1), self._of(TIMEOUTS))
        sealed, process = url.rpartition("/")[2], world.process(f"third-{self._number()}")
        system, answer = world.system(process), f"third-{world.random.randrange(2)}"

        def call_back() -> None:
            try:
                answers.answer_sealed(system, sealed, answer)
            except (ClientError, Unavailable):
                return
            self._was_taken(name, answer)

        delay = world.random.choice((0, 0, 5, 20_000, 400_000))
        world.scheduler.start(process, call_back, delay=delay)

    # ── what clients do ──

    def answer(self, system: System, owner: str, job_id: str) -> None:
        """Any of the questions that the job may ask, also one that it has not reached."""
        if (before := self.world.jobs.records.get(job_id)) is None or before.parent is not None:
            return
        plan = msgspec.json.decode(before.params.text or "{}").get("plan", "")
        asked = [at for at, letter in enumerate(plan) if letter == "q"]
        if not asked:
            return
        at, value = self.world.random.choice(asked), f"client-{self.world.random.randrange(2)}"
        until = self._until((job_id, before.uid, step_of(at)))
        if until and self.world.random.random() < 0.3:  # with the last second, or a little late
            moment = until + self.world.random.choice((-2, -1, 0, 1)) * SECOND
            system.clock.sleep(max(moment - self.world.scheduler.time, 0) / SECOND)
        if self.world.random.random() < 0.3:
            self._rival(owner, before, at)
        self._answer(system, owner, before, at, value)

    def _rival(self, owner: str, record: JobRecord, at: int) -> None:
        """Another client that answers at the same time."""
        process = self.world.process(f"rival-{self._number()}")
        system = self.world.system(process)

        def live() -> None:
            with contextlib.suppress(ClientError, Unavailable):
                self._answer(system, owner, record, at, "rival")

        self.world.scheduler.start(process, live)

    def _answer(self, system: System, owner: str, before: JobRecord, at: int, value: str) -> None:
        answers.answer(system, owner, before.id, step_of(at), value)
        after = self.world.jobs.records.get(before.id)
        if after is not None and after.uid == before.uid:
            self._was_taken((before.id, before.uid, step_of(at)), value)

    # ── what must hold ──

    def _was_taken(self, name: Name, answer: str) -> None:
        self.taken[name].add(answer)
        record = self.world.jobs.records.get(name[0])
        if record is not None and record.uid == name[1]:
            self._one_end(name, record.generation)

    def _one_end(self, name: Name, generation: int) -> None:
        """A question that was answered is not asked again; one that was not may be, in the next
        generation."""
        ends = self.taken[name] | self.given[name]
        missed = self.unanswered.get(name) == generation
        require(
            len(ends) <= 1 and not (ends and missed),
            "an answer is taken once, and the job gets that one or Unanswered, never both",
            f"{name[2]} of {name[0][-4:]}: {sorted(ends)}, unanswered: {missed}",
        )

    def _not_early(self, name: Name) -> None:
        left = (self._until(name) or 0) - self.world.scheduler.time
        require(left <= self._skew, "a question is not closed early", f"by {left} ms")

    def _until(self, name: Name) -> int | None:
        """When the question is closed, the last one of this name."""
        opened = {steps.opened(name[2], round) for round in range(STEPS)}
        found = (
            msgspec.json.decode(text, type=Opened).until
            for (job_id, uid, step), (text, _) in self.world.jobs.steps.items()
            if (job_id, uid) == name[:2] and step in opened
        )
        return max(found, default=None)

    @property
    def _skew(self) -> int:
        return SKEW if "skew" in self.world.scenario.kinds else 0

    def _name(self, job: Any, at: int) -> Name:
        return job.record.id, job.record.uid, step_of(at)

    def _of(self, some: tuple[int, ...]) -> int:
        return self.world.random.choice(some)

    def _number(self) -> int:
        return self.world.watch.number("third")
