"""Schedules in the jobs table: a partition for each owner, and entries in the due index."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import ClientError
from msgspec.structs import asdict

from chalicelib.aws.batches import read_many
from chalicelib.aws.errors import code, unavailable
from chalicelib.aws.items import Item, Shards, key, plain, value_of
from chalicelib.domain.job import DuePartition
from chalicelib.domain.schedules import PREFIX, Build, ScheduleRecord

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

logger = logging.getLogger(__name__)

BUILD = key("schedules", "build")
_FIELDS = frozenset(ScheduleRecord.__struct_fields__)


class SchedulesTable(msgspec.Struct):
    """Implements ports.ScheduleStore on one DynamoDB table."""

    client: Callable[[], DynamoDBClient]
    table: str
    shards: Shards = Shards()
    pause: Callable[[float], None] = time.sleep
    known: Build | None = None  # the build that this process knows

    def read(self, owner: str, name: str) -> ScheduleRecord | None:
        place = key(f"{PREFIX}{owner}", name)
        with unavailable("jobs table"):
            item = (
                self.client()
                .get_item(TableName=self.table, Key=place, ConsistentRead=True)
                .get("Item")
            )
        return _readable(item) if item else None

    def read_many(self, ids: Sequence[str]) -> list[ScheduleRecord]:
        items = read_many(self.pause, self.client(), self.table, [_key(one) for one in ids])
        return [record for record in map(_readable, items) if record is not None]

    def owned(self, owner: str, after: str | None, limit: int) -> list[ScheduleRecord]:
        values: Any = {":pk": {"S": f"{PREFIX}{owner}"}, ":after": {"S": after or " "}}
        with unavailable("jobs table"):
            pages = (
                self.client()
                .get_paginator("query")
                .paginate(
                    TableName=self.table,
                    KeyConditionExpression="pk = :pk AND sk > :after",
                    ExpressionAttributeValues=values,
                    ConsistentRead=True,
                    PaginationConfig={"PageSize": limit},
                )
            )
            items = (item for page in pages for item in page["Items"])
            found = map(_readable, islice(items, limit))
            return [record for record in found if record is not None]

    def replace(self, before: ScheduleRecord | None, after: ScheduleRecord) -> bool:
        item = self._item(after)
        return self._write(before, after.nonce, self.client().put_item, Item=item)

    def delete(self, record: ScheduleRecord) -> bool:
        return self._write(record, None, self.client().delete_item, Key=_key(record.id))

    def build(self) -> Build:
        if self.known is None:
            items = read_many(self.pause, self.client(), self.table, [BUILD])
            stored = next(iter(items), None)
            self.known = (
                Build(stored["hash"]["S"], tuple(msgspec.json.decode(stored["ids"]["S"])))
                if stored
                else Build()
            )
        return self.known

    def store_build(self, build: Build) -> None:
        ids = msgspec.json.encode(build.ids).decode()
        item: Any = {**BUILD, "hash": {"S": build.hash}, "ids": {"S": ids}}
        with unavailable("jobs table"):
            self.client().put_item(TableName=self.table, Item=item)
        self.known = build

    def _write(
        self,
        before: ScheduleRecord | None,
        nonce: str | None,
        operation: Callable[..., Any],
        **arguments: Any,
    ) -> bool:
        """Only if `before` is stored. A lost answer makes the SDK repeat the write: then this
        write's own nonce is stored, or nothing after a delete."""
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if before is not None:
            condition = {
                "ConditionExpression": "nonce = :before",
                "ExpressionAttributeValues": {":before": {"S": before.nonce}},
            }
        with unavailable("jobs table"):
            try:
                operation(
                    TableName=self.table,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **condition,
                    **arguments,
                )
            except ClientError as error:
                if code(error) != "ConditionalCheckFailedException":
                    raise
                found: Any = error.response.get("Item")
                return (found["nonce"]["S"] if found else None) == nonce
        return True

    def _item(self, record: ScheduleRecord) -> Item:
        values = {name: value for name, value in asdict(record).items() if value is not None}
        item = {**{name: plain(value) for name, value in values.items()}, **_key(record.id)}
        if record.due_at is not None:
            item["due"] = {"S": self.shards.due_partition(DuePartition.MUST, record.id)}
            item["due_at"] = plain(record.due_at)
        return item


def _key(schedule_id: str) -> dict[str, Any]:
    owner, _, name = schedule_id.rpartition("#")
    return key(owner, name)


def _readable(item: Item) -> ScheduleRecord | None:
    """None for an unreadable schedule: it must not hide the others from a list or the sweeper."""
    try:
        values = {name: value_of(one) for name, one in item.items() if name in _FIELDS}
        return msgspec.convert(values, ScheduleRecord)
    except Exception:
        logger.exception("schedule_unreadable", extra={"text": str(item["sk"])})
        return None
