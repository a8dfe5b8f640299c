"""Connections and subscriptions, in the jobs table. Subscriptions are stored beside their job's
record, so that one query finds them all and an erase deletes them too."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import ClientError

from chalicelib.aws.batches import write_many
from chalicelib.aws.conditional import Pause
from chalicelib.aws.errors import code, unavailable
from chalicelib.aws.items import key, ttl
from chalicelib.domain.job import JobRecord
from chalicelib.ports.push import Connection, Subscriber

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CONNECTION_SK, TICKET_SK = "connection", "ticket"


class Subscriptions(msgspec.Struct, frozen=True):
    """Implements ports.Connections on one DynamoDB table."""

    client: Callable[[], DynamoDBClient]
    table: str
    pause: Pause = time.sleep

    def open(self, connection: Connection, ticket: str, until: int) -> bool:
        if not self._use(ticket, connection.id, until):
            return False
        item: Any = {
            **_connection(connection.id),
            "owner": {"S": connection.owner},
            "base": {"S": connection.base},
            **_expiry(connection.expires_at),
        }
        with unavailable("jobs table"):
            self.client().put_item(TableName=self.table, Item=item)
        return True

    def _use(self, ticket: str, connection_id: str, until: int) -> bool:
        """Whether no other connection has used the ticket; the SDK may repeat the call."""
        item: Any = {
            **key(f"ticket#{ticket}", TICKET_SK),
            "connection": {"S": connection_id},
            **_expiry(until),
        }
        unused_by_others = "attribute_not_exists(pk) OR #connection = :connection"
        return self._if(
            unused_by_others,
            self.client().put_item,
            Item=item,
            ExpressionAttributeNames={"#connection": "connection"},
            ExpressionAttributeValues={":connection": {"S": connection_id}},
        )

    def find(self, connection_id: str, now: int) -> Connection | None:
        with unavailable("jobs table"):
            item: Any = (
                self.client()
                .get_item(TableName=self.table, Key=_connection(connection_id), ConsistentRead=True)
                .get("Item")
            )
        if item is None or int(item["until"]["N"]) <= now:
            return None
        return Connection(
            id=connection_id,
            owner=item["owner"]["S"],
            base=item["base"]["S"],
            expires_at=int(item["until"]["N"]),
            jobs=_jobs(item),
        )

    def reserve(self, connection: Connection, record: JobRecord, at_most: int) -> bool:
        still_open = "attribute_exists(pk)"
        has_room = "attribute_not_exists(jobs) OR size(jobs) < :most OR contains(jobs, :job)"
        job = _text((record.id, record.uid))
        return self._if(
            f"{still_open} AND ({has_room})",
            self.client().update_item,
            Key=_connection(connection.id),
            UpdateExpression="ADD jobs :jobs",
            ExpressionAttributeValues={
                ":jobs": {"SS": [job]},
                ":job": {"S": job},
                ":most": {"N": str(at_most)},
            },
        )

    def subscribe(self, record: JobRecord, to: Subscriber, expires_at: int) -> None:
        item: Any = {
            **_subscription((record.id, record.uid), to.address),
            "base": {"S": to.base},
            **_expiry(expires_at),
        }
        with unavailable("jobs table"):
            self.client().put_item(TableName=self.table, Item=item)

    def subscribers(self, record: JobRecord, now: int) -> list[Subscriber]:
        prefix = f"sub#{record.uid}#"
        with unavailable("jobs table"):
            pages = (
                self.client()
                .get_paginator("query")
                .paginate(
                    TableName=self.table,
                    KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
                    ExpressionAttributeValues={":pk": {"S": record.id}, ":prefix": {"S": prefix}},
                    ConsistentRead=True,
                )
            )
            items: list[Any] = [item for page in pages for item in page["Items"]]
        return [
            Subscriber(item["sk"]["S"].removeprefix(prefix), item["base"]["S"])
            for item in items
            if int(item["until"]["N"]) > now
        ]

    def drop(self, record: JobRecord, address: str) -> None:
        self._drop(address, [(record.id, record.uid)])

    def unsubscribe(self, connection: Connection, job_id: str) -> None:
        gone = [job for job in connection.jobs if job[0] == job_id]
        if not gone:
            return
        self._drop(connection.id, gone)
        self._if(
            "attribute_exists(pk)",
            self.client().update_item,
            Key=_connection(connection.id),
            UpdateExpression="DELETE jobs :jobs",
            ExpressionAttributeValues={":jobs": {"SS": [_text(job) for job in gone]}},
        )

    def close(self, connection_id: str) -> None:
        with unavailable("jobs table"):
            item: Any = self.client().delete_item(
                TableName=self.table, Key=_connection(connection_id), ReturnValues="ALL_OLD"
            )
        self._drop(connection_id, _jobs(item.get("Attributes", {})))

    def _drop(self, address: str, jobs: Iterable[tuple[str, str]]) -> None:
        keys = [_subscription(job, address) for job in sorted(jobs)]
        deletes = ({"DeleteRequest": {"Key": one}} for one in keys)
        write_many(self.pause, self.client(), self.table, deletes)

    def _if(self, condition: str, operation: Callable[..., Any], **arguments: Any) -> bool:
        with unavailable("jobs table"):
            try:
                operation(TableName=self.table, ConditionExpression=condition, **arguments)
            except ClientError as error:
                if code(error) != "ConditionalCheckFailedException":
                    raise
                return False
        return True


def _connection(connection_id: str) -> Any:
    return key(f"connection#{connection_id}", CONNECTION_SK)


def _subscription(job: tuple[str, str], address: str) -> Any:
    job_id, uid = job
    return key(job_id, f"sub#{uid}#{address}")


def _expiry(milliseconds: int) -> dict[str, Any]:
    """TTL deletes within days, not on time; so reads check the exact time."""
    return {"until": {"N": str(milliseconds)}, "ttl": ttl(milliseconds)}


def _text(job: tuple[str, str]) -> str:
    return "#".join(job)


def _jobs(item: Any) -> frozenset[tuple[str, str]]:
    pairs = (text.split("#") for text in item.get("jobs", {}).get("SS", []))
    return frozenset((job_id, uid) for job_id, uid in pairs)
