"""`make deploy` for real, on the local AWS: what it makes runs, what fails is rolled back, and what
holds jobs is kept. One stage's life, in the order of this file."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.deploy.conftest import client
from tests.deploy.project import Project

CSV = b"carrier,delay\nAA,12\nAA,4\nUA,7\n"


@pytest.fixture(scope="module")
def project(local_aws: str, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("deploy") / "project", local_aws)


class Deployed:
    """The API that a deployment printed, and a token for it."""

    def __init__(self, project: Project, said: str) -> None:
        found = re.search(r"^API +(http\S+)$", said, re.MULTILINE)
        assert found, said
        self.api = found[1]
        issued = project.run("ops.tokens", "issue", "dev", "ada", "--expires=", "--label=")
        self.token = issued.well().strip()

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        url = path if path.startswith("http") else self.api + path
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body else None
        asked = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(url, data, asked | headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())


def run_a_report(deployed: Deployed) -> str:
    """A job through all of it; returns its id."""
    size = {"content_type": "text/csv", "size": len(CSV)}
    _, ticket = deployed.call("POST", "/uploads", size)
    put = urllib.request.Request(
        ticket["upload"]["url"], CSV, ticket["upload"]["headers"], method="PUT"
    )
    try:
        with urllib.request.urlopen(put, timeout=60) as answer:
            assert answer.status == 200
    except urllib.error.HTTPError as error:
        raise AssertionError(error.read(), ticket) from None
    params = {"source": ticket["id"], "group_by": ["carrier"], "metrics": ["count"]}
    status, job = deployed.call(
        "POST", "/jobs", {"task": "report", "params": params}, Prefer="wait=25"
    )
    assert status in (200, 202), job
    status, job = deployed.call("GET", job["links"]["self"], Prefer="wait=25")
    assert (status, job["status"]) == (200, "succeeded"), job
    assert job["result"]["groups"] == 2
    found: str = job["id"]
    return found


WHY = "Resource of type 'AWS::S3::Bucket' with identifier 'somebodys' already exists."


@contextmanager
def impossible(project: Project, local_aws: str) -> Iterator[None]:
    """While inside, the template asks for what cannot be."""
    s3 = client(local_aws, "s3")
    s3.create_bucket(Bucket="somebodys")
    stack = project.path(".chalice/stack.json")
    before = stack.read_text()
    broken = json.loads(before)
    broken["Resources"]["Impossible"] = {
        "Type": "AWS::S3::Bucket",
        "Properties": {"BucketName": "somebodys"},
    }
    stack.write_text(json.dumps(broken))
    yield
    stack.write_text(before)
    s3.delete_bucket(Bucket="somebodys")


@pytest.fixture(scope="module")
def first(project: Project) -> str:
    return project.run("ops.deploy", "dev").well()


@pytest.fixture(scope="module")
def deployed(project: Project, first: str) -> Deployed:
    return Deployed(project, first)


@pytest.fixture(scope="module")
def job(deployed: Deployed) -> str:
    return run_a_report(deployed)


def test_it_shows_what_changes_and_tells_how_it_goes(first: str) -> None:
    assert re.search(r"Add +AWS::DynamoDB::Table +1\n", first)
    assert re.search(r"CREATE_COMPLETE +JobsTable", first)
    assert re.search(r"CREATE_COMPLETE +overtime-dev$", first, re.MULTILINE)
    assert re.search(r"^Console +http\S+/$", first, re.MULTILINE)


def test_a_job_runs_with_no_more_than_the_policies_allow(job: str) -> None:
    assert re.fullmatch("[0-9a-f]{32}", job)


@pytest.mark.parametrize(
    ("path", "token", "status", "problem"),
    [
        ("/jobs", "no-token", 401, "/problems/unauthorized"),
        ("/nothing/here", None, 404, "/problems/not-found"),
    ],
)
def test_what_api_gateway_answers_itself_is_a_problem_document(
    deployed: Deployed, path: str, token: str | None, status: int, problem: str
) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answered, document = deployed.call("GET", path, **headers)
    assert (answered, document["type"], document["status"]) == (status, problem, status)


@pytest.mark.parametrize(("method", "path"), [("PATCH", "/jobs"), ("POST", "/nothing/here")])
def test_a_token_that_is_good_makes_no_difference_where_there_is_nothing(
    deployed: Deployed, method: str, path: str
) -> None:
    answered, document = deployed.call(method, path, {})
    assert (answered, document["type"]) == (404, "/problems/not-found")


def test_the_api_has_the_stage_that_is_throttled_and_no_other(
    deployed: Deployed, local_aws: str
) -> None:
    gateway = client(local_aws, "apigateway")
    [api] = gateway.get_rest_apis()["items"]
    stages = gateway.get_stages(restApiId=api["id"])["item"]
    assert [stage["stageName"] for stage in stages] == ["api"]
    assert stages[0]["methodSettings"]["*/*"]["throttlingRateLimit"] == 50


def test_the_doctor_finds_nothing_wrong_with_it(project: Project, job: str) -> None:
    assert "overtime-dev: 0 wrong, 1 doubtful" in project.run("ops.doctor", "dev").well()


def test_the_doctor_finds_what_was_changed_by_hand(
    project: Project, job: str, local_aws: str
) -> None:
    sqs = client(local_aws, "sqs")
    queue = sqs.get_queue_url(QueueName="overtime-dev-default")["QueueUrl"]
    for seconds in ("60", "1800"):
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": seconds})
        said = project.run("ops.doctor", "dev").said
        changed = "(AWS::SQS::Queue) is 60; the template says 1800"
        assert (changed in said) is (seconds == "60")


def test_what_the_functions_log_of_a_job_names_it(job: str, local_aws: str) -> None:
    logs, told = client(local_aws, "logs"), set()
    for group in logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/overtime-dev")[
        "logGroups"
    ]:
        function = group["logGroupName"].removeprefix("/aws/lambda/")
        events = logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
        lines = [json.loads(one["message"]) for one in events if one["message"][:1] == "{"]
        for line in lines:
            if function != "overtime-dev-authorize":  # Chalice gives authorizers no context
                assert line["function"] == function
                assert line["request_id"]
        told |= {line["event"] for line in lines if line.get("job") == job}
    assert {"submit", "request", "claim", "succeed"} <= told


def test_deploying_the_same_again_changes_and_sends_nothing(
    project: Project, deployed: Deployed
) -> None:
    said = project.run("ops.deploy", "dev").well()
    assert "overtime-dev is up to date." in said
    assert "is there already: s3://" in said
    assert f"API      {deployed.api}" in said


def test_a_second_stage_stands_beside_the_first(
    project: Project, deployed: Deployed, job: str
) -> None:
    beside = Deployed.__new__(Deployed)
    said = project.run("ops.deploy", "dev2").well()
    found = re.search(r"^API +(http\S+)$", said, re.MULTILINE)
    assert found
    beside.api, beside.token = found[1], deployed.token
    assert beside.call("GET", "/health")[0] == 200
    # a token of one stage is none of the other's
    assert beside.call("GET", f"/jobs/{job}")[0] == 401
    assert deployed.call("GET", f"/jobs/{job}")[0] == 200
    project.run("ops.destroy", "dev2", "--data", "--yes").well()
    assert deployed.call("GET", f"/jobs/{job}")[0] == 200


def test_a_change_that_fails_is_rolled_back_and_says_why(
    project: Project, deployed: Deployed, job: str, local_aws: str
) -> None:
    with impossible(project, local_aws):
        complaint = project.run("ops.deploy", "dev").refused()
    assert "overtime-dev is UPDATE_ROLLBACK_COMPLETE, because of:" in complaint
    assert WHY in complaint
    assert deployed.call("GET", f"/jobs/{job}")[1]["status"] == "succeeded"


def test_it_asks_before_what_holds_data_is_replaced(project: Project, local_aws: str) -> None:
    lanes = project.path(".chalice/lane.json")
    before = lanes.read_text()
    project.edit(
        ".chalice/lane.json",
        '"QueueName": {"Fn::Sub": "${App}-${Stage}-${Lane}-dead"}',
        '"QueueName": {"Fn::Sub": "${App}-${Stage}-${Lane}-late"}',
    )
    complaint = project.run("ops.deploy", "dev").refused()
    lanes.write_text(before)
    assert "HeavyDeadQueue, WebhooksDeadQueue. Go on? No terminal to confirm on" in complaint
    queues = client(local_aws, "sqs").list_queues(QueueNamePrefix="overtime-dev-h")["QueueUrls"]
    names = sorted(url.rpartition("/")[2] for url in queues)
    assert names == ["overtime-dev-heavy", "overtime-dev-heavy-dead"]
    changes = client(local_aws, "cloudformation").list_change_sets(StackName="overtime-dev")
    assert "AVAILABLE" not in [one["ExecutionStatus"] for one in changes["Summaries"]]


def test_destroying_asks_and_keeps_the_jobs_for_a_stack_to_come(
    project: Project, deployed: Deployed, job: str, local_aws: str
) -> None:
    assert "No terminal to confirm on" in project.run("ops.destroy", "dev").refused()
    assert deployed.call("GET", "/health")[0] == 200
    said = project.run("ops.destroy", "dev", "--yes").well()
    assert re.search(r"DELETE_SKIPPED +JobsTable", said)
    dynamodb = client(local_aws, "dynamodb")
    assert dynamodb.list_tables()["TableNames"] == ["overtime-dev-jobs"]

    said = project.run("ops.deploy", "dev").well()
    assert re.search(r"IMPORT_COMPLETE +JobsTable", said)
    again = Deployed(project, said)
    again.token = deployed.token  # it is kept with the jobs
    assert again.call("GET", f"/jobs/{job}")[1]["status"] == "succeeded"
    assert run_a_report(again) != job


def test_destroying_with_the_data_leaves_nothing(
    project: Project, job: str, local_aws: str
) -> None:
    project.run("ops.destroy", "dev", "--data", YES="1").well()
    assert client(local_aws, "dynamodb").list_tables()["TableNames"] == []
    assert client(local_aws, "s3").list_buckets()["Buckets"] == []
    assert client(local_aws, "lambda").list_functions()["Functions"] == []
    assert client(local_aws, "logs").describe_log_groups()["logGroups"] == []
    assert "Nothing is deployed as overtime-dev." in project.run("ops.destroy", "dev").refused()


def test_a_first_creation_that_fails_is_no_obstacle_to_the_next(
    project: Project, local_aws: str
) -> None:
    with impossible(project, local_aws):
        complaint = project.run("ops.deploy", "dev").refused()
    assert "overtime-dev is ROLLBACK_COMPLETE, because of:" in complaint
    assert WHY in complaint
    assert client(local_aws, "dynamodb").list_tables()["TableNames"] == []

    said = project.run("ops.deploy", "dev").well()
    assert "overtime-dev is ROLLBACK_COMPLETE after a failed creation" in said
    run_a_report(Deployed(project, said))
