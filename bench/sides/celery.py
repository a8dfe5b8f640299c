"""Celery on SQS and DynamoDB, one solo worker: python -m bench.sides.celery PORT [started]"""

from __future__ import annotations

import sys
import time
from typing import Any

from celery import Celery, signals
from celery.worker import state
from kombu.asynchronous.aws.sqs.connection import AsyncSQSConnection

from bench.participant import PEER_QUEUE, PEER_TABLE, Measure, Work, calls, each, serve

port, started = sys.argv[1], "started" in sys.argv
queue = f"{PEER_QUEUE}-{'started' if started else 'plain'}"
app = Celery("bench")
app.conf.update(
    broker_url=f"sqs://test:test@127.0.0.1:{port}//",
    broker_transport_options={
        "region": "us-east-1",
        "is_secure": False,
        "wait_time_seconds": 1,
        "polling_interval": 0,
        "predefined_queues": {queue: {"url": f"http://127.0.0.1:{port}/000000000000/{queue}"}},
    },
    result_backend=f"dynamodb://test:test@127.0.0.1:{port}/{PEER_TABLE}?read=100&write=100",
    task_default_queue=queue,
    task_track_started=started,
    task_acks_late=True,  # as Overtime: a job of a killed worker comes again
    worker_prefetch_multiplier=10,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    worker_enable_remote_control=False,
)


@app.task  # type: ignore[untyped-decorator]
def increment(number: int) -> dict[str, int]:
    return {"number": number + 1}


def submit(operations: int) -> Work:
    increment.delay(1)
    return each([1] * operations, increment.delay)


def read(operations: int) -> Work:
    ids = [f"{time.time()}-{number}" for number in range(operations)]
    for one in ids:
        app.backend.store_result(one, {"number": 2}, "SUCCESS")
    return each(ids, lambda one: app.AsyncResult(one).result)


def work(operations: int) -> Work:
    """From the end of the first job to the end of the last: without the worker's start."""
    url = app.conf.broker_transport_options["predefined_queues"][queue]["url"]
    with app.connection_for_write() as connection:
        connection.default_channel.sqs(queue).purge_queue(QueueUrl=url)
    for _ in range(operations + 1):
        increment.delay(1)

    def run() -> tuple[float, float]:
        moments: list[tuple[float, float]] = []

        def ended(**_: Any) -> None:
            moments.append((time.process_time(), time.perf_counter()))
            if len(moments) == 1:
                calls.clear()
            if len(moments) == operations + 1:
                state.should_stop = 0

        signals.task_postrun.connect(ended)
        state.should_stop = None
        options = {"without_gossip": True, "without_mingle": True, "without_heartbeat": True}
        worker = app.Worker(pool="solo", loglevel="CRITICAL", quiet=True, **options)
        worker.start()
        signals.task_postrun.disconnect(ended)
        state.should_stop = None
        first, last = moments[0], moments[operations]
        return last[0] - first[0], last[1] - first[1]

    return run


def count_requests_of_the_worker() -> None:
    """kombu's worker does not receive and delete through botocore."""
    send = AsyncSQSConnection.make_request

    def counting(self: Any, operation_name: str, *rest: Any, **named: Any) -> Any:
        calls[operation_name] += 1
        return send(self, operation_name, *rest, **named)

    AsyncSQSConnection.make_request = counting


measures: dict[str, Measure] = {"submit": submit, "read": read, "work": work}

if __name__ == "__main__":
    count_requests_of_the_worker()
    serve(measures)
