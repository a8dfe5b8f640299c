"""What each permission is needed for: for one action of one function on one resource, a piece of
that function's work that succeeds with it and does not without."""

from __future__ import annotations

from collections.abc import Callable

from tests.e2e.lab import TASKS, Work
from tests.e2e.permissions import Permission
from tests.e2e.works.api import (
    canceling,
    canceling_told,
    erasing,
    fetching,
    letting_in,
    listing,
    reading,
    sending,
    submitting,
    submitting_large,
    taking_uploads,
    telling_history,
    uploading,
)
from tests.e2e.works.push import (
    connecting,
    forgetting,
    forgetting_while_answering,
    leaving,
    pushing_a_cancel,
    pushing_a_deadline,
    pushing_the_work,
    pushing_what_it_reads,
    subscribing,
    telling_what_it_reads,
    unsubscribing,
)
from tests.e2e.works.sweeper import ending_erasures, expiring, reminding
from tests.e2e.works.workers import delivering, delivering_again, telling, trying_again, working

WORKER: dict[tuple[str, str], Callable[[str], Work]] = {
    ("dynamodb:GetItem", "table"): working("once"),
    ("dynamodb:PutItem", "table"): working("once"),
    ("dynamodb:UpdateItem", "table"): working(),
    ("dynamodb:BatchWriteItem", "table"): working("log"),
    ("s3:GetObject", "jobs/"): working(filler=LARGE),
    ("s3:GetObject", "uploads/"): working("read"),
    ("s3:PutObject", "jobs/"): working("attach"),
    ("dynamodb:Query", "table"): pushing_the_work,
    ("dynamodb:DeleteItem", "table"): forgetting,
    ("execute-api:ManageConnections", "connections"): pushing_the_work,
}

WORKS: dict[tuple[str, str, str], Work] = {
    ("authorize", "dynamodb:GetItem", "table"): letting_in,
    ("api_handler", "dynamodb:GetItem", "table"): reading,
    ("api_handler", "dynamodb:BatchGetItem", "table"): listing,
    ("api_handler", "dynamodb:Query", "owner"): listing,
    ("api_handler", "dynamodb:Query", "table"): telling_history,
    ("api_handler", "dynamodb:PutItem", "table"): submitting,
    ("api_handler", "dynamodb:UpdateItem", "table"): canceling,
    ("api_handler", "dynamodb:DeleteItem", "table"): erasing,
    ("api_handler", "dynamodb:BatchWriteItem", "table"): erasing,
    ("api_handler", "s3:GetObject", "jobs/"): fetching,
    ("api_handler", "s3:GetObject", "uploads/"): taking_uploads,
    ("api_handler", "s3:PutObject", "jobs/"): submitting_large,
    ("api_handler", "s3:PutObject", "uploads/"): uploading,
    ("api_handler", "s3:DeleteObject", "jobs/"): erasing,
    ("api_handler", "s3:ListBucket", "bucket"): erasing,
    ("api_handler", "sqs:SendMessage", "default"): sending("default"),
    ("api_handler", "sqs:SendMessage", "heavy"): sending("heavy"),
    ("api_handler", "sqs:SendMessage", "webhooks"): canceling_told,
    ("api_handler", "execute-api:ManageConnections", "connections"): pushing_a_cancel,
    **{
        (f"{lane}_worker", *needed): work(lane) for lane in TASKS for needed, work in WORKER.items()
    },
    ("default_worker", "sqs:SendMessage", "default"): trying_again("default"),
    ("default_worker", "sqs:SendMessage", "webhooks"): telling("default"),
    ("heavy_worker", "sqs:SendMessage", "heavy"): trying_again("heavy"),
    ("heavy_worker", "sqs:SendMessage", "webhooks"): telling("heavy"),
    ("webhooks_worker", "dynamodb:GetItem", "table"): delivering,
    ("webhooks_worker", "dynamodb:UpdateItem", "table"): delivering,
    ("webhooks_worker", "sqs:SendMessage", "webhooks"): delivering_again,
    ("sweep", "dynamodb:BatchGetItem", "table"): reminding("default"),
    ("sweep", "dynamodb:UpdateItem", "table"): reminding("default"),
    ("sweep", "dynamodb:PutItem", "table"): expiring,
    ("sweep", "dynamodb:Query", "due"): reminding("default"),
    ("sweep", "dynamodb:Query", "table"): ending_erasures,
    ("sweep", "dynamodb:DeleteItem", "table"): ending_erasures,
    ("sweep", "dynamodb:BatchWriteItem", "table"): ending_erasures,
    ("sweep", "s3:DeleteObject", "jobs/"): ending_erasures,
    ("sweep", "s3:ListBucket", "bucket"): ending_erasures,
    ("sweep", "sqs:SendMessage", "default"): reminding("default"),
    ("sweep", "sqs:SendMessage", "heavy"): reminding("heavy"),
    ("sweep", "sqs:SendMessage", "webhooks"): expiring,
    ("sweep", "sqs:GetQueueAttributes", "default"): reminding("default"),
    ("sweep", "sqs:GetQueueAttributes", "heavy"): reminding("heavy"),
    ("sweep", "sqs:GetQueueAttributes", "webhooks"): reminding("webhooks"),
    ("sweep", "execute-api:ManageConnections", "connections"): pushing_a_deadline,
    ("websocket_connect", "dynamodb:GetItem", "table"): connecting,
    ("websocket_connect", "dynamodb:PutItem", "table"): connecting,
    ("websocket_message", "dynamodb:GetItem", "table"): subscribing,
    ("websocket_message", "dynamodb:PutItem", "table"): subscribing,
    ("websocket_message", "dynamodb:UpdateItem", "table"): subscribing,
    ("websocket_message", "dynamodb:BatchWriteItem", "table"): unsubscribing,
    ("websocket_message", "dynamodb:DeleteItem", "table"): forgetting_while_answering,
    ("websocket_message", "dynamodb:Query", "table"): pushing_what_it_reads,
    ("websocket_message", "sqs:SendMessage", "webhooks"): telling_what_it_reads,
    ("websocket_message", "execute-api:ManageConnections", "connections"): subscribing,
    ("websocket_disconnect", "dynamodb:DeleteItem", "table"): leaving,
    ("websocket_disconnect", "dynamodb:BatchWriteItem", "table"): leaving,
}


def work_that_needs(permission: Permission) -> Work:
    return WORKS[permission.function, permission.action, permission.place]
