"""The secrets that sign webhooks: one item of the jobs table for each owner."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import ClientError

from chalicelib.aws.errors import code, unavailable
from chalicelib.aws.items import key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SECRETS = "webhook-secrets"


class SigningSecrets(msgspec.Struct, frozen=True):
    """Implements ports.SigningSecrets."""

    client: Callable[[], DynamoDBClient]
    table: str

    def of(self, owner: str, now: int) -> tuple[str, ...]:
        with unavailable("jobs table"):
            item = (
                self.client()
                .get_item(TableName=self.table, Key=key(SECRETS, owner), ConsistentRead=True)
                .get("Item")
            )
        if item is None:
            return ()
        two = "previous" in item and now < int(item["previous_until"]["N"])
        return tuple(item[name]["S"] for name in ("current", "previous")[: 1 + two])

    def replace(self, owner: str, old: str | None, new: str, until: int) -> bool:
        with unavailable("jobs table"):
            try:
                if old is None:
                    self.client().put_item(
                        TableName=self.table,
                        Item={**key(SECRETS, owner), "current": {"S": new}},
                        ConditionExpression="attribute_not_exists(pk)",
                        ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    )
                    return True
                self.client().update_item(
                    TableName=self.table,
                    Key=key(SECRETS, owner),
                    ConditionExpression="#current = :old",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    UpdateExpression=(
                        "SET #current = :new, previous = :old, previous_until = :until"
                    ),
                    ExpressionAttributeNames={"#current": "current"},
                    ExpressionAttributeValues={
                        ":old": {"S": old},
                        ":new": {"S": new},
                        ":until": {"N": str(until)},
                    },
                )
            except ClientError as error:
                if code(error) != "ConditionalCheckFailedException":
                    raise
                found: Any = error.response.get("Item", {})
                # If `new` is there, this write succeeded: its answer was lost, and repeated.
                return bool(found and found["current"]["S"] == new)
        return True
