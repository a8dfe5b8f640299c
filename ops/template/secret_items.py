"""Who may touch the items of the jobs table that hold secrets. All else is denied, whatever a
policy allows later: tasks are code of many authors."""

from __future__ import annotations

from typing import Any

from chalicelib.domain.task import LANES

BY_KEY = (  # of an item; those that write may return what was there
    "dynamodb:GetItem",
    "dynamodb:BatchGetItem",
    "dynamodb:Query",
    "dynamodb:ConditionCheckItem",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:PartiQLSelect",
    "dynamodb:PartiQLInsert",
    "dynamodb:PartiQLUpdate",
    "dynamodb:PartiQLDelete",
)
# They concern the whole table: no condition on keys keeps them from an item.
WHOLE = (
    "dynamodb:Scan",
    "dynamodb:SearchVectors",
    "dynamodb:StartBulkPutItems",
    "dynamodb:ExportTableToPointInTime",
    "dynamodb:RestoreTableToPointInTime",
    "dynamodb:CreateBackup",
)
TABLE = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${App}-${Stage}-jobs"
LANES_OF_TASKS = tuple(lane for lane in LANES if lane != "webhooks")
READ, MAKE = ("dynamodb:GetItem",), ("dynamodb:GetItem", "dynamodb:UpdateItem")
# What each partition holds, and what functions need of it.
USES: dict[str, dict[str, tuple[str, ...]]] = {
    "tokens": {"authorize": READ},
    "stage": {"api_handler": MAKE, "websocket_connect": READ, "authorize_push": READ},
    "answers": {"api_handler": MAKE, **{f"{lane}_worker": MAKE for lane in LANES_OF_TASKS}},
    "webhook-secrets": {"api_handler": READ, "webhooks_worker": READ},
}


def denials(function: str) -> list[dict[str, Any]]:
    """As statements of a policy."""
    partitions: dict[tuple[str, ...], list[str]] = {}
    for partition, users in USES.items():
        denied = tuple(action for action in BY_KEY if action not in users.get(function, ()))
        partitions.setdefault(denied, []).append(partition)
    by_key = [
        {
            "Sid": "No" + "".join(map(_camel, names)),
            "Effect": "Deny",
            "Action": list(actions),
            "Resource": TABLE,
            "Condition": {"ForAnyValue:StringEquals": {"dynamodb:LeadingKeys": names}},
        }
        for actions, names in partitions.items()
    ]
    whole = {"Sid": "NoScan", "Effect": "Deny", "Action": list(WHOLE), "Resource": TABLE}
    return [*by_key, whole]


def _camel(name: str) -> str:
    return "".join(map(str.capitalize, name.split("-")))
