"""Ledgers of children: an item each, with a set of numbers for each way to end."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from chalicelib.aws.batches import read_many, write_many
from chalicelib.aws.errors import unavailable
from chalicelib.aws.items import key, ttl
from chalicelib.domain.children import Ledger
from chalicelib.domain.job import TERMINAL, Status

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LEDGER_SK = "ledger"


class Ledgers(msgspec.Struct, frozen=True):
    """Implements ports.Ledgers on one DynamoDB table."""

    client: Callable[[], DynamoDBClient]
    table: str
    pause: Callable[[float], None] = time.sleep

    def add(
        self,
        name: str,
        ended: Mapping[Status, Collection[int]],
        expires_at: int,
        size: int | None = None,
    ) -> Ledger:
        changes: dict[str, Any] = {"ttl": ttl(expires_at)}
        if size is not None:
            changes["size"] = {"N": str(size)}
        added = {
            str(status): {"NS": [str(place) for place in sorted(places)]}
            for status, places in ended.items()
            if places
        }
        sets = ", ".join(f"#{one} = :{one}" for one in changes)
        adds = ", ".join(f"#{one} :{one}" for one in added)
        with unavailable("jobs table"):
            answer = self.client().update_item(
                TableName=self.table,
                Key=key(name, LEDGER_SK),
                UpdateExpression=f"SET {sets}" + (f" ADD {adds}" if adds else ""),
                ExpressionAttributeNames={f"#{one}": one for one in {**changes, **added}},
                ExpressionAttributeValues={
                    f":{one}": value for one, value in {**changes, **added}.items()
                },
                ReturnValues="ALL_NEW",
            )
        return _ledger(answer["Attributes"])

    def read(self, names: Sequence[str]) -> list[Ledger]:
        keys = (key(name, LEDGER_SK) for name in names)
        items = read_many(self.pause, self.client(), self.table, keys)
        found = {item["pk"]["S"]: _ledger(item) for item in items}
        return [found.get(name, Ledger()) for name in names]

    def delete(self, names: Sequence[str]) -> None:
        write_many(
            self.pause,
            self.client(),
            self.table,
            ({"DeleteRequest": {"Key": key(name, LEDGER_SK)}} for name in names),
        )


def _ledger(item: Mapping[str, Any]) -> Ledger:
    ended = {
        status: frozenset(map(int, item[status]["NS"])) for status in TERMINAL if status in item
    }
    return Ledger(ended, int(item["size"]["N"]) if "size" in item else None)
