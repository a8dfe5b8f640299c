"""A DynamoDB that DYNAMODB_ENDPOINT names, Amazon's own for example. Region and credentials come
from the SDK's usual chain. One table serves the whole run: Amazon takes some ten seconds for each.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import botocore.session

from tests.aws import TEMPLATE, create_table

URL = os.environ.get("DYNAMODB_ENDPOINT")
_INDEXES = TEMPLATE["Resources"]["JobsTable"]["Properties"]["GlobalSecondaryIndexes"]
INDEX_KEYS = {
    index["IndexName"]: tuple(key["AttributeName"] for key in index["KeySchema"])
    for index in _INDEXES
}
BEHIND_AT_MOST = 100  # tenths of a second


def client() -> Any:
    dynamodb = botocore.session.get_session().create_client("dynamodb", endpoint_url=URL)
    dynamodb.meta.events.register(
        "provide-client-params.dynamodb.Query",
        lambda params, **_: _await_index(dynamodb, params["TableName"], params.get("IndexName")),
    )
    return dynamodb


@contextmanager
def lasting_table(dynamodb: Any) -> Iterator[str]:
    name = f"overtime-contract-{time.time_ns()}"
    create_table(dynamodb, name)
    dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    try:
        yield name
    finally:
        dynamodb.delete_table(TableName=name)


def empty(dynamodb: Any, table: str) -> None:
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        for item in page["Items"]:
            dynamodb.delete_item(TableName=table, Key={name: item[name] for name in ("pk", "sk")})


def _await_index(dynamodb: Any, table: str, index: str | None) -> None:
    """An index follows its table a moment later: a test asks it once both agree."""
    if index is None:
        return
    names = ("pk", "sk", *INDEX_KEYS[index])

    def entries(**where: Any) -> list[list[Any]]:
        pages = dynamodb.get_paginator("scan").paginate(TableName=table, **where)
        items = [item for page in pages for item in page["Items"] if item.keys() >= set(names)]
        return sorted(([list(item[name].values()) for name in names] for item in items), key=str)

    for _ in range(BEHIND_AT_MOST):
        if entries(IndexName=index) == entries(ConsistentRead=True):
            return
        time.sleep(0.1)
    raise AssertionError(f"The index {index} does not agree with its table.")
