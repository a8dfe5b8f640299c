"""The secrets of a stage: items of the jobs table, made once by whoever first needs them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chalicelib.aws.errors import unavailable
from chalicelib.aws.items import key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

STAGE_SECRET = key("stage", "secret")


@dataclass
class Secrets:
    """Implements ports.SecretStore. In the table and not in the environment: there it lives as
    long as the ids that are derived from it, and no deployment can replace it."""

    client: Callable[[], DynamoDBClient]
    table: str
    new_id: Callable[[], bytes]  # 256 random bits
    _stage: bytes | None = field(default=None, init=False, repr=False)

    def stage_secret(self) -> bytes:
        if self._stage is None:
            self._stage = self._read() or self._make()
        return self._stage

    def _read(self) -> bytes | None:
        with unavailable("jobs table"):
            answer = self.client().get_item(
                TableName=self.table, Key=STAGE_SECRET, ConsistentRead=True
            )
        return bytes(answer["Item"]["value"]["B"]) if "Item" in answer else None

    def _make(self) -> bytes:
        """Of those that race the first wins, and all of them get what it stored."""
        with unavailable("jobs table"):
            answer = self.client().update_item(
                TableName=self.table,
                Key=STAGE_SECRET,
                UpdateExpression="SET #value = if_not_exists(#value, :fresh)",
                ExpressionAttributeNames={"#value": "value"},
                ExpressionAttributeValues={":fresh": {"B": self.new_id()}},
                ReturnValues="ALL_NEW",
            )
        return bytes(answer["Attributes"]["value"]["B"])
