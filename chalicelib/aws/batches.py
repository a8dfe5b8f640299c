"""Batches of items: those that a busy table leaves unprocessed are requested again."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

from chalicelib.aws.conditional import PAUSES, Pause, pause_or_give_up
from chalicelib.aws.errors import unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WRITE_AT_ONCE = 25  # items: DynamoDB's limit on BatchWriteItem


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
