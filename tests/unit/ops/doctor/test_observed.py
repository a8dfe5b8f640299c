"""`make doctor` on a whole stage: on a moto server, made as a deployment would make it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from chalicelib.domain.task import LANES
from ops.cli import stage as stages
from ops.cli.stage import Refusal, Stage
from ops.doctor.__main__ import main
from ops.doctor.observed import Observed
from ops.doctor.observed.functions import Source
from ops.stack.stack import Stack
from ops.template.declared import resources_template
from ops.template.policies import read_policies, read_policy, rendered, values_of
from ops.template.push import left_out

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse")  # moto, of what it lacks
STAGE = Stage("overtime", "dev")
PUSHES = {"WEBSOCKET_ENDPOINT": "https://w1.execute-api.us-east-1.amazonaws.com/api"}
OTHERS = left_out(PUSHES)
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
TIMEOUTS = {"default_worker": 300, "heavy_worker": 900}


class Api(BaseHTTPRequestHandler):
    """Answers as a deployed API would."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture(scope="module")
def api() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def account() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module", autouse=True)
def deployed(account: str, api: str) -> Iterator[None]:
    """The stage dev, in the account that the shell's environment names."""
    shell = {
        "AWS_ENDPOINT_URL": account,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "NO_PROXY": "127.0.0.1",
    }
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("AWS_PROFILE", raising=False)
        for name, value in shell.items():
            environment.setenv(name, value)
        _forget_clients()
        environment.setattr(Stack, "drift", lambda stack: [])  # moto detects none
        make_stage(api)
        yield
    _forget_clients()


def _forget_clients() -> None:
    for cached in (stages._client, stages._account):
        cached.cache_clear()


def make_stage(api: str) -> None:
    STAGE.client("cloudformation").create_stack(
        StackName=STAGE.stack,
        TemplateBody=json.dumps(resources_template(STAGE)),
        Parameters=[
            {"ParameterKey": "Stage", "ParameterValue": "dev"},
            {"ParameterKey": "AlarmEmail", "ParameterValue": "ada@example.com"},
        ],
    )
    for name in read_policies():
        if not any(name.startswith(means.functions) for means in OTHERS):
            make_function(name, {"AUTH": "tokens", "PUBLIC_URL": api, **PUSHES})
    awslambda = STAGE.client("lambda")
    for lane in LANES:
        awslambda.create_event_source_mapping(
            FunctionName=STAGE.function(f"{lane}_worker"),
            EventSourceArn=f"arn:aws:sqs:us-east-1:{STAGE.account}:{STAGE.queue(lane)}",
            ScalingConfig={"MaximumConcurrency": 10},
        )
    events = STAGE.client("events")
    events.put_rule(Name="sweeps", ScheduleExpression="rate(1 minute)")
    arn = awslambda.get_function(FunctionName=STAGE.function("sweep"))["Configuration"]
    events.put_targets(Rule="sweeps", Targets=[{"Id": "1", "Arn": arn["FunctionArn"]}])
    STAGE.client("apigateway").create_rest_api(
        name=STAGE.stack, endpointConfiguration={"types": ["REGIONAL"]}
    )
    make_what_moto_leaves_out()


def make_what_moto_leaves_out() -> None:
    """Its CloudFormation knows no alarms, and drops some settings."""
    s3, bucket = STAGE.client("s3"), STAGE.bucket
    rules = [
        {
            "ID": prefix,
            "Status": "Enabled",
            "Filter": {"Prefix": prefix},
            "Expiration": {"Days": 65},
        }
        for prefix in ("jobs/", "uploads/")
    ]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    STAGE.client("cloudwatch").put_metric_alarm(
        AlarmName="overtime-dev-oldest-due",
        AlarmActions=["arn:aws:sns:us-east-1:123456789012:overtime-dev-alarms"],
        Namespace="Overtime",
        MetricName="Any",
        Period=60,
        EvaluationPeriods=1,
        Statistic="Sum",
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )


def make_function(name: str, variables: dict[str, str]) -> None:
    iam, awslambda, full = STAGE.client("iam"), STAGE.client("lambda"), STAGE.function(name)
    role = iam.create_role(RoleName=f"{full}-role", AssumeRolePolicyDocument=json.dumps(TRUST))
    policy = rendered(read_policy(name), values_of(STAGE))
    policy["Statement"] = [
        rendered(one, values_of(STAGE))
        for one in read_policy(name)["Statement"]
        if not any(means.concerns(one) for means in OTHERS)
    ]
    iam.put_role_policy(
        RoleName=f"{full}-role", PolicyName="own", PolicyDocument=json.dumps(policy)
    )
    awslambda.create_function(
        FunctionName=full,
        Runtime="python3.13",
        Role=role["Role"]["Arn"],
        Handler="app.x",
        Code={"ZipFile": b"x"},
        Timeout=TIMEOUTS.get(name, 60),
        Environment={"Variables": variables},
    )
    awslambda.put_function_concurrency(FunctionName=full, ReservedConcurrentExecutions=10)
    logs = STAGE.client("logs")
    logs.create_log_group(logGroupName=f"/aws/lambda/{full}")
    logs.put_retention_policy(logGroupName=f"/aws/lambda/{full}", retentionInDays=30)


