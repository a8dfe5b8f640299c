"""Answer a question that a job asks."""

from __future__ import annotations

from typing import Any

from chalicelib.domain import steps
from chalicelib.domain.answer_urls import unseal_question
from chalicelib.domain.errors import AlreadyAnswered, JobFinished, NotFound
from chalicelib.domain.job import JobRecord
from chalicelib.domain.params import decode
from chalicelib.domain.steps import Reply
from chalicelib.domain.task import STEP
from chalicelib.domain.values import digest, encode
from chalicelib.ports.system import System
from chalicelib.service import uploads
from chalicelib.service.facts import read_fact
from chalicelib.service.measures import log_fields
from chalicelib.service.questions import end_question, latest
from chalicelib.service.read import get
from chalicelib.service.waits import look
from chalicelib.telemetry.logs import bind


def answer(system: System, owner: str, job_id: str, step: str, value: Any) -> None:
    """Store the answer, and let the job go on. `value` is JSON as parsed.

    The same answer again changes nothing. Raises NotFound if the job asks nothing of this name,
    AlreadyAnswered, JobFinished, and InvalidRequest if the answer does not fit its type.
    """
    record = get(system, owner, job_id)
    question, end = latest(system, record, step) if STEP.fullmatch(step) else (None, None)
    if question is None:
        raise NotFound(f"The job asks nothing named {step!r}.")
    _end(system, record, step, question.round, question.opened.until, end, value)


def answer_sealed(system: System, sealed: str, value: Any) -> None:
    """As `answer`, for the question whose URL `job.answer_url` has sealed. Reads nothing before
    the seal is verified."""
    named = unseal_question(system.answer_secrets.for_seals(), sealed)
    now = system.clock.now()
    record = system.jobs.read(named.job) if named and named.until > now else None
    if named is None or record is None or record.uid != named.uid or not record.visible(now):
        raise NotFound("This URL takes no answer, or no longer.")
    bind(**log_fields(record))
    end = read_fact(system, record, steps.reply(named.step, named.round), Reply)
    _end(system, record, named.step, named.round, named.until, end, value)


def _end(
    system: System,
    record: JobRecord,
    step: str,
    round: int,
    until: int,
    end: Reply | None,
    value: Any,
) -> None:
    """`until`: when the question is closed. `end`: how it has ended, if it has."""
    if end is None and system.clock.now() >= until:
        end = end_question(system, record, step, round, Reply())  # as a look would close it
    if end is None:
        task = system.tasks().get(record.task)
        if task is None or step not in task.asks:
            raise NotFound(f"The task {record.task} no longer asks for {step!r}.")
        decode(task.asks[step], value, "", "The answer does not fit its type.")
        uploads.check(system, record.owner, value, encode(value), "")
        if record.finished:
            raise JobFinished(f"The job is {record.status}: it takes no answer.")
        end = end_question(system, record, step, round, Reply(value))
    if not end.given or digest(end.answer) != digest(value):
        state = "has another answer" if end.given else "was not answered in time"
        raise AlreadyAnswered(f"{step!r} {state}.")
    # Also if this is a repetition: the first request may have died before its look.
    _look_again(system, record)


def decline(system: System, record: JobRecord, step: str, round: int) -> None:
    """Close this question without an answer, unless it has ended: the task gets `Unanswered`."""
    end_question(system, record, step, round, Reply())
    _look_again(system, record)


def _look_again(system: System, record: JobRecord) -> None:
    now_is = system.jobs.read(record.id)
    if now_is is None or now_is.uid != record.uid or not now_is.visible(system.clock.now()):
        raise NotFound("The job was deleted meanwhile.")  # and another answer with it, perhaps
    look(system, now_is)
