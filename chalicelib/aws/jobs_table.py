"""The jobs table: every guarantee is a condition that DynamoDB evaluates with the write."""

from __future__ import annotations

import heapq
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import ClientError

from chalicelib.aws.batches import read_many, write_many
from chalicelib.aws.conditional import transact, write_if
from chalicelib.aws.errors import code, unavailable
from chalicelib.aws.items import (
    RECORD_SK,
    Expressions,
    Item,
    Shards,
    due_id,
    due_partition,
    item_of,
    key,
    owner_partition,
    record_of,
    ttl,
)
from chalicelib.domain.events import LogLine
from chalicelib.domain.job import DuePartition, JobRecord, Status
from chalicelib.domain.writes import Write
from chalicelib.telemetry.logs import bound

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

logger = logging.getLogger(__name__)


class JobsTable(msgspec.Struct, frozen=True):
    """Implements ports.JobStore on one DynamoDB table."""

    client: Callable[[], DynamoDBClient]
    table: str
    shards: Shards = Shards()
    pause: Callable[[float], None] = time.sleep

    def submit(self, record: JobRecord) -> None:
        write_if(self.pause, record.nonce, self.client().put_item, **self._put(record))

    def apply(self, job_id: str, write: Write) -> JobRecord:
        update = self._update(job_id, write)
        if not write.companions:
            plainly = self.client().update_item
            after = write_if(self.pause, write.nonce, plainly, ReturnValues="ALL_NEW", **update)
            return record_of(after)
        others = [{"Put": self._put(companion.record)} for companion in write.companions]
        together = self.client().transact_write_items
        transact(self.pause, write.nonce, together, [{"Update": update}, *others])
        return write.outcome

    def read(self, job_id: str) -> JobRecord | None:
        with unavailable("jobs table"):
            item = (
                self.client()
                .get_item(TableName=self.table, Key=key(job_id), ConsistentRead=True)
                .get("Item")
            )
        return record_of(item) if item else None

    def read_many(self, job_ids: Sequence[str]) -> list[JobRecord]:
        items = read_many(self.pause, self.client(), self.table, map(key, job_ids))
        found = {record.id: record for record in map(_readable, items) if record is not None}
        return [found[job_id] for job_id in job_ids if job_id in found]

    def owned(self, owner: str, before: str | None, limit: int) -> list[tuple[str, str]]:
        newest_first = heapq.merge(
            *(
                self._owned_in(owner_partition(owner, number), before, limit)
                for number in range(self.shards.owner)
            ),
            reverse=True,
        )
        return list(islice(newest_first, limit))

    def due(self, partition: DuePartition, now: int) -> Iterator[str]:
        shards = (due_partition(partition, number) for number in range(self.shards.due))
        longest_first = heapq.merge(*(self._due_in(shard, now) for shard in shards))
        return (job_id for _, job_id in longest_first)

    def once(self, record: JobRecord, step: str, expires_at: int) -> str | None:
        place, until = key(record.id, _once(record, step)), ttl(expires_at)
        with unavailable("jobs table"):
            item = (
                self.client()
                .get_item(TableName=self.table, Key=place, ConsistentRead=True)
                .get("Item")
            )
            if item is None:
                return None
            if int(item["ttl"]["N"]) < int(until["N"]):
                self.client().update_item(
                    TableName=self.table,
                    Key=place,
                    UpdateExpression="SET #ttl = :until",
                    ExpressionAttributeNames={"#ttl": "ttl"},
                    ExpressionAttributeValues={":until": until},
                )
        return item["result"]["S"]

    def store_once(self, record: JobRecord, step: str, result: str, expires_at: int) -> str:
        place = key(record.id, _once(record, step))
        item: Any = {**place, "result": {"S": result}, "ttl": ttl(expires_at)}
        with unavailable("jobs table"):
            try:
                self.client().put_item(
                    TableName=self.table,
                    Item=item,
                    ConditionExpression="attribute_not_exists(pk)",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                if code(error) != "ConditionalCheckFailedException":
                    raise
                item = error.response["Item"]  # type: ignore[typeddict-item]
        stored: str = item["result"]["S"]
        return stored

    def log(self, record: JobRecord, lines: Sequence[LogLine], expires_at: int) -> None:
        self._write_many(
            {
                "PutRequest": {
                    "Item": {
                        **key(record.id, _log(record, line.position)),
                        "at": {"N": str(line.at)},
                        "attempt": {"N": str(line.attempt)},
                        "run": {"N": str(line.run)},
                        "message": {"S": line.message},
                        "ttl": ttl(expires_at),
                    }
                }
            }
            for line in lines
        )

    def lines(self, record: JobRecord, after: str, limit: int) -> list[LogLine]:
        first, last = _log(record, f"{after} "), _log(record, "~")  # ' ' and '~' enclose the rest
        values = {":pk": {"S": record.id}, ":first": {"S": first}, ":last": {"S": last}}
        items = self._query(
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues=values,
            ConsistentRead=True,
            Limit=limit,
        )
        prefix = len(_log(record, ""))
        return [
            LogLine(
                at=int(item["at"]["N"]),
                attempt=int(item["attempt"]["N"]),
                message=item["message"]["S"],
                position=item["sk"]["S"][prefix:],
                run=int(item["run"]["N"]),
            )
            for item in islice(items, limit)
        ]

    def delete(self, record: JobRecord, at_most: int) -> bool:
        everything = self._query(
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": record.id}},
            ProjectionExpression="pk, sk",
            ConsistentRead=True,
            Limit=at_most + 2,  # the record, and one more item to see whether some are left
        )
        beside = (item for item in everything if item["sk"]["S"] != RECORD_SK)
        found = list(islice(beside, at_most + 1))
        self._write_many(
            {"DeleteRequest": {"Key": {"pk": item["pk"], "sk": item["sk"]}}}
            for item in found[:at_most]
        )
        if len(found) > at_most:
            return False
        with unavailable("jobs table"):
            try:
                self.client().delete_item(
                    TableName=self.table,
                    Key=key(record.id),
                    ConditionExpression="#status = :erasing AND uid = :uid",
                    ExpressionAttributeNames={"#status": "status"},
                    ExpressionAttributeValues={
                        ":erasing": {"S": Status.ERASING},
                        ":uid": {"S": record.uid},
                    },
                )
            except ClientError as error:
                if code(error) != "ConditionalCheckFailedException":
                    raise  # otherwise another call has deleted it
        return True

    def _put(self, record: JobRecord) -> dict[str, Any]:
        id_does_not_exist = "attribute_not_exists(pk)"
        return {
            "TableName": self.table,
            "Item": item_of(record, self.shards),
            "ConditionExpression": id_does_not_exist,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def _update(self, job_id: str, write: Write) -> dict[str, Any]:
        return {
            "TableName": self.table,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            **Expressions(job_id, self.shards).of(write),
        }

    def _owned_in(
        self, partition: str, before: str | None, limit: int
    ) -> Iterator[tuple[str, str]]:
        values: Any = {":partition": {"S": partition}}
        condition = "owner_shard = :partition"
        if before is not None:
            values[":before"] = {"S": before}
            condition += " AND owner_key < :before"
        for item in self._query(
            IndexName="owner",
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ScanIndexForward=False,
            Limit=limit,
        ):
            yield item["owner_key"]["S"], item["pk"]["S"]

    def _due_in(self, partition: str, now: int) -> Iterator[tuple[int, str]]:
        values: Any = {":partition": {"S": partition}, ":now": {"N": str(now)}}
        for item in self._query(
            IndexName="due",
            KeyConditionExpression="due = :partition AND due_at <= :now",
            ExpressionAttributeValues=values,
        ):
            yield int(item["due_at"]["N"]), due_id(item)

    def _query(self, **arguments: Any) -> Iterator[Any]:
        """All items; each page is fetched when it is needed."""
        start: dict[str, Any] = {}
        while True:
            with unavailable("jobs table"):
                page = self.client().query(TableName=self.table, **arguments, **start)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _write_many(self, requests: Iterable[dict[str, Any]]) -> None:
        write_many(self.pause, self.client(), self.table, requests)


def _readable(item: Item) -> JobRecord | None:
    """None for an unreadable record: it must not hide the others from a list or the sweeper."""
    try:
        return record_of(item)
    except Exception:
        with bound(job=item["pk"].get("S")):
            logger.exception("record_unreadable")
        return None


def _once(record: JobRecord, step: str) -> str:
    """The uid keeps apart an erased job and a later one under the same Idempotency-Key."""
    return f"once#{record.uid}#{step}"


def _log(record: JobRecord, position: str) -> str:
    return f"log#{record.uid}#{position}"
