"""`make resources`, `chalice deploy` and `chalice delete`, as Chalice's users expect them, on moto.

One stage's life, in the order of this file. moto runs no function: what is proven is what is made.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from ops.cli.stage import Stage
from ops.template.policies import read_policies
from tests.deploy.conftest import RECURSION, client
from tests.deploy.project import Project

CHALICE = "tests.deploy.chalice_on_moto"
QUEUES = "https://sqs.us-east-1.amazonaws.com/123456789012"
DEV = Stage("overtime", "dev")
# all but those that push: moto cannot deploy a WebSocket API, and without one nothing is declared
FUNCTIONS = {
    DEV.function(name): name
    for name in read_policies()
    if not name.startswith("websocket_") and name != "authorize_push"
}
WORKERS = [name for name in FUNCTIONS.values() if name.endswith("_worker")]


@pytest.fixture(scope="module")
def project(moto: str, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("chalice") / "project", moto)
    project.path("requirements.txt").write_text("")  # nothing is run, so nothing is needed
    return project


@pytest.fixture(scope="module")
def written(project: Project) -> str:
    """.chalice/config.json as a user may have it."""
    text = project.path(".chalice/config.json").read_text()
    own = """"dev": {
      "environment_variables": {"MAX_WAIT_SECONDS": "10", "RETENTION_DAYS": "7"},
      "lambda_functions": {"sweep": {"lambda_memory_size": 256}}
    },
    "local": {"""
    assert text.count('"local": {') == 1
    text = text.replace('"local": {', own)
    project.path(".chalice/config.json").write_text(text)
    return text


@pytest.fixture(scope="module")
def resources(project: Project, written: str) -> str:
    return project.run("ops.resources", "dev").well()


@pytest.fixture(scope="module")
def deployed(project: Project, resources: str) -> str:
    return project.run(CHALICE, "deploy", "--stage", "dev").well()


@pytest.fixture(scope="module")
def functions(moto: str, deployed: str) -> dict[str, Any]:
    found = client(moto, "lambda").list_functions()["Functions"]
    return {one["FunctionName"]: one for one in found}


def attached(moto: str, function: dict[str, Any]) -> dict[str, Any]:
    """The one policy of a function's role."""
    iam, role = client(moto, "iam"), function["Role"].rpartition("/")[2]
    [name] = iam.list_role_policies(RoleName=role)["PolicyNames"]
    assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
    policy: dict[str, Any] = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    return policy


def test_it_ends_by_naming_the_next_command(resources: str) -> None:
    assert resources.endswith("Next:\n\n  chalice deploy --stage dev\n")


def test_the_stages_section_is_entered_and_what_the_user_wrote_stays(
    project: Project, written: str, resources: str
) -> None:
    before, after = json.loads(written), project.config
    section = after["stages"].pop("dev")
    own = before["stages"].pop("dev")
    assert after == before
    assert section["environment_variables"] == own["environment_variables"] | {
        "STAGE": "dev",
        "TABLE": "overtime-dev-jobs",
        "BUCKET": "overtime-dev-123456789012-us-east-1",
        "CONCURRENCY_DEFAULT": "50",
        "CONCURRENCY_HEAVY": "10",
        "CONCURRENCY_WEBHOOKS": "10",
    } | {
        f"QUEUE_{lane.upper()}": f"{QUEUES}/overtime-dev-{lane}"
        for lane in (name.removesuffix("_worker") for name in WORKERS)
    }
    assert section["lambda_functions"]["sweep"] == {
        "lambda_memory_size": 256,
        "iam_policy_file": "rendered/dev/policy-sweep.json",
    }


def test_doing_it_again_changes_nothing(project: Project, resources: str) -> None:
    text = project.path(".chalice/config.json").read_text()
    assert "is up to date" in project.run("ops.resources", "dev").well()
    assert project.path(".chalice/config.json").read_text() == text


def test_chalice_makes_every_function_as_config_json_has_it(
    functions: dict[str, Any],
) -> None:
    assert functions.keys() == FUNCTIONS.keys()
    heavy = functions["overtime-dev-heavy_worker"]
    assert (heavy["Timeout"], heavy["MemorySize"]) == (900, 2048)
    assert functions["overtime-dev-sweep"]["MemorySize"] == 256
    for one in functions.values():
        variables = one["Environment"]["Variables"]
        assert (variables["STAGE"], variables["AUTH"]) == ("dev", "tokens")
        assert variables["TABLE"] == "overtime-dev-jobs"
        assert variables["MAX_WAIT_SECONDS"] == "10"


def test_each_function_has_its_own_policy_for_this_stage(
    moto: str, functions: dict[str, Any]
) -> None:
    for name, function in FUNCTIONS.items():
        policy = attached(moto, functions[name])
        text = json.dumps(policy)
        assert "${" not in text
        assert f":log-group:/aws/lambda/{name}:*" in text
        for statement in policy["Statement"]:
            resource = str(statement["Resource"])
            # the WebSocket API is not known before Chalice has made it, and AppSync not at all
            known_later = ":execute-api:" in resource or ":appsync:" in resource
            assert "overtime-dev" in resource or known_later, function


def test_each_worker_is_triggered_by_its_queue(moto: str, functions: dict[str, Any]) -> None:
    found = client(moto, "lambda").list_event_source_mappings()["EventSourceMappings"]
    triggers = {
        one["FunctionArn"].rpartition(":")[2]: one["EventSourceArn"].rpartition(":")[2]
        for one in found
    }
    assert triggers == {
        DEV.function(name): DEV.queue(name.removesuffix("_worker")) for name in WORKERS
    }
    assert len(triggers) >= 2
    assert {one["BatchSize"] for one in found} == {1}
    most = {one["FunctionArn"].rpartition("_worker")[0].rpartition("-")[2]: one for one in found}
    assert most["default"]["ScalingConfig"] == {"MaximumConcurrency": 50}
    assert most["heavy"]["ScalingConfig"] == {"MaximumConcurrency": 10}


def test_the_sweeper_runs_every_minute(moto: str, deployed: str) -> None:
    rules = client(moto, "events").list_rules()["Rules"]
    assert [rule["ScheduleExpression"] for rule in rules] == ["rate(1 minute)"]


def test_the_api_is_there_and_asks_the_authorizer(moto: str, deployed: str) -> None:
    assert "Rest API URL: https://" in deployed
    gateway = client(moto, "apigateway")
    [api] = gateway.get_rest_apis()["items"]
    assert api["name"] == "overtime"
    paths = {one["path"] for one in gateway.get_resources(restApiId=api["id"])["items"]}
    assert {"/jobs", "/jobs/{job_id}", "/uploads", "/health"} <= paths


def test_every_function_finds_its_log_group_and_none_is_kept_for_ever(
    moto: str, functions: dict[str, Any]
) -> None:
    groups = client(moto, "logs").describe_log_groups()["logGroups"]
    kept = {group["logGroupName"]: group.get("retentionInDays") for group in groups}
    for name in functions:
        assert kept[f"/aws/lambda/{name}"] == 30


def test_a_redeployment_updates_what_there_is(
    project: Project, moto: str, functions: dict[str, Any]
) -> None:
    project.edit("chalicelib/__init__.py", '__version__ = "', '__version__ = "9.')
    said = project.run(CHALICE, "deploy", "--stage", "dev").well()
    assert "Updating lambda function: overtime-dev" in said
    assert "Creating" not in said.replace("Creating deployment package", "")
    after = client(moto, "lambda").list_functions()["Functions"]
    assert {one["FunctionName"] for one in after} == functions.keys()
    for one in after:
        assert one["CodeSha256"] != functions[one["FunctionName"]]["CodeSha256"]


def test_what_the_first_deployment_made_known_is_entered_next_time(
    project: Project, moto: str, deployed: str
) -> None:
    project.run("ops.resources", "dev").well()
    [api] = client(moto, "apigateway").get_rest_apis()["items"]
    environment = project.config["stages"]["dev"]["environment_variables"]
    url = f"https://{api['id']}.execute-api.us-east-1.amazonaws.com/api"
    assert environment["PUBLIC_URL"] == url
    looping = {DEV.function(name): "Allow" for name in WORKERS}  # nor could they be told before
    assert {name: RECURSION[name] for name in looping} == looping
    assert environment["MAX_WAIT_SECONDS"] == "10"


def test_a_second_stage_stands_beside_the_first(
    project: Project, moto: str, functions: dict[str, Any]
) -> None:
    project.run("ops.resources", "prod").well()
    project.run(CHALICE, "deploy", "--stage", "prod").well()
    names = {one["FunctionName"] for one in client(moto, "lambda").list_functions()["Functions"]}
    assert names == functions.keys() | {name.replace("-dev", "-prod") for name in functions}
    tables = client(moto, "dynamodb").list_tables()["TableNames"]
    assert tables == ["overtime-dev-jobs", "overtime-prod-jobs"]
    prod = client(moto, "lambda").get_function_configuration(FunctionName="overtime-prod")
    assert prod["Environment"]["Variables"]["TABLE"] == "overtime-prod-jobs"
    assert "overtime-dev" not in json.dumps(attached(moto, prod))


def test_make_deploy_refuses_a_stage_that_chalice_deploys(project: Project, deployed: str) -> None:
    complaint = project.run("ops.deploy", "dev").refused()
    assert "The stage dev was deployed by `make resources` and `chalice deploy`" in complaint
    assert "Continue with `make resources STAGE=dev`" in complaint


def test_what_chalice_made_is_deleted_by_chalice_first(project: Project, deployed: str) -> None:
    complaint = project.run("ops.destroy", "dev", "--yes").refused()
    assert "chalice delete --stage dev" in complaint


def test_chalice_delete_leaves_the_jobs_and_the_other_stage(
    project: Project, moto: str, functions: dict[str, Any]
) -> None:
    project.run(CHALICE, "delete", "--stage", "dev").well()
    names = {one["FunctionName"] for one in client(moto, "lambda").list_functions()["Functions"]}
    assert names == {name.replace("-dev", "-prod") for name in functions}
    assert (
        client(moto, "lambda")
        .list_event_source_mappings()["EventSourceMappings"][0]["EventSourceArn"]
        .endswith(("overtime-prod-default", "overtime-prod-heavy"))
    )
    assert "overtime-dev-jobs" in client(moto, "dynamodb").list_tables()["TableNames"]
    project.run("ops.destroy", "dev", "--data", "--yes").well()
    assert client(moto, "dynamodb").list_tables()["TableNames"] == ["overtime-prod-jobs"]
    groups = client(moto, "logs").describe_log_groups()["logGroups"]
    assert not [group for group in groups if "overtime-dev" in group["logGroupName"]]


def test_make_resources_refuses_a_stage_that_make_deploy_has(project: Project, moto: str) -> None:
    cloudformation = client(moto, "cloudformation")
    topic = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    cloudformation.create_stack(StackName="overtime-qa", TemplateBody=json.dumps(topic))
    complaint = project.run("ops.resources", "qa").refused()
    assert "The stage qa was deployed by `make deploy`" in complaint


def test_an_account_with_a_small_quota_is_refused_before_chalice_stops_half_way(
    moto: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_account = {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}
    monkeypatch.setattr("tests.deploy.conftest.QUOTA", new_account)
    assert "this account can reserve 0" in project.run("ops.resources", "small").refused()
    stacks = client(moto, "cloudformation").describe_stacks()["Stacks"]
    assert "overtime-small-resources" not in [stack["StackName"] for stack in stacks]
