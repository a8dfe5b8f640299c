"""The processes of the program, and the tasks that they run."""

from __future__ import annotations

import dataclasses
import os
import time
from concurrent.futures import ThreadPoolExecutor

from msgspec import structs

from chalicelib import wiring
from chalicelib.domain.children import map_of
from chalicelib.domain.task import task
from chalicelib.ports.system import System
from chalicelib.service.cascade import cancel_children
from chalicelib.service.run import Run
from chalicelib.service.submit import Submission, submit
from chalicelib.service.sweeper import sweep
from chalicelib.service.worker import process_messages
from chalicelib.settings import read_settings
from chalicelib.tasks import Job
from tests.fanout.counts import Notes

SERVICES = ("dynamodb", "sqs", "s3")
SUBMITTING = 8  # threads, as many as those in which a parent stores its children
INVOCATION = 8_000  # ms: the parent needs far more
VISIBILITY = 10  # seconds
SWEEP_EVERY = 10  # seconds
AT_ONCE = 500  # children whose results the parent adds up between two checkpoints


@dataclasses.dataclass
class Leaf:
    number: int


@dataclasses.dataclass
class Many:
    count: int


@task("leaf", max_attempts=50, backoff=0)
def leaf(job: Job, params: Leaf) -> int:
    return params.number


@task("many", max_attempts=1_000, backoff=0)
def many(job: Job, params: Many) -> int:
    notes = Notes(os.environ["NOTES"])
    assert isinstance(job, Run)
    known = map_of(job.record, "leaves")
    notes.add("parent", "began", known.stored if known else 0)
    try:
        children = job.map("leaves", leaf, ({"number": at} for at in range(params.count)))
        start, right = job.state or (0, 0)
        for at in range(start, len(children), AT_ONCE):
            page = children[at : at + AT_ONCE]
            right += sum(child.result == number for number, child in enumerate(page, at))
            job.checkpoint([at + len(page), right])
    except BaseException as end:
        notes.add("parent", "ended", type(end).__name__)
        raise
    notes.add("parent", "ended", "returned")
    return int(right)


def system() -> System:
    tasks = {one.name: one for one in (leaf, many, cancel_children)}
    built = wiring.system(read_settings(os.environ))
    return structs.replace(built, tasks=lambda: tasks)


def counted_system(path: str) -> tuple[System, Notes]:
    os.environ["NOTES"] = path
    built, notes = system(), Notes(path)
    notes.count(map(wiring.client, SERVICES))
    return built, notes


def work(path: str) -> None:
    """Until it is killed."""
    at, _ = counted_system(path)
    sqs, queue = wiring.client("sqs"), os.environ["QUEUE_DEFAULT"]
    while True:
        found = sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=1, VisibilityTimeout=VISIBILITY, WaitTimeSeconds=1
        )
        for message in found.get("Messages", ()):
            process_messages(at, [message["Body"]], at.clock.now() + INVOCATION)
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])


def sweep_often(path: str) -> None:
    """Until it is killed."""
    at, notes = counted_system(path)
    while True:
        done = sweep(at, at.clock.now() + 30_000)
        for verb, number in done.items():
            for _ in range(number):
                notes.add("sweeper", verb)
        time.sleep(SWEEP_EVERY)


def submit_ordinary(path: str, count: int) -> None:
    at, _ = counted_system(path)

    def one(number: int) -> None:
        submit(at, Submission(owner="ordinary", task="leaf", params={"number": number}))

    with ThreadPoolExecutor(SUBMITTING) as pool:
        list(pool.map(one, range(count)))
