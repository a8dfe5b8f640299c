"""What each permission is needed for: for one action of one function on one resource, a piece of
that function's work that succeeds with it and does not without."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.domain.task import LANES
from tests.e2e.lab import LARGE, TASKS, Work
from tests.e2e.permissions import Permission
from tests.e2e.works import api, push, sweeper, workers

WORKER: dict[tuple[str, str], Callable[[str], Work]] = {
    ("dynamodb:GetItem", "table"): workers.working("once"),
    ("dynamodb:BatchGetItem", "table"): workers.mapping,
    ("dynamodb:PutItem", "table"): workers.working("once"),
    ("dynamodb:UpdateItem", "table"): workers.working(),
    ("dynamodb:BatchWriteItem", "table"): workers.keeping_lines,
    ("s3:GetObject", "jobs/"): workers.working(filler=LARGE),
    ("s3:GetObject", "uploads/"): workers.working("read"),
    ("s3:PutObject", "jobs/"): workers.working("attach"),
    ("s3:DeleteObject", "jobs/"): workers.replacing,
    ("ssm:GetParameter", "secrets"): workers.reading_a_secret,
    ("dynamodb:Query", "table"): push.pushing_the_work,
    ("dynamodb:DeleteItem", "table"): push.forgetting,
    ("execute-api:ManageConnections", "connections"): push.pushing_the_work,
}

WORKS: dict[tuple[str, str, str], Work] = {
    ("authorize", "dynamodb:GetItem", "table"): api.letting_in,
    ("api_handler", "dynamodb:GetItem", "table"): api.reading,
    ("api_handler", "dynamodb:BatchGetItem", "table"): api.listing,
    ("api_handler", "dynamodb:Query", "owner"): api.listing,
    ("api_handler", "dynamodb:Query", "table"): api.telling_history,
    ("api_handler", "dynamodb:PutItem", "table"): api.submitting,
    ("api_handler", "dynamodb:UpdateItem", "table"): api.canceling,
    ("api_handler", "dynamodb:DeleteItem", "table"): api.erasing,
    ("api_handler", "dynamodb:BatchWriteItem", "table"): api.erasing,
    ("api_handler", "s3:GetObject", "jobs/"): api.fetching,
    ("api_handler", "s3:GetObject", "uploads/"): api.taking_uploads,
    ("api_handler", "s3:PutObject", "jobs/"): api.submitting_large,
    ("api_handler", "s3:PutObject", "uploads/"): api.uploading,
    ("api_handler", "s3:DeleteObject", "jobs/"): api.erasing,
    ("api_handler", "s3:ListBucket", "bucket"): api.erasing,
    **{("api_handler", "sqs:SendMessage", lane): api.sending(lane) for lane in TASKS},
    ("api_handler", "sqs:SendMessage", "webhooks"): api.canceling_told,
    ("api_handler", "execute-api:ManageConnections", "connections"): push.pushing_a_cancel,
    **{
        (f"{lane}_worker", *needed): work(lane) for lane in TASKS for needed, work in WORKER.items()
    },
    **{(f"{lane}_worker", "sqs:SendMessage", lane): workers.trying_again(lane) for lane in TASKS},
    **{(f"{lane}_worker", "sqs:SendMessage", "webhooks"): workers.telling(lane) for lane in TASKS},
    **{
        (f"{lane}_worker", "sqs:SendMessage", other): workers.mapping(lane, other)
        for lane in TASKS
        for other in TASKS
        if other != lane
    },
    ("webhooks_worker", "dynamodb:BatchGetItem", "table"): workers.canceling_children,
    ("webhooks_worker", "dynamodb:PutItem", "table"): workers.canceling_children,
    ("webhooks_worker", "dynamodb:Query", "table"): push.pushing_to_a_child,
    ("webhooks_worker", "dynamodb:DeleteItem", "table"): push.forgetting_of_a_child,
    ("webhooks_worker", "dynamodb:BatchWriteItem", "table"): push.forgetting_of_a_child,
    ("webhooks_worker", "execute-api:ManageConnections", "connections"): push.pushing_to_a_child,
    ("webhooks_worker", "dynamodb:GetItem", "table"): workers.delivering,
    ("webhooks_worker", "dynamodb:UpdateItem", "table"): workers.delivering,
    ("webhooks_worker", "sqs:SendMessage", "webhooks"): workers.delivering_again,
    ("sweep", "dynamodb:BatchGetItem", "table"): sweeper.reminding("default"),
    ("sweep", "dynamodb:UpdateItem", "table"): sweeper.reminding("default"),
    ("sweep", "dynamodb:PutItem", "table"): sweeper.expiring,
    ("sweep", "dynamodb:Query", "due"): sweeper.reminding("default"),
    ("sweep", "dynamodb:Query", "table"): sweeper.ending_erasures,
    ("sweep", "dynamodb:DeleteItem", "table"): sweeper.ending_erasures,
    ("sweep", "dynamodb:BatchWriteItem", "table"): sweeper.ending_erasures,
    ("sweep", "s3:DeleteObject", "jobs/"): sweeper.ending_erasures,
    ("sweep", "s3:ListBucket", "bucket"): sweeper.ending_erasures,
    **{("sweep", "sqs:SendMessage", lane): sweeper.reminding(lane) for lane in TASKS},
    ("sweep", "sqs:SendMessage", "webhooks"): sweeper.expiring,
    **{("sweep", "sqs:GetQueueAttributes", lane): sweeper.asking(lane) for lane in LANES},
    ("sweep", "execute-api:ManageConnections", "connections"): push.pushing_a_deadline,
    ("websocket_connect", "dynamodb:GetItem", "table"): push.connecting,
    ("websocket_connect", "dynamodb:PutItem", "table"): push.connecting,
    ("websocket_message", "dynamodb:GetItem", "table"): push.subscribing,
    ("websocket_message", "dynamodb:PutItem", "table"): push.subscribing,
    ("websocket_message", "dynamodb:UpdateItem", "table"): push.subscribing,
    ("websocket_message", "dynamodb:BatchWriteItem", "table"): push.unsubscribing,
    ("websocket_message", "dynamodb:DeleteItem", "table"): push.forgetting_while_answering,
    ("websocket_message", "execute-api:ManageConnections", "connections"): push.subscribing,
    ("websocket_disconnect", "dynamodb:DeleteItem", "table"): push.leaving,
    ("websocket_disconnect", "dynamodb:BatchWriteItem", "table"): push.leaving,
}


def work_that_needs(permission: Permission) -> Work:
    return WORKS[permission.function, permission.action, permission.place]
