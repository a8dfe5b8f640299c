"""The events that Lambda gives a function: of API Gateway, and of SQS."""

from __future__ import annotations

import json
from typing import Any


class Context:
    aws_request_id = "6f1d4c1e-0000-4000-8000-000000000000"
    function_name = "bench"

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


CONTEXT = Context()


def http(
    method: str,
    route: str,
    headers: dict[str, str] | None = None,
    body: Any = None,
    query: dict[str, str] | None = None,
    **path: str,
) -> dict[str, Any]:
    sent = {"Content-Type": "application/json", "Host": "api.example.com", **(headers or {})}
    where = route.format(**path)
    return {
        "resource": route,
        "path": where,
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": query and {name: [one] for name, one in query.items()},
        "pathParameters": path or None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": route,
            "httpMethod": method,
            "path": f"/prod{where}",
            "stage": "prod",
            "domainName": "api.example.com",
            "requestId": CONTEXT.aws_request_id,
            "identity": {"sourceIp": "192.0.2.1"},
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def sqs(message: Any) -> dict[str, Any]:
    """Of a message as ReceiveMessage returns it."""
    record = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": {},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:bench",
        "awsRegion": "us-east-1",
    }
    return {"Records": [record]}
