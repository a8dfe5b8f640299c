"""What is read of what jobs live in: table, bucket, queues; and of the alarms."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from botocore.exceptions import ClientError

from chalicelib.aws.items import due_partition
from chalicelib.domain.job import DuePartition
from chalicelib.settings import Settings
from ops.doctor.findings import CannotBeRead
from ops.doctor.observed.base import pages, part
from ops.doctor.observed.functions import FunctionsRead
from ops.stack import parameters
from ops.stack.stack import Stack
from ops.template.declared import resources_template
from ops.template.functions import queue_names

CHANGED_BY_US = "/Environment/Variables/PUBLIC_URL"  # by ops/stack/local_aws.py


@dataclass(frozen=True)
class Queue:
    visibility: int
    messages: int
    dead_letters: str | None
    """The queue that they go to."""


@dataclass(frozen=True)
class Alarm:
    ringing: bool
    tells: bool


class ResourcesRead(FunctionsRead):
    @part
    def drift(self) -> list[dict[str, Any]]:
        """As Stack.drift has it, of the stack that holds the table."""
        if self.local:
            raise CannotBeRead("only `make run` itself may ask about the stack of its local AWS")
        names = (self.stage.stack, self.stage.resources_stack)
        stacks = [Stack(self.stage, name) for name in names]
        found = next((stack.drift() for stack in stacks if stack.status is not None), [])
        return [one for one in found if not (self.emulated and _changed_by_us(one))]

    @part
    def most_late(self) -> float:
        """Seconds that the most urgent of all due jobs has been waiting for a sweep."""
        client, now = self.stage.client("dynamodb"), time.time_ns() // 1_000_000
        oldest = now
        for number in range(self.setting("due_shards")):
            found = client.query(
                TableName=self.stage.table,
                IndexName="due",
                KeyConditionExpression="due = :partition",
                ExpressionAttributeValues={
                    ":partition": {"S": due_partition(DuePartition.MUST, number)}
                },
                Limit=1,
            )["Items"]
            oldest = min([oldest, *(int(item["due_at"]["N"]) for item in found)])
        return (now - oldest) / 1_000

    @part
    def lifecycle(self) -> dict[str, int]:
        """Days after which objects go, by prefix."""
        client, found = self.stage.client("s3"), dict[str, int]()
        try:
            rules = client.get_bucket_lifecycle_configuration(Bucket=self.stage.bucket)["Rules"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchLifecycleConfiguration":
                raise
            rules = []
        for rule in rules:
            if rule["Status"] == "Enabled" and "Days" in rule.get("Expiration", {}):
                prefix = rule.get("Prefix", rule.get("Filter", {}).get("Prefix", ""))
                found[prefix] = rule["Expiration"]["Days"]
        return self.kept(found)

    @part
    def retention_days(self) -> int:
        return self.setting("retention_days")

    @part
    def queues(self) -> dict[str, Queue]:
        """Those of the template that there are, by their full names."""
        return {
            name: queue for name in self.expected_queues if (queue := self._queue(name)) is not None
        }

    @functools.cached_property
    def expected_queues(self) -> list[str]:
        return [name for _, name in queue_names(self.stage, resources_template(self.stage))]

    @part
    def task_secrets(self) -> dict[str, str]:
        """Names, with the day on which each was set; no values."""
        return parameters.set_on(self.stage)

    @part
    def alarms(self) -> dict[str, Alarm]:
        client = self.stage.client("cloudwatch")
        found = pages(client, "describe_alarms", AlarmNamePrefix=f"{self.stage.stack}-")
        return {
            alarm["AlarmName"]: Alarm(alarm["StateValue"] == "ALARM", bool(alarm["AlarmActions"]))
            for page in found
            for alarm in page["MetricAlarms"]
        }

    def _queue(self, name: str) -> Queue | None:
        client = self.stage.client("sqs")
        try:
            url = client.get_queue_url(QueueName=name)["QueueUrl"]
        except client.exceptions.QueueDoesNotExist:
            return None
        found = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        redrive = json.loads(found.get("RedrivePolicy", "{}"))
        return Queue(
            visibility=int(found["VisibilityTimeout"]),
            messages=int(found["ApproximateNumberOfMessages"]),
            dead_letters=redrive.get("deadLetterTargetArn", "").rpartition(":")[2] or None,
        )

    def setting(self, name: str) -> int:
        """A number of the environment that the functions have, or else its default."""
        declared: Mapping[str, str] = self.stage.environment
        if not self.local and "sweep" in self.functions:
            declared = self.functions["sweep"].environment
        defaults = {field.name: field.default for field in msgspec.structs.fields(Settings)}
        return int(declared.get(name.upper(), defaults[name]))


def _changed_by_us(drifted: dict[str, Any]) -> bool:
    paths = [one["PropertyPath"] for one in drifted.get("PropertyDifferences", [])]
    return paths == [CHANGED_BY_US]
