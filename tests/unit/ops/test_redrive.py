"""Dead letters: why each is there, and that none is lost on the way out."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto import mock_aws

from chalicelib.aws.jobs_table import JobsTable
from chalicelib.domain import verbs
from chalicelib.domain.job import DAY, Hint, JobRecord
from chalicelib.domain.values import encode
from ops import dead_letters
from ops.cli import stage as stages
from ops.cli.stage import Refusal, Stage
from ops.dead_letters import Cause, DeadLetter, DeadLetters, cause_of, diagnose, lanes
from ops.redrive import redrive, verdict_on
from tests.aws import create_table
from tests.records import LEASE, PROBLEM, failed, queued, running, stamp, succeeded

STAGE = Stage("overtime", "dev")


@pytest.fixture(scope="module", autouse=True)
def clients() -> Iterator[None]:
    """Made once, for an account that is nobody's."""
    stages._client.cache_clear()
    yield
    stages._client.cache_clear()


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty account with the stage's table and queues."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "YES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(dead_letters, "LONG_POLL_SECONDS", 0)
    with mock_aws():
        create_table(STAGE.client("dynamodb"), STAGE.table)
        for lane in lanes(STAGE):
            for name in (STAGE.queue(lane), f"{STAGE.queue(lane)}-dead"):
                STAGE.client("sqs").create_queue(QueueName=name)
        yield


def url(name: str) -> str:
    found: str = STAGE.client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
    return found


def put(body: str | JobRecord, lane: str = "default", generation: int = 0) -> str:
    """The body of a dead letter that is there now."""
    text = encode(Hint(body.id, generation)) if isinstance(body, JobRecord) else body
    STAGE.client("sqs").send_message(QueueUrl=url(f"overtime-dev-{lane}-dead"), MessageBody=text)
    return text


def bodies(name: str) -> list[str]:
    """What can be received there."""
    found = []
    while (
        received := STAGE.client("sqs")
        .receive_message(QueueUrl=url(name), MaxNumberOfMessages=10, VisibilityTimeout=0)
        .get("Messages")
    ):
        fresh = [one["Body"] for one in received if one["Body"] not in found]
        if not fresh:
            break
        found += fresh
    return sorted(found)


def table() -> JobsTable:
    return JobsTable(lambda: STAGE.client("dynamodb"), STAGE.table)


def now() -> int:
    return time.time_ns() // 1_000_000


def stored(record: JobRecord) -> JobRecord:
    table().submit(record)
    return record


def waiting(**fields: Any) -> JobRecord:
    return stored(queued(now() - 60_000, **fields))


Then = Callable[[float], None]


def worker(record: JobRecord, end: Callable[[JobRecord], Any] | None) -> Then:
    """Stands for the passing of time, in which a worker claims the job and ends it so."""
    todo = [record] if end else []

    def sleep(seconds: float) -> None:
        while todo:
            job = todo.pop()
            claim = verbs.claim(job.generation, "token", now() + LEASE, now())
            claimed = table().apply(job.id, claim)
            assert end is not None
            table().apply(job.id, end(claimed))

    return sleep


def succeeds(record: JobRecord) -> Any:
    return verbs.succeed(record, stamp(now()), verbs.PendingOutput(), PARAMS)


def fails(record: JobRecord) -> Any:
    return verbs.retry_later(record, stamp(now()), verbs.PendingOutput(), PROBLEM, now())


PARAMS = queued().params


# ── why it is there ──


def test_each_cause_is_told_from_the_record() -> None:
    at = now()
    waits, runs = queued(at), running(at)
    gone = dataclasses.replace(succeeded(at), expires_at=at - 1)
    retried = dataclasses.replace(waits, generation=1)
    for hint, job, cause in (
        (None, None, Cause.UNREADABLE),
        (Hint("x", 0), None, Cause.GONE),
        (Hint("x", 0), gone, Cause.GONE),
        (Hint("x", 0), succeeded(at), Cause.FINISHED),
        (Hint("x", 0), failed(at), Cause.FINISHED),
        (Hint("x", 0), retried, Cause.OLDER),
        (Hint("x", 1), retried, Cause.WAITING),
        (Hint("x", 0), waits, Cause.WAITING),
        (Hint("x", 0), runs, Cause.RUNNING),
    ):
        assert cause_of(hint, job, at) is cause


