"""The questions of `job.ask`. A question and its end are facts beside the record: the first end
that is stored counts, so an answer is given or the question is unanswered, never both."""

from __future__ import annotations

import itertools

from chalicelib.domain import steps
from chalicelib.domain.job import JobRecord, Wait
from chalicelib.domain.steps import ASK, Opened, Question, Reply
from chalicelib.ports.system import System
from chalicelib.service.facts import read_fact, store_fact


def latest(system: System, record: JobRecord, step: str) -> tuple[Question | None, Reply | None]:
    """The last question under this step, and how it ended; None for what does not exist."""
    question, end = None, None
    for round in itertools.count():
        found = read_fact(system, record, steps.opened(step, round), Opened)
        if found is None or found.kind != ASK:
            break
        question = Question(step, round, found)
        end = read_fact(system, record, steps.reply(step, round), Reply)
        if end is None or end.given:
            break
    return question, end


def end_question(system: System, record: JobRecord, step: str, round: int, end: Reply) -> Reply:
    """Answer it, or close it unanswered, unless it has ended. Returns the end that is stored."""
    return store_fact(system, record, steps.reply(step, round), end)


def has_ended(system: System, record: JobRecord, wait: Wait) -> bool:
    """Whether the question that a job waits for has its answer, or its time is over: the job that
    asks closes it then."""
    if wait.until is not None and wait.until <= system.clock.now():
        return True
    return read_fact(system, record, steps.reply(wait.step, wait.round), Reply) is not None