def diagnosis(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    try:
        main(["dev", *options])
        code = 0
    except SystemExit as ended:
        code = int(str(ended))
    return code, capsys.readouterr().out


def test_what_a_stage_has_follows_from_how_it_pushes() -> None:
    expected = set(Observed(STAGE).expected_functions)
    assert {"websocket_connect", "websocket_message", "websocket_disconnect"} <= expected
    assert "authorize_push" not in expected
    sids = {one.get("Sid") for one in Observed(STAGE).needed["default_worker"]}
    assert "Push" in sids
    assert "Publish" not in sids


@pytest.mark.parametrize(
    ("variable", "means"),
    [
        ("WEBSOCKET_ENDPOINT", ["EventApi"]),
        ("APPSYNC_HTTP_DOMAIN", ["WebsocketAPI"]),
        ("TABLE", ["WebsocketAPI", "EventApi"]),
    ],
)
def test_what_is_left_out_shows_in_the_environment(variable: str, means: list[str]) -> None:
    assert [one.resource for one in left_out({variable: "x"})] == means


def test_a_stage_as_it_is_deployed_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = diagnosis(capsys, "-v")
    assert code == 0, said
    assert "0 wrong, 0 doubtful" in said
    assert said.count("✓") > 30


def test_without_v_only_what_needs_attention_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    _, said = diagnosis(capsys)
    assert "✓" not in said


def test_it_names_the_secrets_of_tasks_and_shows_no_value(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ssm = STAGE.client("ssm")
    for name in ("dev/secrets/stripe", "dev/secrets/mail", "devb/secrets/other"):
        ssm.put_parameter(Name=f"/overtime-{name}", Value="sk-live", Type="SecureString")
    _, said = diagnosis(capsys)
    [line] = [line for line in said.splitlines() if line.startswith("Secrets of tasks: ")]
    assert re.fullmatch(r".*: mail \(set [0-9-]{10}\), stripe \(set [0-9-]{10}\)", line)
    assert "sk-live" not in said


def test_sources_say_how_much_they_start() -> None:
    found = Observed(STAGE).sources
    assert {(one.function, one.queue, one.maximum) for one in found} == {
        (f"{lane}_worker", f"overtime-dev-{lane}", 10) for lane in LANES
    }
    assert all(isinstance(one, Source) for one in found)


def test_a_stage_that_is_not_there_is_said_in_a_sentence() -> None:
    with pytest.raises(Refusal, match="no stage other: make deploy STAGE=other"):
        main(["other"])


@pytest.mark.parametrize("name", ["Dev!", "d", "1st", "a" * 17, "", "dev\n"])
def test_a_name_that_no_stage_has_is_refused(name: str) -> None:
    with pytest.raises(Refusal, match="cannot name a stage"):
        main([name])


@pytest.mark.parametrize("name", ["dev-sweep", "dev-code", "dev-resources"])
def test_no_stage_bears_the_name_of_what_belongs_to_another(name: str) -> None:
    with pytest.raises(Refusal, match="cannot name a stage"):
        main([name])


def test_what_went_wrong_since_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    """The last: it breaks the stage that all share."""
    iam = STAGE.client("iam")
    awslambda, sqs = STAGE.client("lambda"), STAGE.client("sqs")

    def wide(action: str) -> str:
        statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    role = "overtime-dev-sweep-role"
    iam.put_role_policy(RoleName=role, PolicyName="more", PolicyDocument=wide("dynamodb:*"))
    managed = iam.create_policy(PolicyName="managed", PolicyDocument=wide("s3:*"))
    iam.attach_role_policy(RoleName=role, PolicyArn=managed["Policy"]["Arn"])
    dead = sqs.get_queue_url(QueueName="overtime-dev-heavy-dead")["QueueUrl"]
    sqs.send_message(QueueUrl=dead, MessageBody="x")
    lane = sqs.get_queue_url(QueueName="overtime-dev-heavy")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=lane, Attributes={"VisibilityTimeout": "60"})
    [mapping] = awslambda.list_event_source_mappings(FunctionName="overtime-dev-default_worker")[
        "EventSourceMappings"
    ]
    awslambda.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    STAGE.client("events").disable_rule(Name="sweeps")
    STAGE.client("cloudwatch").set_alarm_state(
        AlarmName="overtime-dev-oldest-due", StateValue="ALARM", StateReason="a test"
    )
    STAGE.client("dynamodb").put_item(
        TableName=STAGE.table,
        Item={
            "pk": {"S": "0" * 32},
            "sk": {"S": "job"},
            "due": {"S": "must#2"},
            "due_at": {"N": "1000"},
        },
    )
    code, said = diagnosis(capsys)
    assert code == 1
    for text in (
        "sweep may dynamodb:* on *, which .chalice/policy-sweep.json does not allow",
        "sweep may s3:* on *",
        "overtime-dev-heavy-dead is not empty: 1",
        "overtime-dev-heavy hides messages for 60 s, heavy_worker takes 900 s",
        "overtime-dev-default does not feed default_worker: the mapping is Disabled",
        "The schedule sweeps is disabled",
        "The alarm overtime-dev-oldest-due has gone off",
        "for a sweep; there should be one a minute",
    ):
        assert text in said