@pytest.mark.parametrize("body", ["", "hello", "[]", '{"job": 1, "generation": 0}'])
def test_what_is_no_message_of_ours_is_shown_as_it_is(body: str) -> None:
    [found] = diagnose([DeadLetter("m1", body, "r", None)], {}, now())
    assert found.cause is Cause.UNREADABLE
    assert str(found) == f"message m1: {body!r}"


def test_a_live_job_is_shown_with_its_error() -> None:
    record = running(now())
    record = fails(record).applied_to(record)
    letter = DeadLetter("m1", encode(Hint(record.id, 0)), "r", None)
    [found] = diagnose([letter], {record.id: record}, now())
    assert PROBLEM.title in str(found)
    assert "attempt 1 of 3" in str(found)


def test_only_a_live_jobs_message_can_do_anything() -> None:
    assert {cause for cause in Cause if not cause.hopeless} == {Cause.WAITING, Cause.RUNNING}


# ── looking, and sending back ──


def test_looking_takes_nothing_away(capsys: pytest.CaptureFixture[str]) -> None:
    letters = sorted(["garbage", put(queued()), put(waiting())])
    put("garbage")
    with pytest.raises(Refusal, match="Nobody is here to ask"):
        redrive(STAGE, yes=False, wait=1, sleep=lambda _: None)
    left = bodies("overtime-dev-default-dead") + bodies("overtime-dev-default")
    assert sorted(left) == letters
    shown = capsys.readouterr().out
    for text in ("dead letters: 3", Cause.UNREADABLE, Cause.GONE, Cause.WAITING, "'garbage'"):
        assert text in shown


def test_an_empty_stage_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    redrive(STAGE, yes=False, wait=1)
    assert capsys.readouterr().out == "No dead letters in overtime-dev.\n"


