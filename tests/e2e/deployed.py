"""A stage that the project's own commands have put onto the local AWS."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config

from ops.cli.stage import read_stage
from tests.aws import ROOT
from tests.e2e.http import Client
from tests.e2e.local_aws import REGION, EnforcingAws
from tests.e2e.waiting import until

NONE: Mapping[str, str] = {}
DEPTHS = ("", "NotVisible", "Delayed")  # in the queue, being worked on, sent with a delay


class Deployed:
    def __init__(self, aws: EnforcingAws, name: str, home: Path = ROOT) -> None:
        """Deploys it, from the checkout at `home`."""
        self.aws = aws
        self.home = home
        self.stage = read_stage(name)
        self._clients: dict[str, Any] = {}
        said = self.command("ops.deploy", name, "--yes")
        self.url = re.findall(r"^API +(\S+)$", said, re.MULTILINE)[0]

    def command(self, module: str, *arguments: str, piped: str = "") -> str:
        """What one of the project's commands prints, here."""
        ran = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=self.home,
            env=dict(self.aws.environment),
            input=piped,
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout.strip()

    def client(self, service: str) -> Any:
        """With an administrator's credentials."""
        if service not in self._clients:
            self._clients[service] = botocore.session.get_session().create_client(
                service,
                region_name=REGION,
                endpoint_url=self.aws.url,
                verify=str(self.aws.certificate),
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(proxies={}, retries={"total_max_attempts": 1}, read_timeout=120),
            )
        return self._clients[service]

    def owner(self, name: str) -> Client:
        """Somebody with a token of their own."""
        token = self.command("ops.tokens", "issue", self.stage.name, name)
        return Client(self.url, self.aws.certificate, token)

    def answer_at(self, domain: str) -> None:
        """Gives the API a custom domain, which clients name in the header Host."""
        api = re.findall(r"/restapis/([^/]+)/([^/]+)/", self.url)
        gateway = self.client("apigateway")
        gateway.create_domain_name(domainName=domain)
        [(api_id, stage)] = api
        gateway.create_base_path_mapping(domainName=domain, restApiId=api_id, stage=stage)

    @cached_property
    def functions(self) -> dict[str, dict[str, Any]]:
        """The configurations of its Lambda functions, by the names that Chalice has for them."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        names = [
            one["PhysicalResourceId"]
            for page in pages.paginate(StackName=self.stage.stack)
            for one in page["StackResourceSummaries"]
            if one["ResourceType"] == "AWS::Lambda::Function"
        ]
        describe = self.client("lambda").get_function_configuration
        return {
            name.removeprefix(self.stage.stack).lstrip("-") or "api_handler": describe(
                FunctionName=name
            )
            for name in names
        }

    def variable(self, function: str, name: str) -> str:
        """Of a function's environment, as it was deployed."""
        value: str = self.functions[function]["Environment"]["Variables"][name]
        return value

    def configure(
        self, function: str, timeout: int | None = None, variables: Mapping[str, str] = NONE
    ) -> None:
        """Sets environment variables of a function, and its timeout in seconds."""
        name = self.functions[function]["FunctionName"]
        known = self.client("lambda").get_function_configuration(FunctionName=name)
        self.client("lambda").update_function_configuration(
            FunctionName=name,
            Timeout=timeout or known["Timeout"],
            Environment={"Variables": {**known["Environment"]["Variables"], **variables}},
        )

    def invoke(self, function: str, event: Any) -> dict[str, Any]:
        """Raises InvocationFailed with what the function said."""
        name = self.functions[function]["FunctionName"]
        answer = self.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
        body = json.loads(answer["Payload"].read() or b"null")
        if "FunctionError" in answer:
            raise InvocationFailed(body)
        found: dict[str, Any] = body
        return found

    @property
    def table(self) -> str:
        return self.variable("api_handler", "TABLE")

    def items(self, partition: str) -> list[str]:
        """The sort keys of what the table holds there."""
        return [item["sk"]["S"] for item in self._query(partition)]

    def read(self, partition: str, key: str | None = None) -> dict[str, Any]:
        """An item of the table: the only one there, if no sort key is given."""
        found = self._query(partition)
        (item,) = [one for one in found if key in (None, one["sk"]["S"])]
        return item

    def _query(self, partition: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client("dynamodb").query(
            TableName=self.table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": partition}},
            ConsistentRead=True,
        )["Items"]
        return found

    def objects(self, prefix: str) -> list[str]:
        """The keys of what the bucket holds there."""
        bucket = self.variable("api_handler", "BUCKET")
        found = self.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)
        return [one["Key"] for one in found.get("Contents", [])]

    def kill(self, function: str) -> None:
        """All execution environments of the function, whatever they do; returns once they are
        dead, so that the next invocation gets a fresh one."""
        name = self.stage.function(function)
        killed = self.aws.processes(name)
        for process in killed:
            os.kill(process, signal.SIGKILL)
        until(lambda: not set(killed) & set(self.aws.processes(name)), 10)

    def log(self, function: str, text: str, since: int = 0) -> list[str]:
        """The function's log lines that hold the text, since an epoch time in milliseconds."""
        found = self.client("logs").filter_log_events(
            logGroupName=f"/aws/lambda/{self.stage.function(function)}",
            filterPattern=f'"{text}"',
            startTime=since,
        )
        return [event["message"] for event in found["events"]]

    # ── queues ──

    def queue(self, lane: str) -> str:
        url: str = self.client("sqs").get_queue_url(QueueName=self.stage.queue(lane))["QueueUrl"]
        return url

    def depth(self, lane: str, *of: str) -> int:
        """As SQS tells it; of all kinds of messages unless some are named."""
        names = [f"ApproximateNumberOfMessages{one}" for one in of or DEPTHS]
        counts = self.client("sqs").get_queue_attributes(
            QueueUrl=self.queue(lane), AttributeNames=names
        )["Attributes"]
        return sum(map(int, counts.values()))

    def send(self, lane: str, body: str) -> None:
        self.client("sqs").send_message(QueueUrl=self.queue(lane), MessageBody=body)

    def read_message(self, lane: str, text: str) -> str:
        """The message that holds the text, left where it is."""
        sqs, url = self.client("sqs"), self.queue(lane)
        got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        for one in got:
            sqs.change_message_visibility(
                QueueUrl=url, ReceiptHandle=one["ReceiptHandle"], VisibilityTimeout=0
            )
        (body,) = [one["Body"] for one in got if text in one["Body"]]
        return str(body)

    def take_away(self, lane: str, text: str) -> None:
        """Loses the message that holds the text, and is the only one in the queue."""
        sqs, url = self.client("sqs"), self.queue(lane)
        (one,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        assert text in one["Body"], one
        sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])

    @contextmanager
    def visible_after(self, lane: str, seconds: int) -> Iterator[None]:
        """How long, while inside, a message that nobody deleted stays away before it comes
        again."""
        sqs, url, name = self.client("sqs"), self.queue(lane), "VisibilityTimeout"
        before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={name: str(seconds)})
        try:
            yield
        finally:
            sqs.set_queue_attributes(QueueUrl=url, Attributes=before)

    @contextmanager
    def standing_still(self, *lanes: str) -> Iterator[None]:
        """No worker takes anything from these lanes while inside."""
        self.take_up(False, *lanes)
        try:
            yield
        finally:
            self.take_up(True, *lanes)

    def take_up(self, enabled: bool, *lanes: str) -> None:
        functions, wanted = self.client("lambda"), "Enabled" if enabled else "Disabled"
        for lane in lanes:
            (mapping,) = functions.list_event_source_mappings(
                FunctionName=self.stage.function(f"{lane}_worker")
            )["EventSourceMappings"]
            functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)
            look = partial(functions.get_event_source_mapping, UUID=mapping["UUID"])
            until(partial(_is, look, wanted), 60)

    @contextmanager
    def unscheduled(self, function: str) -> Iterator[None]:
        """Its schedule does not fire while inside."""
        events, name = self.client("events"), self.functions[function]["FunctionArn"]
        (rule,) = events.list_rule_names_by_target(TargetArn=name)["RuleNames"]
        events.disable_rule(Name=rule)
        try:
            yield
        finally:
            events.enable_rule(Name=rule)


class InvocationFailed(Exception):
    """A Lambda function raised."""


def _is(look: Callable[[], dict[str, Any]], state: str) -> bool:
    return bool(look()["State"] == state)
