"""The steps of a running job: named calls whose outcome is stored, so that it is the same however
often the function runs again from its top."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

from chalicelib.domain import steps
from chalicelib.domain.answer_urls import seal_question
from chalicelib.domain.children import map_of
from chalicelib.domain.errors import InvalidRequest, PermanentError, Suspended, Unanswered
from chalicelib.domain.job import SECOND, JobRecord, Wait, WaitReason
from chalicelib.domain.params import decode
from chalicelib.domain.steps import ASK, MAP, SLEEP, Opened, Question, Reply
from chalicelib.domain.task import STEP
from chalicelib.domain.text import printable
from chalicelib.domain.values import decode_json
from chalicelib.ports.runtime import Interrupts
from chalicelib.ports.system import System
from chalicelib.service import questions
from chalicelib.service.arguments import arguments_of, require
from chalicelib.service.facts import read_fact, store_fact
from chalicelib.service.stash import json_text

T = TypeVar("T")

ONCE_STEP = re.compile(r"[^\x00-\x1f\ud800-\udfff]{1,200}")
ONCE_AT_MOST = 300 * 1024  # bytes; a DynamoDB item holds 400 KB
WAITING_AT_MOST = 1_000  # steps of a job; each run reads those before again
SHORT = 5 * SECOND  # the rest of a sleep that is not worth two writes and a message
LONGEST_WAIT = 30 * 86_400  # seconds: no deadline is further off
PROMPT_AT_MOST = 500  # characters: it is in every status body


class Steps:
    """Built in the thread that runs the task: only this thread may wait."""

    def __init__(
        self,
        system: System,
        record: JobRecord,
        interrupts: Interrupts,
        time_left: Callable[[], float],
    ) -> None:
        self.system = system
        self.record = record
        self.interrupts = interrupts
        self._time_left = time_left
        self._thread = threading.get_ident()
        self._inside_once = 0
        self._once: set[str] = set()
        self._reached: dict[str, str] = {}  # the kinds of the waiting steps so far
        self._waited: set[str] = set()  # those of `map`, `sleep` and `ask`

    def once(self, step: str, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        with arguments_of("once"):
            if not ONCE_STEP.fullmatch(step):
                raise ValueError(f"{step!r} cannot name a step: use 1 to 200 printable characters")
            if not callable(function):
                raise TypeError(f"{function!r} is not a function")
            if step in self._reached:
                raise ValueError(f"{step!r} is a {self._reached[step]} already: use another name")
        self._once.add(step)
        with self.interrupts.shielded():
            stored = self.system.jobs.once(self.record, step, self.record.beside_until)
        if stored is None:
            self._inside_once += 1
            try:
                text = json_text(function(*args, **kwargs), f"result of step {step!r}")
            finally:
                self._inside_once -= 1
            if len(text.encode()) > ONCE_AT_MOST:
                raise PermanentError(f"The result of step {step!r} is over 300 KiB: attach it.")
            with self.interrupts.shielded():
                until = self.record.beside_until
                stored = self.system.jobs.store_once(self.record, step, text, until)
        result: T = decode_json(stored)
        return result

    def sleep(self, step: str, seconds: float) -> None:
        with arguments_of("sleep"):
            self.reach(step, SLEEP)
            self.require_first(step)
            length = _milliseconds("seconds", seconds)
        with self.interrupts.shielded():
            opened = read_fact(self.system, self.record, steps.opened(step), Opened)
            if opened is None:
                opened = self._open(step, SLEEP, 0, length)
        self.require_kind(step, SLEEP, opened)
        left = opened.until - self.system.clock.now()
        if left > SHORT or left / SECOND > self._time_left():
            self.stop(Wait(step, WaitReason.SLEEP, self.record.generation, opened.until))
        if left > 0:
            self.system.clock.sleep(left / SECOND)
            self.interrupts.check()

    def ask(self, step: str, prompt: str, timeout: float) -> Any:
        with arguments_of("ask"):
            require("prompt", prompt, str)
            kind, question, end = self._asked(step, timeout)
            self.require_first(step)
        if end is None:
            text, generation = printable(prompt)[:PROMPT_AT_MOST], self.record.generation
            about = (question.opened.until, text, question.round)
            self.stop(Wait(step, WaitReason.ANSWER, generation, *about))
        if not end.given:
            raise Unanswered(f"{step!r} got no answer in time.")
        try:
            return decode(kind, end.answer, "", f"The answer to {step!r} no longer fits its type.")
        except InvalidRequest as error:
            raise PermanentError(str(error)) from error

    def answer_url(self, step: str, timeout: float) -> str:
        with arguments_of("answer_url"):
            _, question, _ = self._asked(step, timeout)
        base = self.record.base or self.system.rules.public_url
        if base is None:
            raise PermanentError(
                "job.answer_url does not know the API's URL, since no request over HTTP led to this"
                " job: code declares its schedule, for example. Set PUBLIC_URL for the stage."
            )
        with self.interrupts.shielded():
            secrets = self.system.answer_secrets.for_seals()
        return f"{base}/answers/{seal_question(secrets, self.record, question)}"

    def _asked(self, step: str, timeout: float) -> tuple[Any, Question, Reply | None]:
        """The type of the answer, the question, and its end if it has one. Asks if this step was
        not asked before, or only before a client's retry, without an answer in time."""
        self.reach(step, ASK)
        kinds = self._kinds_of_answers()
        if step not in kinds:
            raise ValueError(f"the task asks no {step!r}: add its type to @task(asks={{…}})")
        length = _milliseconds("timeout", timeout)
        with self.interrupts.shielded():
            question, end = questions.latest(self.system, self.record, step)
            if question is None:
                question = Question(step, 0, self._open(step, ASK, 0, length))
            elif end is None and question.opened.until <= self.system.clock.now():
                round = question.round
                end = questions.end_question(self.system, self.record, step, round, Reply())
            if end and not end.given and question.opened.generation < self.record.generation:
                round, end = question.round + 1, None
                question = Question(step, round, self._open(step, ASK, round, length))
        self.require_kind(step, ASK, question.opened)
        return kinds[step], question, end

    def _kinds_of_answers(self) -> Mapping[str, Any]:
        task = self.system.tasks().get(self.record.task)
        return task.asks if task else {}

    # ── what all waiting steps share ──

    def reach(self, step: str, kind: str) -> None:
        require("step", step, str)
        if not STEP.fullmatch(step):
            raise ValueError(f"{step!r} cannot name a waiting step: use 1 to 64 of a-z 0-9 _ -")
        if self._inside_once:
            raise ValueError(f"{step!r} waits inside `once`: wait outside of it")
        if threading.get_ident() != self._thread:
            raise ValueError(f"{step!r} waits in another thread: only the task's own thread may")
        if kind != MAP and map_of(self.record, step):
            raise ValueError(f"{step!r} is a {MAP} already: use another name")
        if step in self._once:
            raise ValueError(f"{step!r} is a `once` already: use another name")
        if self._reached.setdefault(step, kind) != kind:
            raise ValueError(f"{step!r} is a {self._reached[step]} already: use another name")
        if len(self._reached) > WAITING_AT_MOST:
            raise ValueError(f"a job has at most {WAITING_AT_MOST} waiting steps")

    def require_first(self, step: str) -> None:
        """A second wait under the same name would find the outcome of the first: a loop would not
        wait, or never end."""
        if step in self._waited:
            raise ValueError(
                f"{step!r} is reached twice in one run: give each wait a name of its own"
            )
        self._waited.add(step)

    def _open(self, step: str, kind: str, round: int, length: int) -> Opened:
        """Store the step as reached. Returns what is stored."""
        until = self.system.clock.now() + length
        if until >= self.record.deadline:
            raise PermanentError(
                f"{step!r} would end after the job's deadline: raise the task's timeout."
            )
        opened = Opened(kind, self.record.generation, until)
        return store_fact(self.system, self.record, steps.opened(step, round), opened)

    def require_kind(self, step: str, kind: str, opened: Opened) -> None:
        if opened.kind != kind:
            raise PermanentError(
                f"{step!r} was a {opened.kind} in an earlier run and is a {kind} now: use another"
                " name for a new step."
            )

    def require_in_order(self, step: str) -> None:
        """A run has to come to the step that it was woken for before it waits for another."""
        last = self.record.wait
        if last is None or last.generation != self.record.generation or last.step in self._reached:
            return
        raise PermanentError(
            f"The job waited at {last.step!r}, and now first reaches {step!r}: a deployment has"
            " renamed or reordered the steps under it. A retry starts anew with the new order."
        )

    def stop(self, wait: Wait) -> NoReturn:
        """Suspended is raised again at the next `job.*` call if the task swallows it."""
        self.require_in_order(wait.step)
        self.interrupts.interrupt(Suspended(wait))
        self.interrupts.check()
        raise PermanentError(f"{wait.step!r} waits while the task is being stopped.")


def _milliseconds(name: str, seconds: float) -> int:
    require(name, seconds, int, float)
    if not 0 <= seconds <= LONGEST_WAIT:
        raise ValueError(f"{name} is {seconds}; it must be from 0 to {LONGEST_WAIT} (30 days)")
    return round(seconds * SECOND)
