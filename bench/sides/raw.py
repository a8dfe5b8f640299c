"""The AWS calls of each operation and nothing else: what no code on boto3 can go below."""

from __future__ import annotations

import itertools
from typing import Any

import boto3

from bench.participant import NAIVE_TABLE as TABLE
from bench.participant import Measure, Work, each, serve
from bench.queues import running

numbers = itertools.count()
dynamodb: Any = boto3.client("dynamodb")
sqs: Any = boto3.client("sqs")
url = sqs.get_queue_url(QueueName="raw")["QueueUrl"]
LIST: dict[str, Any] = {
    "TableName": TABLE,
    "IndexName": "owner",
    "KeyConditionExpression": "#o = :o",
    "ExpressionAttributeNames": {"#o": "owner"},
    "ExpressionAttributeValues": {":o": {"S": "raw"}},
    "ScanIndexForward": False,
    "Limit": 20,
}


def key(job_id: str) -> dict[str, Any]:
    return {"id": {"S": job_id}}


def put(job_id: str) -> None:
    item = {**key(job_id), "owner": {"S": "raw"}, "created": {"N": "1"}, "status": {"S": "queued"}}
    dynamodb.put_item(
        TableName=TABLE,
        Item={**item, "params": {"S": '{"number":1}'}},
        ConditionExpression="attribute_not_exists(id)",
    )


def submit_one(job_id: str) -> None:
    put(job_id)
    sqs.send_message(QueueUrl=url, MessageBody=job_id)


def replay_one(job_id: str) -> None:
    try:
        put(job_id)
    except dynamodb.exceptions.ConditionalCheckFailedException:
        sqs.send_message(QueueUrl=url, MessageBody=job_id)


def ids(operations: int) -> list[str]:
    return [f"raw-{next(numbers)}" for _ in range(operations)]


def submitted(operations: int) -> list[str]:
    made = ids(operations)
    for one in made:
        submit_one(one)
    return made


def submit(operations: int) -> Work:
    return each(ids(operations), submit_one)


def replay(operations: int) -> Work:
    return each(submitted(1) * operations, replay_one)


def read(operations: int) -> Work:
    return each(submitted(operations), lambda one: dynamodb.get_item(TableName=TABLE, Key=key(one)))


def list_one(_: None) -> None:
    found = dynamodb.query(**LIST)["Items"]
    wanted = {"Keys": [{"id": one["id"]} for one in found]}
    dynamodb.batch_get_item(RequestItems={TABLE: wanted})


def listed(operations: int) -> Work:
    submitted(20)
    return each([None] * operations, list_one)


def handle(message: Any) -> None:
    for status in ("running", "succeeded"):
        dynamodb.update_item(
            TableName=TABLE,
            Key=key(message["Body"]),
            UpdateExpression="SET #s = :s",
            ExpressionAttributeNames={"#s": "status"},
            ExpressionAttributeValues={":s": {"S": status}},
        )


measures: dict[str, Measure] = {
    "submit": submit,
    "replay": replay,
    "read": read,
    "304": read,
    "list": listed,
}

if __name__ == "__main__":
    serve(measures | running(sqs, url, submitted, handle))
