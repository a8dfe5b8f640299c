"""Batches of items: those that a busy table leaves unprocessed are requested again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from chalicelib.aws.conditional import PAUSES, Pause, pause_or_give_up
from chalicelib.aws.errors import unavailable
from chalicelib.ports.stores import READ_AT_ONCE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WRITE_AT_ONCE = 25  # items: DynamoDB's limit on BatchWriteItem


def read_many(
    pause: Pause, client: DynamoDBClient, table: str, keys: Iterable[dict[str, Any]]
) -> Iterator[Any]:
    """The items that exist, in no order, read consistently."""
    rest = iter(keys)
    while batch := list(islice(rest, READ_AT_ONCE)):
        for seconds in (*PAUSES, None):
            with unavailable("jobs table"):
                answer = client.batch_get_item(
                    RequestItems={table: {"Keys": batch, "ConsistentRead": True}}
                )
            yield from answer["Responses"].get(table, [])
            if table not in answer["UnprocessedKeys"]:
                break
            batch = list(answer["UnprocessedKeys"][table]["Keys"])
            pause_or_give_up(pause, seconds)


def write_many(
    pause: Pause, client: DynamoDBClient, table: str, requests: Iterable[dict[str, Any]]
) -> None:
    """Put or delete any number of items, without conditions. If it raises Unavailable, some may
    have been written."""
    rest = iter(requests)
    while batch := list(islice(rest, WRITE_AT_ONCE)):
        for seconds in (*PAUSES, None):
            with unavailable("jobs table"):
                answer = client.batch_write_item(RequestItems={table: batch})  # type: ignore[dict-item]
            batch = list(answer["UnprocessedItems"].get(table, []))  # type: ignore[arg-type]
            if not batch:
                break
            pause_or_give_up(pause, seconds)
