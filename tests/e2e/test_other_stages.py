"""What a function may do to its own stage it may not do to another's, though that one's name
begins alike. A probe under the function's role makes the calls."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore import xform_name

from tests.e2e.deployed import Deployed
from tests.e2e.permissions import Permission, permissions

PROBE = """
import boto3, botocore.exceptions

def call(event, context):
    client = boto3.client(event["service"], endpoint_url=event["endpoint"])
    try:
        getattr(client, event["operation"])(**event["parameters"])
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    return "allowed"
"""
DENIED = {"AccessDenied", "AccessDeniedException", "403"}
ONLY_HERE = {"ConditionExpression": "attribute_exists(nothing)"}  # so that nothing is written


def place(of: Deployed, permission: Permission) -> dict[str, Any]:
    """The parameters that name what the permission is for, in that stage."""
    match permission.place:
        case "table":
            return {"TableName": of.variable("api_handler", "TABLE")}
        case "owner" | "due" as index:
            return {"TableName": of.variable("api_handler", "TABLE"), "IndexName": index}
        case "bucket":
            return {"Bucket": of.variable("api_handler", "BUCKET")}
        case "jobs/" | "uploads/" as prefix:
            return {"Bucket": of.variable("api_handler", "BUCKET"), "Key": f"{prefix}nobody"}
        case "secrets":
            return {"Name": f"{of.stage.secrets_path}nothing"}
        case "connections":
            return {"ConnectionId": "nobody"}
        case lane:
            return {"QueueUrl": of.queue(lane)}


KEY = {"pk": {"S": "tokens"}, "sk": {"S": "nobody"}}
HASHES = {"table": "pk", "owner": "owner_shard", "due": "due"}


def query(permission: Permission) -> dict[str, Any]:
    return {
        "KeyConditionExpression": f"{HASHES[permission.place]} = :key",
        "ExpressionAttributeValues": {":key": {"S": "nobody"}},
    }


# by action: what else a call of it takes, so that it changes nothing
REST: dict[str, Callable[[Permission], dict[str, Any]]] = {
    "dynamodb:GetItem": lambda _: {"Key": KEY},
    "dynamodb:PutItem": lambda _: {"Item": KEY, **ONLY_HERE},
    "dynamodb:UpdateItem": lambda _: {"Key": KEY, "UpdateExpression": "SET a = pk", **ONLY_HERE},
    "dynamodb:DeleteItem": lambda _: {"Key": KEY, **ONLY_HERE},
    "dynamodb:Query": query,
    "ssm:GetParameter": lambda _: {},
    "s3:GetObject": lambda _: {},
    "s3:PutObject": lambda _: {"Body": ""},
    "s3:DeleteObject": lambda _: {},
    "s3:ListBucket": lambda _: {"MaxKeys": 1},
    "sqs:SendMessage": lambda _: {"MessageBody": '{"job":"nobody","generation":0}'},
    "sqs:ReceiveMessage": lambda _: {"VisibilityTimeout": 0},
    "sqs:DeleteMessage": lambda _: {"ReceiptHandle": "none"},
    "sqs:GetQueueAttributes": lambda _: {},
    "execute-api:ManageConnections": lambda _: {"Data": "nobody hears it"},
}
BATCHES: dict[str, Any] = {
    "dynamodb:BatchGetItem": {"Keys": [KEY]},
    "dynamodb:BatchWriteItem": [{"DeleteRequest": {"Key": KEY}}],
}
OPERATIONS = {
    "s3:ListBucket": ("s3", "list_objects_v2"),
    "execute-api:ManageConnections": ("apigatewaymanagementapi", "post_to_connection"),
}


def call(of: Deployed, permission: Permission) -> dict[str, Any]:
    """A call in that stage which needs the permission, for the probe."""
    where = place(of, permission)
    if permission.action in BATCHES:
        parameters = {"RequestItems": {where["TableName"]: BATCHES[permission.action]}}
    else:
        parameters = {**where, **REST[permission.action](permission)}
    plain = permission.action.split(":")
    service, operation = OPERATIONS.get(permission.action, (plain[0], xform_name(plain[1])))
    endpoint = None
    if permission.place == "connections":
        endpoint = of.variable("api_handler", "WEBSOCKET_ENDPOINT")
    return {
        "service": service,
        "operation": operation,
        "parameters": parameters,
        "endpoint": endpoint,
    }


class Probes:
    def __init__(self, stage: Deployed) -> None:
        self.stage = stage
        self._known: dict[str, str] = {}

    def say(self, function: str, asked: dict[str, Any]) -> str:
        """What AWS answers to the function's role: an error's code, or `allowed`."""
        answer = self.stage.client("lambda").invoke(
            FunctionName=self._probe(function), Payload=json.dumps(asked)
        )
        said = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, said
        return str(said)

    def _probe(self, function: str) -> str:
        if function not in self._known:
            known = self.stage.functions[function]
            code = io.BytesIO()
            with zipfile.ZipFile(code, "w") as packed:
                packed.writestr("probe.py", PROBE)
            name = f"{self.stage.stage.stack}-probe-{function}"
            self.stage.client("lambda").create_function(
                FunctionName=name,
                Runtime=known["Runtime"],
                Role=known["Role"],
                Handler="probe.call",
                Code={"ZipFile": code.getvalue()},
                Timeout=30,
            )
            self._known[function] = name
        return self._known[function]


@pytest.fixture(scope="module")
def probes(stage: Deployed) -> Probes:
    return Probes(stage)


# Not the logs: the local AWS does not know that a log group's name ends in `:*` in a policy.
@pytest.mark.parametrize(
    "permission", [one for one in permissions() if one.sid != "OwnLogs"], ids=str
)
def test_what_is_allowed_here_is_denied_elsewhere(
    stage: Deployed, user_stage: Deployed, probes: Probes, permission: Permission
) -> None:
    assert probes.say(permission.function, call(stage, permission)) not in DENIED
    assert probes.say(permission.function, call(user_stage, permission)) in DENIED
