"""python -m tests.fanout [CHILDREN] [PORT]     by default 20,000 on port 21150

Runs one job.map on moto, with a sweeper and workers of which one is killed each second. Prints the
memory of the largest process and the AWS calls of a child, those included that a killed worker made
in vain. Fails if a result is wrong or a process needs 200 MB.
"""

from __future__ import annotations

import dataclasses
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import structs

from chalicelib import wiring
from chalicelib.domain.job import JobRecord
from chalicelib.domain.task import task
from chalicelib.ports.system import System
from chalicelib.service.cascade import cancel_children
from chalicelib.service.submit import Submission, submit
from chalicelib.service.sweeper import sweep
from chalicelib.service.worker import process_messages
from chalicelib.settings import read_settings
from chalicelib.tasks import Job
from tests.aws import ENVIRONMENT, ROOT, create_all

WORKERS = 6
MEMORY_AT_MOST = 200  # MB, of each process but moto's
ORDINARY = 4  # calls: put, send, claim, finish
SERVICES = ("dynamodb", "sqs", "s3")
VISIBILITY, PARENT_ATTEMPTS, CHILD_ATTEMPTS = 10, 1_000, 50


@dataclasses.dataclass
class Leaf:
    number: int


@dataclasses.dataclass
class Many:
    count: int


@task("leaf", max_attempts=CHILD_ATTEMPTS, backoff=0)
def leaf(job: Job, params: Leaf) -> int:
    return params.number


@task("many", max_attempts=PARENT_ATTEMPTS, backoff=0)
def many(job: Job, params: Many) -> int:
    items = [{"number": number} for number in range(params.count)]
    right = (child.result == at for at, child in enumerate(job.map("leaves", leaf, items)))
    return sum(right)


def system() -> System:
    tasks = {one.name: one for one in (leaf, many, cancel_children)}
    built = wiring.system(read_settings(os.environ))
    return structs.replace(built, tasks=lambda: tasks)


def work(calls: str) -> None:
    """Until it is killed. Each call is written down before it is made."""
    count = os.open(calls, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    sqs, at = wiring.client("sqs"), system()

    def note(model: Any, **_: Any) -> None:
        os.write(count, f"{model.name}\n".encode())

    for service in SERVICES:
        wiring.client(service).meta.events.register("before-call.*.*", note)
    queue = os.environ["QUEUE_DEFAULT"]
    while True:
        found = sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=1, VisibilityTimeout=VISIBILITY, WaitTimeSeconds=1
        )
        for message in found.get("Messages", ()):
            process_messages(at, [message["Body"]], at.clock.now() + 60_000)
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])


def sweep_often() -> None:
    at = system()
    while True:
        sweep(at, at.clock.now() + 30_000)
        time.sleep(1)


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    process = start(*arguments)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def start(*arguments: str) -> subprocess.Popen[bytes]:
    quiet, command = subprocess.DEVNULL, [sys.executable, "-m", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=quiet, stderr=quiet)


def peak_of(process: subprocess.Popen[bytes]) -> float:
    """Its memory in MB, at its most; 0 once it has ended."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return 0
    lines = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(lines[0].split()[1]) / 1_024 if lines else 0


def main(children: int, port: int) -> int:
    os.environ.update(ENVIRONMENT)
    os.environ.update({"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "LEASE_SECONDS": "5"})
    folder = tempfile.mkdtemp()
    calls = f"{folder}/calls"
    with running("moto.server", "-H", "127.0.0.1", "-p", str(port)):
        made = _created(port)
        os.environ.update(made)
        job = submit(system(), Submission(owner="ada", task="many", params={"count": children})).job
        began, killed, peak = time.monotonic(), 0, 0.0
        with running("tests.fanout", "sweep"):
            workers = [start("tests.fanout", "work", calls) for _ in range(WORKERS)]
            try:
                while not (record := _read(job)).finished:
                    time.sleep(1)
                    peak = max(peak, *map(peak_of, workers))
                    victim = workers.pop(random.randrange(WORKERS))
                    victim.kill()
                    victim.wait()
                    workers.append(start("tests.fanout", "work", calls))
                    killed += 1
            finally:
                for process in workers:
                    process.kill()
                    process.wait()
        return _told(record, children, calls, time.monotonic() - began, killed, peak)


def _created(port: int) -> dict[str, str]:
    for _ in range(100):
        try:
            create_all(*map(wiring.client, SERVICES))
            break
        except Exception:
            time.sleep(0.2)
    sqs = wiring.client("sqs")
    urls = {
        lane: sqs.get_queue_url(QueueName=f"overtime-local-{lane}")["QueueUrl"]
        for lane in ("default", "heavy", "webhooks")
    }
    return {f"QUEUE_{lane.upper()}": url for lane, url in urls.items()}


def _read(job: JobRecord) -> JobRecord:
    record = system().jobs.read(job.id)
    assert record is not None
    return record


def _told(
    record: JobRecord, children: int, calls: str, took: float, killed: int, peak: float
) -> int:
    made: Counter[str] = Counter(Path(calls).read_text().split())
    ours = {name: made[name] for name in made if name not in ("ReceiveMessage", "DeleteMessage")}
    each = sum(ours.values()) / children
    result: Any = record.result and record.result.text
    print(f"{record.status}: {result} of {children} children right, in {took:.0f} s.")
    print(f"{killed} workers killed. The largest process: {peak:.0f} MB.")
    print(f"AWS calls a child: {each:.2f}, another job's: {ORDINARY}. {ours}")
    right = result == str(children) and peak < MEMORY_AT_MOST
    return 0 if right else 1


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["work", path]:
            work(path)
        case ["sweep"]:
            sweep_often()
        case [*given]:
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # ends the others, too
            numbers = [int(one) for one in given] + [20_000, 21_150][len(given) :]
            sys.exit(main(*numbers))
