"""The project's own template, created on whatever stands in for AWS; and a count of calls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chalicelib.domain.task import LANES

ROOT = Path(__file__).parent.parent
TEMPLATE = json.loads((ROOT / ".chalice" / "resources.json").read_text())
LOCAL = json.loads((ROOT / ".chalice" / "config.json").read_text())["stages"]["local"]
ENVIRONMENT: dict[str, str] = LOCAL["environment_variables"] | {
    f"QUEUE_{lane.upper()}": f"http://127.0.0.1:4566/000000000000/overtime-local-{lane}"
    for lane in LANES
}

TABLE_PROPERTIES = (
    "AttributeDefinitions",
    "KeySchema",
    "GlobalSecondaryIndexes",
    "BillingMode",
)


def create_table(dynamodb: Any, name: str) -> None:
    properties = TEMPLATE["Resources"]["JobsTable"]["Properties"]
    dynamodb.create_table(TableName=name, **{key: properties[key] for key in TABLE_PROPERTIES})


def create_all(dynamodb: Any, sqs: Any, s3: Any) -> None:
    """What the local stage's settings name."""
    create_table(dynamodb, ENVIRONMENT["TABLE"])
    s3.create_bucket(Bucket=ENVIRONMENT["BUCKET"])
    for lane in LANES:
        sqs.create_queue(QueueName=f"overtime-local-{lane}")


@contextmanager
def counted(*clients: Any) -> Iterator[list[str]]:
    """The AWS operations called inside, e.g. `dynamodb.PutItem`, as botocore sends them."""
    calls: list[str] = []

    def note(model: Any, **_: Any) -> None:
        calls.append(f"{model.service_model.service_name}.{model.name}")

    for client in clients:
        client.meta.events.register("before-call.*.*", note)
    yield calls
    for client in clients:
        client.meta.events.unregister("before-call.*.*", note)
