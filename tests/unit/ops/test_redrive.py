"""Dead letters: why each is there, and that none is lost on the way out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from msgspec import structs

from chalicelib.aws.jobs_table import JobsTable
from chalicelib.domain import verbs
from chalicelib.domain.job import Hint, JobRecord
from chalicelib.domain.task import LANES
from chalicelib.domain.values import encode
from ops import redrive as command
from ops.cli import stage as stages
from ops.cli.stage import Refusal, Stage
from ops.redrive import Cause, DeadLetterQueue, cause_of, diagnose, redrive
from tests.aws import create_table
from tests.records import PROBLEM, failed, queued, running, stamp, succeeded

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
    monkeypatch.setattr(command, "LONG_POLL_SECONDS", 0)
    with mock_aws():
        create_table(STAGE.client("dynamodb"), STAGE.table)
        for lane in LANES:
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


# ── why it is there ──


def test_each_cause_is_told_from_the_record() -> None:
    at = now()
    waits, runs = queued(at), running(at)
    gone = structs.replace(succeeded(at), expires_at=at - 1)
    retried = structs.replace(waits, generation=1)
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
def test_a_message_that_is_none_of_ours_is_shown_as_it_is(body: str) -> None:
    [found] = diagnose([{"MessageId": "m1", "Body": body}], table())
    assert found.cause is Cause.UNREADABLE
    assert str(found) == f"message m1: {body!r}"


def test_a_live_job_is_shown_with_its_error() -> None:
    record = running(now())
    waits = verbs.retry_later(record, stamp(now()), verbs.PendingOutput(), PROBLEM, now())
    stored(waits.applied_to(record))
    [found] = diagnose([{"MessageId": "m1", "Body": encode(Hint(record.id, 0))}], table())
    assert found.cause is Cause.WAITING
    assert PROBLEM.title in str(found)
    assert "attempt 1 of 3" in str(found)


# ── looking, sending back, deleting ──


def test_an_empty_stage_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    redrive(STAGE, yes=False)
    assert capsys.readouterr().out == "No dead letters in overtime-dev.\n"


def test_looking_takes_nothing_away(capsys: pytest.CaptureFixture[str]) -> None:
    letters = sorted(["garbage", put(queued()), put(waiting())])
    put("garbage")
    with pytest.raises(Refusal, match=r"Send back 1, delete 2\?.*The dead letters stay"):
        redrive(STAGE, yes=False)
    assert bodies("overtime-dev-default-dead") == letters
    assert bodies("overtime-dev-default") == []
    shown = capsys.readouterr().out
    for text in ("dead letters: 3", Cause.UNREADABLE, Cause.GONE, Cause.WAITING, "'garbage'"):
        assert text in shown


def test_messages_of_live_jobs_are_sent_back_and_all_others_deleted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    live = sorted([put(waiting()), put(stored(running(now())))])
    for body in ("garbage", queued(), stored(succeeded(now()))):
        put(body)
    redrive(STAGE, yes=True)
    assert bodies("overtime-dev-default") == live
    assert bodies("overtime-dev-default-dead") == []
    assert "Sent back 2, deleted 3." in capsys.readouterr().out


def test_a_send_that_fails_deletes_nothing() -> None:
    letter = put(waiting())
    queue = DeadLetterQueue(STAGE, "default")
    letters = list(diagnose(queue.look(), table()))
    queue._lane += "-that-is-not-there"
    with pytest.raises(ClientError, match="NonExistentQueue"):
        queue.empty(letters, yes=True)
    queue.give_back()
    assert bodies("overtime-dev-default-dead") == [letter]


def test_a_message_keeps_the_group_that_fair_queues_go_by() -> None:
    sqs, text = STAGE.client("sqs"), encode(Hint(waiting().id, 0))
    dead = url("overtime-dev-default-dead")
    sqs.send_message(QueueUrl=dead, MessageBody=text, MessageGroupId="owner")
    redrive(STAGE, yes=True)
    [sent] = sqs.receive_message(QueueUrl=url("overtime-dev-default"), AttributeNames=["All"])[
        "Messages"
    ]
    assert sent["Attributes"]["MessageGroupId"] == "owner"


def test_every_lane_is_looked_at() -> None:
    letter = put(waiting(lane="heavy"), lane="heavy")
    redrive(STAGE, yes=True)
    assert bodies("overtime-dev-heavy") == [letter]
    assert bodies("overtime-dev-heavy-dead") == []


def test_a_no_for_one_lane_does_not_stop_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    put("garbage")
    put("rubbish", lane="heavy")
    with pytest.raises(Refusal) as refused:
        redrive(STAGE, yes=False)
    for lane, body in (("default", "garbage"), ("heavy", "rubbish")):
        assert f"overtime-dev-{lane}-dead: Send back 0, delete 1? " in str(refused.value)
        assert bodies(f"overtime-dev-{lane}-dead") == [body]
    shown = capsys.readouterr().out
    assert "'garbage'" in shown
    assert "'rubbish'" in shown


def test_a_message_that_cannot_be_given_back_keeps_no_other_hidden() -> None:
    for letter in ("garbage", "rubbish", "waste"):
        put(letter)
    queue = DeadLetterQueue(STAGE, "default")
    first, *_ = queue.look()
    queue._hidden[first["MessageId"]] = "expired"
    queue.give_back()
    assert len(bodies("overtime-dev-default-dead")) == 2
