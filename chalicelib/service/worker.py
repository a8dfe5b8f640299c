"""Do the work: claim, run, finish. A message only names a job; the conditional write on its record
decides which worker runs it."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from typing import assert_never

import msgspec

from chalicelib.domain import verbs, waiting_verbs
from chalicelib.domain.errors import (
    ConditionFailed,
    InvalidRequest,
    OvertimeError,
    PermanentError,
    RetryLater,
    Suspended,
)
from chalicelib.domain.job import SECOND, Hint, JobRecord, Problem, Status, WaitReason
from chalicelib.domain.outcomes import (
    OUT_OF_TIME,
    SWALLOWED,
    UNKNOWN_TASK,
    Canceled,
    Continue,
    Expired,
    Failed,
    Lost,
    Outcome,
    Retry,
    Succeeded,
    Waiting,
    outcome_of,
)
from chalicelib.domain.params import decode
from chalicelib.domain.retry import backoff_seconds
from chalicelib.domain.task import Task
from chalicelib.domain.transitions import Stamp
from chalicelib.domain.values import decode_json
from chalicelib.domain.writes import Verb, Write
from chalicelib.ports.system import System
from chalicelib.service.cascade import admitted
from chalicelib.service.ends import carry_out, note_end
from chalicelib.service.heartbeat import Heartbeat
from chalicelib.service.measures import log_fields
from chalicelib.service.moments import may_run
from chalicelib.service.run import Run
from chalicelib.service.stash import RESULT_INLINE, fetch, json_text, stash
from chalicelib.service.transition import announce, enqueue
from chalicelib.service.waits import look
from chalicelib.telemetry.logs import bind, bound
from chalicelib.telemetry.metrics import Metric

logger = logging.getLogger(__name__)


WORTH_WAITING = 2 * SECOND  # for a job's time to come; SQS delays by whole seconds
EXPECTED = (PermanentError, RetryLater, InvalidRequest, ConnectionError, TimeoutError)


class BadMessage(OvertimeError):
    slug, title = "bad-message", "The message was not sent by this service"


def process_messages(system: System, bodies: Sequence[str], ends_at: int) -> None:
    """Work on the messages of one invocation until `ends_at` (epoch ms), when Lambda ends it.

    If any failed, raises the last error once all are processed: SQS then delivers all of them
    again, which does no harm to finished jobs.
    """
    margin = min(system.rules.ending_margin, (ends_at - system.clock.now()) // 4)
    failure: Exception | None = None
    for number, body in enumerate(bodies):
        too_late = number > 0 and ends_at - system.clock.now() < 2 * margin
        with bound():
            try:
                _work(system, _parse(body), ends_at - margin, too_late)
            except Exception as error:
                logger.exception("delivery_failed", extra={"text": body[:200]})
                failure = error
    if failure is not None:
        raise failure


def _parse(body: str) -> Hint:
    try:
        return msgspec.json.decode(body, type=Hint)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise BadMessage(f"A message must be {{job, generation}}: {error}") from None


def _work(system: System, hint: Hint, ends_at: int, too_late: bool) -> None:
    bind(job=hint.job)
    if too_late:
        record = system.jobs.read(hint.job)
        if record is not None and record.status is Status.QUEUED:
            enqueue(system, record)  # for another invocation, which has more time
        return
    record = _claim(system, hint)
    if record is None:
        logger.info("nothing_to_claim")
        return
    bind(**log_fields(record))
    announce(system, record, Verb.CLAIM)
    record = admitted(system, record)
    if record is None or not may_run(system, record):
        return
    run = Run(system, record, ends_at)
    heartbeat = Heartbeat(run)
    run.on_news = lambda: heartbeat.notify()
    task = system.tasks().get(record.task)
    with system.beating(heartbeat):
        outcome = _run(run, task)
    _finish(run, task, outcome)


def _claim(system: System, hint: Hint) -> JobRecord | None:
    """The job, now running; None if there is nothing to do."""
    lease_until = system.clock.now() + system.rules.lease
    for _ in range(3):
        token, now = system.new_id(), system.clock.now()
        try:
            write = verbs.claim(hint.generation, token, lease_until, now)
            return system.jobs.apply(hint.job, write)
        except ConditionFailed as failed:
            record = failed.current
        if record is None or record.generation != hint.generation:
            return None  # erased, or a message from before the client's retry
        if record.lease_token == token:
            return record  # the first write succeeded; a cancel then made the SDK's repeat fail
        if record.status is not Status.QUEUED:
            note_end(system, record)  # of a child: the worker that ended it may have died then
            return None  # another worker runs it, or it has finished
        if record.deadline <= now:
            carry_out(system, record, _expire_if_queued)
            return None
        if record.suspended:
            look(system, record, thorough=True)
            return None
        early = record.not_before - now  # the clocks of this worker and the queue differ
        if early > WORTH_WAITING:
            enqueue(system, record)
            return None
        if early > 0:
            system.clock.sleep(early / SECOND)
        lease_until = min(system.clock.now() + system.rules.lease, record.deadline)
    return None  # it changed three times meanwhile; the sweeper will send another message


def _run(run: Run, task: Task | None) -> Outcome:
    """Runs the task and turns every way it can end into an outcome. Ctrl-C ends the process."""
    if task is None:
        return UNKNOWN_TASK
    try:
        gone = "The job's params no longer exist."
        params = decode_json(fetch(run.system, run.record.params, gone))
        run.resume()
        with run.interrupts.armed():
            value = task(run, decode(task.params_type, params))
        if isinstance(run.interrupts.pending, Suspended):
            return SWALLOWED
        return Succeeded(json_text(value, "task's result"))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        outcome = outcome_of(error, run.interrupts.pending, run.shown)
        if isinstance(outcome, (Failed, Retry)):
            _log_failure(run, error, outcome.error)
        return outcome


def _log_failure(run: Run, error: BaseException, problem: Problem) -> None:
    """The traceback goes to the log only. Errors that a task raises on purpose, and those of a
    third party that cannot be reached, need none."""
    expected = isinstance(error, EXPECTED) or type(error) is OSError
    where = None if expected else run.shown("".join(traceback.format_exception(error)))
    detail = f"{problem.title}: {problem.detail}"
    fields = {"error": problem.type, "detail": detail, "traceback": where}
    logger.warning("attempt_failed", extra=fields)


def _finish(run: Run, task: Task | None, outcome: Outcome) -> None:
    """Write the outcome. If another worker holds the lease by now, nothing is written."""
    system = run.system
    if isinstance(outcome, Lost):
        _note_loss()
        return
    run.store_logs()
    if isinstance(outcome, Succeeded):
        run.drop_checkpoint()
        result = stash(system, run.new_key("results"), outcome.result, RESULT_INLINE)
    found = run.take_output()
    if isinstance(outcome, Continue) and not run.moved:
        outcome = OUT_OF_TIME
    if isinstance(outcome, Retry):
        not_before = system.clock.now() + _delay(system, task, run.attempt, outcome)

    ours = False

    def decide(record: JobRecord, stamp: Stamp) -> Write | None:
        nonlocal ours
        ours = record.lease_token == run.lease_token
        if not ours:
            _note_loss()
            return None
        match outcome:
            case Succeeded():
                return verbs.succeed(record, stamp, found, result)
            case Failed(error):
                return verbs.fail(record, stamp, found, error)
            case Expired():
                return verbs.expire(record, stamp)
            case Canceled() | Retry() | Continue() | Waiting() if record.cancel_requested:
                return verbs.acknowledge_cancel(record, stamp, found)
            case Retry(error) if record.attempt < record.max_attempts:
                return verbs.retry_later(record, stamp, found, error, not_before)
            case Retry(error):
                return verbs.fail(record, stamp, found, error)
            case Continue() | Canceled():  # a parent that runs again has withdrawn the cancel
                return verbs.continue_(record, stamp, found)
            case Waiting(wait) if wait.reason is WaitReason.SLEEP:
                return waiting_verbs.sleep(record, stamp, found, wait)
            case Waiting(wait):
                return waiting_verbs.suspend(record, stamp, found, wait)
            case _:
                assert_never(outcome)

    after = carry_out(system, run.record, decide)
    if ours:
        run.delete_replaced(after)
        look(system, after)


def _note_loss() -> None:
    logger.warning("lease_lost", extra={"metrics": {Metric.LEASE_LOST: 1}})


def _delay(system: System, task: Task | None, attempt: int, outcome: Retry) -> int:
    """Milliseconds until the next attempt."""
    seconds = outcome.delay_seconds
    if seconds is None:
        assert task is not None
        seconds = backoff_seconds(attempt, task.backoff, task.backoff_max, system.random)
    return int(seconds * SECOND)


def _expire_if_queued(record: JobRecord, stamp: Stamp) -> Write | None:
    passed = record.status is Status.QUEUED and record.deadline <= stamp.now
    return verbs.expire(record, stamp) if passed else None