def test_one_goes_first_and_the_others_follow_once_it_worked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, *others = [waiting(not_before=now() - 60_000 + n) for n in range(3)]
    letters = sorted(put(record) for record in (*others, first))
    on_the_way: list[int] = []

    def sleep(seconds: float) -> None:
        on_the_way.append(len(bodies("overtime-dev-default")))
        worker(first, succeeds)(seconds)

    redrive(STAGE, yes=True, wait=5, sleep=sleep)
    assert on_the_way == [1]
    assert bodies("overtime-dev-default") == letters
    assert bodies("overtime-dev-default-dead") == []
    assert "Its job succeeded." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("end", "said"), [(fails, "its attempt 1 failed"), (None, "No worker has taken it")]
)
def test_where_the_first_does_not_work_the_others_stay(
    end: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    records = [waiting(not_before=now() - 60_000 + n) for n in range(3)]
    letters = sorted(put(record) for record in records)
    with pytest.raises(Refusal, match="The others stay"):
        redrive(STAGE, yes=True, wait=2, sleep=worker(records[0], end))
    assert said in capsys.readouterr().out
    sent, left = bodies("overtime-dev-default"), bodies("overtime-dev-default-dead")
    assert len(sent) == 1
    assert sorted(sent + left) == letters


def test_a_yes_from_the_environment_does_not_send_after_a_failure_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("YES", "1")
    records = [waiting(), waiting()]
    for record in records:
        put(record)
    with pytest.raises(Refusal, match="The others stay"):
        redrive(STAGE, yes=False, wait=1, sleep=lambda _: None)
    assert len(bodies("overtime-dev-default-dead")) == 1


def test_a_send_that_fails_deletes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    letter = put(waiting())
    sqs = STAGE.client("sqs")

    class Refusing:
        def __getattr__(self, name: str) -> Any:
            if name == "send_message":
                raise ConnectionError("no answer")
            return getattr(sqs, name)

    queue = DeadLetters(Refusing(), STAGE, "default")
    [looked_at] = queue.look()
    with pytest.raises(ConnectionError):
        queue.send_back(looked_at)
    queue.give_back([looked_at])
    assert bodies("overtime-dev-default-dead") == [letter]


def test_a_message_keeps_the_group_that_fair_queues_go_by() -> None:
    sqs = STAGE.client("sqs")
    dead = url("overtime-dev-default-dead")
    sqs.send_message(QueueUrl=dead, MessageBody="x", MessageGroupId="owner")
    queue = DeadLetters(sqs, STAGE, "default")
    [letter] = queue.look()
    assert letter.group == "owner"
    queue.send_back(letter)
    [sent] = sqs.receive_message(QueueUrl=url("overtime-dev-default"), AttributeNames=["All"])[
        "Messages"
    ]
    assert sent["Attributes"]["MessageGroupId"] == "owner"


def test_every_lane_is_looked_at() -> None:
    job = waiting(lane="heavy")
    letter = put(job, lane="heavy")
    redrive(STAGE, yes=True, wait=2, sleep=worker(job, succeeds))
    assert bodies("overtime-dev-heavy") == [letter]
    assert bodies("overtime-dev-heavy-dead") == []


def test_a_no_in_one_lane_hides_none_of_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    put("garbage")
    put("rubbish", lane="heavy")
    with pytest.raises(Refusal) as refused:
        redrive(STAGE, yes=False, wait=1)
    for lane, body in (("default", "garbage"), ("heavy", "rubbish")):
        assert f"overtime-dev-{lane}-dead: Delete these 1? Nobody is here" in str(refused.value)
        assert bodies(f"overtime-dev-{lane}-dead") == [body]
    shown = capsys.readouterr().out
    assert "'garbage'" in shown
    assert "'rubbish'" in shown


def test_one_that_cannot_be_given_back_hides_neither_the_others_nor_the_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    letters = sorted(["garbage", "rubbish", "waste"])
    for letter in letters:
        put(letter)
    look = DeadLetters.look

    def with_one_spoilt(queue: DeadLetters) -> list[DeadLetter]:
        first, *others = look(queue)
        return [dataclasses.replace(first, receipt="expired"), *others]

    monkeypatch.setattr(DeadLetters, "look", with_one_spoilt)
    monkeypatch.setattr("ops.redrive.lanes", lambda stage: ["default"])
    with pytest.raises(Refusal, match="They stay where they were"):
        redrive(STAGE, yes=False, wait=1)
    assert len(bodies("overtime-dev-default-dead")) == 2
    assert "1 could not be given back" in capsys.readouterr().out


# ── what can never work ──


def test_what_can_never_work_is_named_one_by_one_and_deleted_on_a_yes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    put("garbage")
    gone = put(queued())
    put(stored(succeeded(now())))
    redrive(STAGE, yes=True, wait=1)
    assert bodies("overtime-dev-default-dead") == []
    assert bodies("overtime-dev-default") == []
    shown = capsys.readouterr().out
    assert f"{Cause.GONE}: {gone!r}" in shown
    assert "Deleted 3." in shown


def test_it_stays_without_a_yes() -> None:
    put("garbage")
    with pytest.raises(Refusal, match="They stay"):
        redrive(STAGE, yes=False, wait=1)
    assert bodies("overtime-dev-default-dead") == ["garbage"]


# ── the verdict ──


def test_there_is_no_verdict_while_nothing_has_happened() -> None:
    record = queued(deadline=now() + DAY)
    reminded = verbs.remind(record, stamp(record.due_at or 0)).applied_to(record)
    assert verdict_on(record, record) is None
    assert verdict_on(record, reminded) is None


def test_going_on_in_another_invocation_is_a_good_sign() -> None:
    before = queued()
    claimed = verbs.claim(0, "token", before.created_at + LEASE, before.created_at)
    record = claimed.applied_to(before)
    goes_on = verbs.continue_(record, stamp(), verbs.PendingOutput(checkpoint=PARAMS))
    verdict = verdict_on(before, goes_on.applied_to(record))
    assert verdict is not None
    assert verdict.good
