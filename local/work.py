"""A worker slot: receives from one queue and calls the worker function, as Lambda would.

    python -m local.work default

It stands for SQS's event source mapping with a batch size of 1, and for the Lambda function behind
it. One process a slot, because a task is interrupted in the main thread.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.runtime.beating import end_invocation
from chalicelib.settings import read_settings as read_stage_settings
from local import parent_watchdog
from local.invocation import ACCOUNT, REGION, Context
from local.project import load_app
from local.settings import read_settings
from local.stage import Function, read_function

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

WAIT_SECONDS = 1  # a long poll delays the end by as much; Lambda's own pollers use 20
PAUSE_SECONDS = 2  # while the local AWS is away
FINISH_SECONDS = 3  # for a job without a new checkpoint, once the worker has to stop
TICK_SECONDS = 0.1


class Worker:
    def __init__(self, function: Function, handler: Any, queue_url: str, sqs: SQSClient) -> None:
        self.function = function
        self.handler = handler
        self.queue_url = queue_url
        self.sqs = sqs
        self.away = False

    def run(self, stopping: Callable[[], bool]) -> None:
        while not stopping():
            try:
                messages = self.sqs.receive_message(
                    QueueUrl=self.queue_url,
                    MaxNumberOfMessages=1,
                    WaitTimeSeconds=WAIT_SECONDS,
                    AttributeNames=["All"],
                    MessageAttributeNames=["All"],
                ).get("Messages", [])
                self.away = False
                for message in messages:
                    if stopping():
                        self.put_back(message)
                    else:
                        self.work(message)
            except (BotoCoreError, ClientError) as error:
                if not self.away:
                    print(f"The queue does not answer; trying again. {error}", flush=True)
                self.away = True
                time.sleep(PAUSE_SECONDS)

    def work(self, message: MessageTypeDef) -> None:
        """Deletes the message when the handler returns; SQS delivers it again where it does not."""
        context = Context(self.function)
        watch = threading.Timer(self.function.seconds, self.time_out)
        watch.daemon = True
        watch.start()
        try:
            self.handler({"Records": [self.record(message)]}, context)
        except Exception:
            traceback.print_exc()
            return
        finally:
            watch.cancel()
        self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])

    def put_back(self, message: MessageTypeDef) -> None:
        """For the next worker, without its visibility timeout."""
        handle = message["ReceiptHandle"]
        self.sqs.change_message_visibility(
            QueueUrl=self.queue_url, ReceiptHandle=handle, VisibilityTimeout=0
        )

    def time_out(self) -> None:
        """What Lambda does: the supervisor starts a fresh process."""
        print(f"Task timed out after {self.function.seconds} seconds", flush=True)
        os._exit(1)

    def record(self, message: MessageTypeDef) -> dict[str, Any]:
        name = self.queue_url.rpartition("/")[2]
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": dict(message.get("Attributes", {})),
            "messageAttributes": {
                key: {
                    "stringValue": value.get("StringValue"),
                    "binaryValue": value.get("BinaryValue"),
                    "dataType": value["DataType"],
                }
                for key, value in message.get("MessageAttributes", {}).items()
            },
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}",
            "awsRegion": REGION,
        }


def end_jobs(stopping: Callable[[], bool]) -> None:
    """Once the worker has to stop, ends a job's invocation as its time on Lambda would: at its
    next checkpoint, which costs no attempt, or after FINISH_SECONDS."""
    while not stopping():
        time.sleep(TICK_SECONDS)
    finish_until = time.monotonic() + FINISH_SECONDS
    while True:  # a job may have been claimed a moment ago
        end_invocation(at_once=time.monotonic() > finish_until)
        time.sleep(TICK_SECONDS)


def main(lane: str) -> None:
    parent_watchdog.hold()
    stopping = parent_watchdog.stop_on_sigterm()
    threading.Thread(target=end_jobs, args=[stopping], daemon=True).start()
    function = read_function(f"{lane}_worker", read_settings())
    handler = load_app().handler_map[function.name]
    sqs = boto3.client("sqs")
    queue = read_stage_settings(function.environment).queues[lane]
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    Worker(function, handler, url, sqs).run(stopping)


if __name__ == "__main__":
    main(*sys.argv[1:])
