"""Held requests: one item per owner in the jobs table, a set of the requests held now, each with
the time when it stops counting."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import ClientError

from chalicelib.aws.errors import code, unavailable
from chalicelib.aws.items import key, ttl

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

HELD_SK = "held"


class HeldRequests(msgspec.Struct, frozen=True):
    """Implements ports.HeldRequests on one DynamoDB table."""

    client: Callable[[], DynamoDBClient]
    table: str

    def begin(self, owner: str, hold: str, until: int, now: int, at_most: int) -> bool:
        name = _name(hold, until)
        others = self._add(owner, name, until, at_most)
        over = [one for one in others if int(one.partition("#")[0]) <= now]
        if name not in others and over:  # their processes died before they could call `end`
            self._delete(owner, over)
            others = self._add(owner, name, until, at_most)
        return not others or name in others

    def end(self, owner: str, hold: str, until: int) -> None:
        self._delete(owner, [_name(hold, until)])

    def _add(self, owner: str, name: str, until: int, at_most: int) -> list[str]:
        """The requests that use up the limit; empty if this one was added."""
        with unavailable("jobs table"):
            try:
                self.client().update_item(
                    **self._item(owner),
                    UpdateExpression="ADD held :added SET #ttl = :ttl",
                    ConditionExpression="attribute_not_exists(held) OR size(held) < :most",
                    ExpressionAttributeNames={"#ttl": "ttl"},
                    ExpressionAttributeValues={
                        ":added": {"SS": [name]},
                        ":most": {"N": str(at_most)},
                        ":ttl": ttl(until),
                    },
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                if code(error) != "ConditionalCheckFailedException":
                    raise
                item: Any = error.response["Item"]  # type: ignore[typeddict-item]
                return list(item["held"]["SS"])
        return []

    def _delete(self, owner: str, names: list[str]) -> None:
        with unavailable("jobs table"):
            self.client().update_item(
                **self._item(owner),
                UpdateExpression="DELETE held :names",
                ExpressionAttributeValues={":names": {"SS": names}},
            )

    def _item(self, owner: str) -> dict[str, Any]:
        partition = f"held#{hashlib.sha256(owner.encode()).hexdigest()}"  # of any length
        return {"TableName": self.table, "Key": key(partition, HELD_SK)}


def _name(hold: str, until: int) -> str:
    return f"{until}#{hold}"
