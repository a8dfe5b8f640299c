"""What no local AWS keeps, so that only the template can prove it: encryption, closed doors."""

from __future__ import annotations

import re
from typing import Any

import pytest

from chalicelib.domain.task import LANES
from ops.cli.stage import Stage
from ops.stack.stack import DATA
from ops.template.declared import own_template

RESOURCES: dict[str, Any] = own_template(Stage("overtime", "dev"))["Resources"]


def of_type(kind: str) -> list[Any]:
    return [
        pytest.param(resource, id=name)
        for name, resource in RESOURCES.items()
        if resource.get("Type") == kind
    ]


@pytest.mark.parametrize("table", of_type("AWS::DynamoDB::Table"))
def test_a_table_is_encrypted_and_can_be_brought_back(table: dict[str, Any]) -> None:
    properties = table["Properties"]
    assert properties["SSESpecification"] == {"SSEEnabled": True}
    recovery = properties["PointInTimeRecoverySpecification"]
    assert recovery == {"PointInTimeRecoveryEnabled": True}
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


@pytest.mark.parametrize("queue", of_type("AWS::SQS::Queue"))
def test_a_queue_is_encrypted(queue: dict[str, Any]) -> None:
    assert queue["Properties"]["SqsManagedSseEnabled"] is True


@pytest.mark.parametrize("bucket", of_type("AWS::S3::Bucket"))
def test_a_bucket_is_encrypted_closed_and_forgets(bucket: dict[str, Any]) -> None:
    properties = bucket["Properties"]
    [rule] = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert all(properties["PublicAccessBlockConfiguration"].values())
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert {rule["Status"] for rule in properties["LifecycleConfiguration"]["Rules"]} == {"Enabled"}


@pytest.mark.parametrize(
    "policy", of_type("AWS::S3::BucketPolicy") + of_type("AWS::SQS::QueuePolicy")
)
def test_bucket_and_queues_are_reached_over_tls_only(policy: dict[str, Any]) -> None:
    [statement] = policy["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_every_queue_is_under_such_a_policy() -> None:
    under = [
        queue["Ref"]
        for one in RESOURCES.values()
        if one.get("Type") == "AWS::SQS::QueuePolicy"
        for queue in one["Properties"]["Queues"]
    ]
    queues = [name for name, one in RESOURCES.items() if one.get("Type") == "AWS::SQS::Queue"]
    assert sorted(under) == sorted(queues)


@pytest.mark.parametrize("name", ["JobsTable", "Bucket"])
def test_what_holds_jobs_outlives_its_stack_but_not_a_creation_that_failed(name: str) -> None:
    assert RESOURCES[name]["Type"] in DATA
    # plain Retain would leave it in the way of the next attempt
    assert RESOURCES[name]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain"


def test_the_api_is_throttled_as_the_stage_chooses() -> None:
    [everything] = RESOURCES["RestAPI"]["Properties"]["MethodSettings"]
    assert (everything["ResourcePath"], everything["HttpMethod"]) == ("/*", "*")
    assert everything["ThrottlingRateLimit"] == {"Ref": "ThrottleRate"}
    assert everything["ThrottlingBurstLimit"] == {"Ref": "ThrottleBurst"}


def test_a_lanes_name_can_be_a_part_of_every_name_that_is_made_of_it() -> None:
    """Of a variable, a queue, a logical id and a function."""
    assert all(re.fullmatch("[a-z][a-z0-9]{1,15}", lane) for lane in LANES)
