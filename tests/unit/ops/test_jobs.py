"""make jobs, job, cancel, retry: an operator sees and controls the jobs of all owners."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from chalicelib.aws.jobs_table import JobsTable
from chalicelib.domain import verbs
from chalicelib.domain.events import LogLine
from chalicelib.domain.job import (
    DAY,
    MINUTE,
    JobRecord,
    Progress,
    Status,
    Stored,
    Wait,
    WaitReason,
    Webhook,
)
from chalicelib.domain.webhooks import webhook_job
from ops import jobs
from ops.cli.stage import ROOT, Refusal, Stage
from tests.aws import ENVIRONMENT, counted, create_all
from tests.records import failed, new_id, queued, running, stamp, succeeded, suspended

NOW = time.time_ns() // 1_000_000
EVIL = "\x1b[2J\x7f\u202e\U0001f600\nforged"


class Functions:
    """Lambda, with the API of the stage `dev`."""

    def __init__(self, aws: Any) -> None:
        self.meta = aws.meta  # for `counted`
        self.exceptions = SimpleNamespace(ResourceNotFoundException=KeyError)

    def get_function_configuration(self, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        return {"Environment": {"Variables": {"overtime-dev": ENVIRONMENT}[FunctionName]}}


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The clients of a stage whose API has the settings of the local one."""
    monkeypatch.delenv("YES", raising=False)
    with mock_aws():
        session, keys = botocore.session.get_session(), ("test", "test")
        clients: dict[str, Any] = {
            service: session.create_client(
                service, "us-east-1", aws_access_key_id=keys[0], aws_secret_access_key=keys[1]
            )
            for service in ("dynamodb", "sqs", "s3", "sts", "apigatewaymanagementapi")
        }
        create_all(clients["dynamodb"], clients["sqs"], clients["s3"])
        monkeypatch.setattr(Stage, "client", lambda self, service, endpoint=None: clients[service])
        clients["lambda"] = Functions(clients["sqs"])
        yield clients


@pytest.fixture
def stored(aws: dict[str, Any]) -> Callable[[JobRecord], JobRecord]:
    def store(record: JobRecord) -> JobRecord:
        JobsTable(lambda: aws["dynamodb"], ENVIRONMENT["TABLE"]).submit(record)
        return record

    return store


Store = Callable[[JobRecord], JobRecord]
Run = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def main(*arguments: str) -> str:
        jobs.main(list(arguments))
        return capsys.readouterr().out

    return main


def webhook_delivery() -> JobRecord:
    webhook = Webhook("https://example.com/", (Status.FAILED,), "https://api")
    return webhook_job(failed(NOW, webhook=webhook), "{}", new_id())


def ids(table: str) -> list[str]:
    return [line.split()[0] for line in table.splitlines()[1:]]


# ── what is listed ──


def test_without_an_owner_the_live_jobs_of_all_owners_are_listed(run: Run, stored: Store) -> None:
    waiting, busy = stored(queued(NOW, owner="ada")), stored(running(NOW, owner="bob"))
    later = stored(queued(NOW, not_before=NOW + 2 * DAY, deadline=NOW + 3 * DAY))
    delivery = stored(webhook_delivery())
    stored(succeeded(NOW))
    assert sorted(ids(run("list", "dev"))) == sorted(
        one.id for one in (waiting, busy, later, delivery)
    )
    assert ids(run("list", "dev", "--status", "running")) == [busy.id]
    waiting_ones = sorted(one.id for one in (waiting, later, delivery))
    assert sorted(ids(run("list", "dev", "--status", "queued"))) == waiting_ones


def test_an_empty_list_says_where_finished_jobs_are(
    capsys: pytest.CaptureFixture[str], stored: Store
) -> None:
    stored(succeeded(NOW))
    jobs.main(["list", "dev"])
    assert "OWNER=… lists the finished jobs" in capsys.readouterr().err


def test_the_jobs_that_have_been_due_longest_come_first(run: Run, stored: Store) -> None:
    late, later, latest = (stored(running(NOW - age * MINUTE)) for age in (9, 6, 3))
    assert ids(run("list", "dev")) == [late.id, later.id, latest.id]


