"""Taking a stage away: what is cut off can be finished; what runs is left what it lives in."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator

import pytest
from moto import mock_aws

from ops import destroy as command
from ops import resources
from ops.cli import stage as stages
from ops.cli.stage import Refusal, Stage
from ops.destroy import destroy
from tests.aws import create_table

STAGE = Stage("overtime", "dev")
TOPIC = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse")  # moto, of what it lacks


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> Iterator[None]:
    """An empty one, on a machine from which nothing was deployed."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "YES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(command, "ROOT", tmp_path)
    for cached in (stages._client, stages._account):
        cached.cache_clear()
    with mock_aws():
        yield
    for cached in (stages._client, stages._account):
        cached.cache_clear()


def make_function(name: str) -> None:
    role = STAGE.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as packed:
        packed.writestr("app.py", "")
    STAGE.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role["Arn"],
        Handler="app.app",
        Code={"ZipFile": code.getvalue()},
    )


def test_what_was_cut_off_before_its_bundles_were_gone_is_finished(
    capsys: pytest.CaptureFixture[str],
) -> None:
    STAGE.client("s3").create_bucket(Bucket=STAGE.artifacts)
    destroy(STAGE, data=False, yes=True)
    assert STAGE.client("s3").list_buckets()["Buckets"] == []
    assert f"{STAGE.artifacts} is removed." in capsys.readouterr().out
    with pytest.raises(Refusal, match="Nothing is deployed"):
        destroy(STAGE, data=False, yes=True)


def test_secrets_of_tasks_stay_until_the_data_goes(capsys: pytest.CaptureFixture[str]) -> None:
    ssm = STAGE.client("ssm")
    for stage in ("dev", "devb"):
        name = f"/overtime-{stage}/secrets/stripe"
        ssm.put_parameter(Name=name, Value="sk-live", Type="SecureString")
    STAGE.client("s3").create_bucket(Bucket=STAGE.artifacts)
    destroy(STAGE, data=False, yes=True)
    assert "the secrets stripe stay" in capsys.readouterr().out
    destroy(STAGE, data=True, yes=True)
    left = [one["Name"] for one in ssm.describe_parameters()["Parameters"]]
    assert left == ["/overtime-devb/secrets/stripe"]


def test_logs_that_a_stage_left_are_forgotten_and_no_others() -> None:
    logs = STAGE.client("logs")
    for name in ("overtime-dev", "overtime-dev-sweep", "overtime-dev2", "overtime-dev-mine"):
        logs.create_log_group(logGroupName=f"/aws/lambda/{name}")
    destroy(STAGE, data=False, yes=True)
    left = {group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]}
    assert left == {"/aws/lambda/overtime-dev2", "/aws/lambda/overtime-dev-mine"}


def test_queues_are_not_taken_from_under_functions_that_another_machine_deployed() -> None:
    cloudformation = STAGE.client("cloudformation")
    cloudformation.create_stack(StackName=STAGE.resources_stack, TemplateBody=TOPIC)
    make_function("overtime-dev-sweep")
    with pytest.raises(Refusal, match=r"chalice delete --stage dev, on the machine"):
        destroy(STAGE, data=False, yes=True)
    STAGE.client("lambda").delete_function(FunctionName="overtime-dev-sweep")
    destroy(STAGE, data=False, yes=True)


def test_what_was_kept_is_taken_over_by_make_resources(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    create_table(STAGE.client("dynamodb"), STAGE.table)
    taken: list[str] = []

    class Stop(Exception): ...

    def propose(stack: object, parameters: object, **arguments: object) -> None:
        taken.extend(
            one["LogicalResourceId"]
            for one in arguments["ResourcesToImport"]  # type: ignore[attr-defined]
        )
        raise Stop

    monkeypatch.setattr("ops.stack.stack.Stack.propose", propose)
    monkeypatch.setattr(resources, "require_for_chalice", lambda stage: None)  # moto has no quotas
    with pytest.raises(Stop):
        resources.prepare(STAGE, yes=True)
    assert taken == ["JobsTable"]
