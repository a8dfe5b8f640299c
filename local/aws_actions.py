"""The actions that the local AWS of `make run` allows: only those that the project uses."""

# The standard library alone: the local AWS's own Python loads this.
from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from local.gate import READING

HEALTH = "/_ministack/health"
FORM_BYTES = 2**20  # of a form; CloudFormation takes templates of 51,200 bytes
ALGORITHM = "AWS4-HMAC-SHA256"
SIGNED = re.compile(rf"{ALGORITHM} Credential=([^/, ]+)/\d{{8}}/[^/, ]+/([a-z0-9-]+)/aws4_request,")

BY_TARGET = frozenset(
    f"{prefix}.{action}"
    for prefix, actions in {
        "DynamoDB_20120810": (
            "BatchExecuteStatement BatchGetItem BatchWriteItem DeleteItem"
            " DescribeTable GetItem PutItem Query TransactGetItems TransactWriteItems UpdateItem"
        ),
        "AmazonSQS": (
            "ChangeMessageVisibility ChangeMessageVisibilityBatch DeleteMessage DeleteMessageBatch"
            " GetQueueAttributes GetQueueUrl ReceiveMessage SendMessage SendMessageBatch"
        ),
        "GraniteServiceVersion20100801": "DescribeAlarms",
    }.items()
    for action in actions.split()
)
BY_FORM = frozenset({"sts:GetCallerIdentity"})
OF_THE_STACK = frozenset(
    f"cloudformation:{action}"
    for action in ("CreateStack", "DescribeStackEvents", "DescribeStacks", "UpdateStack")
)
LINK_METHODS = ("GET", "HEAD", "PUT")


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    """Decoded, as the local AWS routes by it."""
    query: str
    headers: Mapping[str, str]
    """By lower-case names; the values of a repeated header are joined by commas."""


def is_of_object(request: Request, bucket: str) -> bool:
    """Whether the path is that of an object in the stage's bucket."""
    root = f"/{bucket}/"
    return bool(bucket) and request.path.startswith(root) and request.path != root


def is_link(request: Request, bucket: str) -> bool:
    """A presigned URL of an object, with a signature that the local AWS's S3 checks."""
    if not is_of_object(request, bucket) or request.method not in LINK_METHODS:
        return False
    if "authorization" in request.headers or "x-amz-target" in request.headers:
        return False
    query = parse_qs(request.query)
    return query.get("X-Amz-Algorithm", [""])[0] == ALGORITHM and "X-Amz-Signature" in query


def wants_form(request: Request) -> bool:
    """Whether the action is named by the body."""
    here = f"{request.method} {request.path}"
    return here == "POST /" and "x-amz-target" not in request.headers


def refusal(request: Request, form: bytes, bucket: str, key: str) -> str | None:
    """Why a program's request is refused, as a sentence; None if it is allowed.

    `key` is the access key id of `make run` itself, which alone may change the stack.
    """
    signed = SIGNED.match(request.headers.get("authorization", ""))
    if signed is None:
        return "Sign the request: any AWS SDK does, with any access key."
    action = _action(request, signed[2], form, bucket)
    allowed = BY_TARGET | BY_FORM | {f"s3:{bucket}"}
    if action in allowed or (action in OF_THE_STACK and signed[1] == key):
        return None
    return (
        f"The local AWS of `make run` does not answer {action}."
        " It answers only the actions that the project uses, listed in local/aws_actions.py."
    )


def _action(request: Request, service: str, form: bytes, bucket: str) -> str:
    headers, here = request.headers, f"{request.method} {request.path}"
    if target := headers.get("x-amz-target"):
        return target if (here, request.query) == ("POST /", "") else f"{target} at {here}"
    if service == "s3":
        return f"s3:{bucket}" if _of_the_bucket(request, bucket) else f"s3: {here}"
    if (here, request.query) == ("POST /", ""):
        return f"{service}:{','.join(parse_qs(form.decode(errors='replace')).get('Action', []))}"
    return f"{service}: {here}"


def _of_the_bucket(request: Request, bucket: str) -> bool:
    """Its objects, its settings to read, and the deletion of several objects at once."""
    if is_of_object(request, bucket):
        return request.method in (*LINK_METHODS, "DELETE")
    if not bucket or request.path not in (f"/{bucket}", f"/{bucket}/"):
        return False
    return request.method in READING or (request.method, request.query) == ("POST", "delete")