def test_a_job_that_moved_while_the_index_was_read_is_listed_once(
    run: Run, stored: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = stored(queued(NOW))
    monkeypatch.setattr(JobsTable, "due", lambda self, partition, now: iter([job.id]))
    assert ids(run("list", "dev")) == [job.id]


def test_all_jobs_of_an_owner_are_listed_newest_first(run: Run, stored: Store) -> None:
    made = [
        stored(make(NOW - age * MINUTE, owner="ada"))
        for age, make in ((1, queued), (2, failed), (3, succeeded))
    ]
    stored(queued(NOW, owner="bob"))
    assert ids(run("list", "dev", "--owner", "ada")) == [one.id for one in made]
    only = ids(run("list", "dev", "--owner", "ada", "--status", "failed"))
    assert only == [made[1].id]


def test_a_list_says_that_it_was_cut(
    run: Run, stored: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        stored(queued(NOW))
    for arguments, shown, more in (
        (["--limit", "2"], 2, "There are more: LIMIT=20 shows up to 20.\n"),
        (["--limit", "3"], 3, ""),
        (["--owner", "ada", "--limit", "2"], 2, "There are more: LIMIT=20 shows up to 20.\n"),
    ):
        jobs.main(["list", "dev", *arguments])
        printed = capsys.readouterr()
        assert len(ids(printed.out)) == shown
        assert printed.err == more
        jobs.main(["list", "dev", *arguments, "--json"])
        assert len(capsys.readouterr().out.splitlines()) == shown


def test_more_jobs_than_one_page_holds_are_all_listed(run: Run, stored: Store) -> None:
    made = {stored(queued(NOW + number)).id for number in range(101)}
    for arguments in ([], ["--owner", "ada"]):
        assert set(ids(run("list", "dev", *arguments, "--limit", "1000"))) == made


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list", "dev", "--status", "done"], "STATUS=done is not a status; there are: queued, "),
        (["list", "dev", "--status", "erasing"], "STATUS=erasing is not a status"),
        (["list", "dev", "--status", "failed"], "STATUS=failed needs OWNER=…"),
        (["list", "dev", "--limit", "0"], "LIMIT=0 must be a whole number"),
        (["list", "dev", "--limit", "many"], "LIMIT=many must be a whole number"),
        (["show", "dev", "../x"], r"ID=\.\./x is not a job's whole id"),
        (["show", "dev", ""], "Name the job by ID="),
        (["show", "dev", "0" * 32], f"There is no job {'0' * 32}"),
        (["cancel", "dev", "0" * 32, "--yes"], f"There is no job {'0' * 32}"),
        (["list", "staging"], "There is no function overtime-staging in .* make deploy STAGE="),
    ],
)
def test_a_wrong_argument_is_named(run: Run, arguments: list[str], message: str) -> None:
    with pytest.raises(Refusal, match=message):
        run(*arguments)


# ── one job, whole ──


def test_a_job_is_shown_with_its_events_and_log(
    run: Run, stored: Store, aws: dict[str, Any]
) -> None:
    job = stored(failed(NOW, params=Stored(text='{"rows":12345678901234567890}')))
    table = JobsTable(lambda: aws["dynamodb"], ENVIRONMENT["TABLE"])
    lines = [LogLine(NOW, 1, f"line {n}", f"{NOW:015d}-1{n:06d}") for n in range(150)]
    table.log(job, lines, NOW + DAY)
    text = run("show", "dev", job.id)
    for part in (job.id, "ada", "12345678901234567890", "failed, attempt 1 of 3", "ValueError: no"):
        assert part in text
    events = text.partition("EVENT\n")[2].splitlines()
    assert len(events) == 153  # two pages
    for event in ("submit -> queued", "claim -> running", "fail -> failed: ValueError: no"):
        assert any(line.endswith(event) for line in events)
    seen = json.loads(run("show", "dev", job.id, "--json"))
    assert seen["owner"] == "ada"
    assert seen["params"] == {"rows": 12345678901234567890}
    assert len(seen["events"]) == 153


def test_a_job_that_asks_shows_what_and_until_when(run: Run, stored: Store) -> None:
    question = Wait("publish", WaitReason.ANSWER, 0, 1_800_000_000_000, "Publish 12 pages?")
    job = stored(suspended(NOW, question))
    shown = "publish: Publish 12 pages? (until 2027-01-15T08:00:00.000Z)"
    assert f"\nwaits for  {shown}\n" in run("show", "dev", job.id)
    [_, row] = run("list", "dev").splitlines()
    assert "queued (answer)" in row
    assert shown in row


def test_the_delivery_of_a_webhook_is_shown_too(run: Run, stored: Store) -> None:
    assert "overtime.webhook" in run("show", "dev", stored(webhook_delivery()).id)


