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
from chalicelib.domain.job import Urgency
from chalicelib.settings import Settings
from ops.cli.stage import read_json
from ops.doctor.observed.base import listed, pages, part
from ops.doctor.observed.functions import FunctionsRead
from ops.template.alarms import function_alarms
from ops.template.compose import RESOURCES, STACK, static

ABSENT = {
    "NoSuchBucketPolicy",
    "NoSuchLifecycleConfiguration",
    "NoSuchPublicAccessBlockConfiguration",
    "ServerSideEncryptionConfigurationNotFoundError",
}


@dataclass(frozen=True)
class Queue:
    visibility: int
    messages: int
    dead_letters: str | None
    """The queue that they go to."""
    encrypted: bool


@dataclass(frozen=True)
class Alarm:
    ringing: bool
    tells: bool


class ResourcesRead(FunctionsRead):
    @part
    def time_to_live(self) -> str | None:
        """The attribute that DynamoDB expires items by."""
        client = self.stage.client("dynamodb")
        found = client.describe_time_to_live(TableName=self.stage.table)["TimeToLiveDescription"]
        enabled = found["TimeToLiveStatus"] in ("ENABLED", "ENABLING")
        return self.kept(found["AttributeName"] if enabled else None)

    @part
    def recovery(self) -> bool:
        client = self.stage.client("dynamodb")
        found = client.describe_continuous_backups(TableName=self.stage.table)
        backups = found["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        return self.kept(bool(backups["PointInTimeRecoveryStatus"] == "ENABLED"))

    @part
    def table_encrypted(self) -> bool:
        """With a key of the account's own; DynamoDB's is always used else."""
        table = self.stage.client("dynamodb").describe_table(TableName=self.stage.table)["Table"]
        return self.kept(bool(table.get("SSEDescription", {}).get("Status") == "ENABLED"))

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
                    ":partition": {"S": due_partition(Urgency.MUST, number)}
                },
                Limit=1,
            )["Items"]
            oldest = min([oldest, *(int(item["due_at"]["N"]) for item in found)])
        return (now - oldest) / 1_000

    @part
    def bucket_private(self) -> bool:
        found = self._of_bucket("get_public_access_block", "PublicAccessBlockConfiguration")
        return bool(found) and all(found.values())

    @part
    def bucket_policy(self) -> list[dict[str, Any]]:
        policy = self._of_bucket("get_bucket_policy", "Policy")
        return self.kept(listed(json.loads(policy)["Statement"]) if policy else [])

    @part
    def bucket_encrypted(self) -> bool:
        return bool(self._of_bucket("get_bucket_encryption", "ServerSideEncryptionConfiguration"))

    @part
    def lifecycle(self) -> dict[str, int]:
        """Days after which objects go, by prefix."""
        rules = self._of_bucket("get_bucket_lifecycle_configuration", "Rules") or []
        found: dict[str, int] = {}
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
        return [
            static(self.stage, resource["Properties"]["QueueName"])
            for resource in read_json(RESOURCES)["Resources"].values()
            if resource["Type"] == "AWS::SQS::Queue"
        ]

    @part
    def alarms(self) -> dict[str, Alarm]:
        client = self.stage.client("cloudwatch")
        found = pages(client, "describe_alarms", AlarmNamePrefix=f"{self.stage.stack}-")
        return {
            alarm["AlarmName"]: Alarm(alarm["StateValue"] == "ALARM", bool(alarm["AlarmActions"]))
            for page in found
            for alarm in page["MetricAlarms"]
        }

    @property
    def expected_alarms(self) -> list[str]:
        """Of what jobs live in."""
        return self._alarm_names(read_json(RESOURCES)["Resources"])

    @property
    def stack_alarms(self) -> list[str]:
        """Of functions and API, as `make deploy` makes them."""
        if self.local:
            return []
        declared = dict(read_json(STACK)["Resources"])
        for name in self.expected_functions:
            logical_id = "".join(map(str.capitalize, name.split("_")))
            declared |= function_alarms(logical_id, self.stage.function(name))
        return self._alarm_names(declared)

    def _alarm_names(self, declared: Mapping[str, Any]) -> list[str]:
        return [
            static(self.stage, resource["Properties"]["AlarmName"])
            for resource in declared.values()
            if resource.get("Type") == "AWS::CloudWatch::Alarm"
        ]

    def _of_bucket(self, operation: str, member: str) -> Any:
        try:
            read = getattr(self.stage.client("s3"), operation)
            return read(Bucket=self.stage.bucket)[member]
        except ClientError as error:
            if error.response["Error"]["Code"] in ABSENT:
                return None
            raise

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
            encrypted=found.get("SqsManagedSseEnabled") == "true" or "KmsMasterKeyId" in found,
        )

    def setting(self, name: str) -> int:
        """A number of the environment that the functions have, or else its default."""
        declared: Mapping[str, str] = self.stage.environment
        if not self.local and "sweep" in self.functions:
            declared = self.functions["sweep"].environment
        defaults = {field.name: field.default for field in msgspec.structs.fields(Settings)}
        return int(declared.get(name.upper(), defaults[name]))