def test_a_job_that_is_being_erased_is_not_there(run: Run, stored: Store) -> None:
    job = failed(NOW)
    stored(verbs.erase(job, stamp(NOW)).applied_to(job))
    with pytest.raises(Refusal, match=f"There is no job {job.id}"):
        run("show", "dev", job.id)


def test_looking_writes_nothing(run: Run, stored: Store, aws: dict[str, Any]) -> None:
    """Also not that a deadline has passed, as a client's look does."""
    late = stored(queued(NOW - 2 * DAY))
    with counted(*aws.values()) as calls:
        run("list", "dev")
        run("list", "dev", "--owner", "ada")
        run("show", "dev", late.id)
    assert set(calls) == {"dynamodb.Query", "dynamodb.BatchGetItem", "dynamodb.GetItem"}


def test_texts_of_others_forge_no_row_and_reach_no_terminal(run: Run, stored: Store) -> None:
    job = stored(running(NOW, owner=EVIL, params=Stored(text=json.dumps(EVIL, ensure_ascii=False))))
    moved = verbs.heartbeat(job, stamp(NOW), verbs.PendingOutput(Progress(1.0, EVIL)), NOW + MINUTE)
    jobs.system_of(Stage("overtime", "dev")).jobs.apply(job.id, moved)
    for shown in (run("list", "dev"), run("show", "dev", job.id)):
        assert r"\x1b[2J\x7f\u202e" in shown
        assert "forged" not in [line.split()[0] for line in shown.splitlines() if line]
    for arguments in (["list", "dev"], ["show", "dev", job.id]):
        text = run(*arguments, "--json")
        assert text.isascii()
        assert "\x7f" not in text
        assert json.loads(text)["owner"] == EVIL
        assert json.loads(text)["progress"]["message"] == EVIL


# ── cancel and retry ──


def test_a_queued_job_is_canceled_after_a_yes(run: Run, stored: Store) -> None:
    job = stored(queued(NOW, owner="bob"))
    with pytest.raises(Refusal, match=f"Cancel {job.id}.*Pass YES=1.*Nothing was changed"):
        run("cancel", "dev", job.id)
    assert run("cancel", "dev", job.id, "--yes").endswith(f"{job.id} is canceled.\n")
    assert ids(run("list", "dev")) == []


def test_a_running_job_is_canceled_by_its_worker(run: Run, stored: Store) -> None:
    job = stored(running(NOW))
    shown = run("cancel", "dev", job.id, "--yes")
    assert f"{job.id} is running. Its worker cancels it with its next heartbeat." in shown
    assert "running (cancel requested)" in run("list", "dev")


def test_a_failed_job_runs_again_and_its_message_is_sent(
    run: Run, stored: Store, aws: dict[str, Any]
) -> None:
    job = stored(failed(NOW))
    assert run("retry", "dev", job.id, "--yes").endswith(f"{job.id} is queued.\n")
    url = aws["sqs"].get_queue_url(QueueName="overtime-local-default")["QueueUrl"]
    [message] = aws["sqs"].receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"]) == {"job": job.id, "generation": 1}


@pytest.mark.parametrize(
    ("command", "make", "message"),
    [
        ("cancel", succeeded, "The job has already succeeded"),
        ("retry", succeeded, "The job is succeeded"),
        ("retry", queued, "The job is queued"),
    ],
)
def test_what_a_client_may_not_do_an_operator_may_not(
    run: Run, stored: Store, command: str, make: Callable[[int], JobRecord], message: str
) -> None:
    with pytest.raises(Refusal, match=message):
        run(command, "dev", stored(make(NOW)).id, "--yes")


def test_the_operating_page_names_the_permissions_that_the_commands_need(
    run: Run, stored: Store, aws: dict[str, Any]
) -> None:
    webhook = Webhook("https://example.com/", (Status.CANCELED,), "https://api")
    waiting, broken = stored(queued(NOW, webhook=webhook)), stored(failed(NOW, watched=True))
    with counted(*aws.values()) as calls:
        run("list", "dev")
        run("list", "dev", "--owner", "ada")
        run("show", "dev", waiting.id)
        run("cancel", "dev", waiting.id, "--yes")
        run("retry", "dev", broken.id, "--yes")
    assert "dynamodb.TransactWriteItems" in calls  # IAM knows it as its parts
    named = {call.replace("TransactWriteItems", "PutItem") for call in calls}
    page = (ROOT / "docs" / "operating.md").read_text()
    section = page.partition("## make jobs")[2].partition("\n## ")[0]
    assert [name for name in named if f"`{name.replace('.', ':')}`" not in section] == []
