"""What the benchmark stands on: the local AWS, an unpacked bundle, and a process for each side."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import boto3

from bench.events import http
from bench.participant import NAIVE_TABLE, PEER_QUEUE, PEER_TABLE
from local.stage import without_aws
from ops.bundle.build import code_for
from ops.bundle.trial_import import HERE, runtime_in
from tests.aws import ENVIRONMENT, ROOT, create_all
from tests.contract.ministack import ministack

PEERS = str(ROOT / ".venv-bench" / "bin" / "python")
SIDES = {
    "overtime": [sys.executable, "-m", "bench.sides.overtime"],
    "raw": [sys.executable, "-m", "bench.sides.raw"],
    "naive": [sys.executable, "-m", "bench.sides.naive"],
    "celery": [PEERS, "-m", "bench.sides.celery", "{port}"],
    "celery, started": [PEERS, "-m", "bench.sides.celery", "{port}", "started"],
}
COLD = ("overtime", "raw", "naive")
Figures = dict[str, Any]


@contextmanager
def local_aws() -> Iterator[dict[str, str]]:
    """The environment of processes that use it; with the resources of every side."""
    with ministack() as url:
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        region = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_REGION": "us-east-1"}
        settings = {
            name: value.replace("http://127.0.0.1:4566", url) for name, value in ENVIRONMENT.items()
        }
        whole = without_aws() | settings | keys | region | {"AWS_ENDPOINT_URL": url}
        create_resources(url)
        whole["NAIVE_QUEUE_URL"] = f"{url}/000000000000/naive"
        yield whole


def create_resources(url: str) -> None:
    session = boto3.Session("test", "test", region_name="us-east-1")

    def client(name: Any) -> Any:
        return session.client(name, endpoint_url=url)

    dynamodb, sqs, s3 = map(client, ("dynamodb", "sqs", "s3"))
    create_all(dynamodb, sqs, s3)
    dynamodb.create_table(
        TableName=NAIVE_TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": kind}
            for name, kind in (("id", "S"), ("owner", "S"), ("created", "N"))
        ],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "owner",
                "KeySchema": [
                    {"AttributeName": "owner", "KeyType": "HASH"},
                    {"AttributeName": "created", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    dynamodb.create_table(
        TableName=PEER_TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    for name in ("raw", "naive", f"{PEER_QUEUE}-plain", f"{PEER_QUEUE}-started"):
        sqs.create_queue(QueueName=name)


class Side:
    """A process that measures; it lives as long as the benchmark, so that it is warm."""

    def __init__(self, name: str, environment: dict[str, str]) -> None:
        self.name = name
        port = environment["AWS_ENDPOINT_URL"].rpartition(":")[2]
        self.process = subprocess.Popen(
            [part.format(port=port) for part in SIDES[name]],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.measures: list[str] = self._answer()

    def measure(self, name: str, operations: int) -> Figures:
        """CPU and wall seconds of an operation, and its calls."""
        assert self.process.stdin is not None
        asked = json.dumps({"measure": name, "operations": operations})
        print(asked, file=self.process.stdin, flush=True)
        found = self._answer()
        return {
            "cpu": found["cpu"] / operations,
            "wall": found["wall"] / operations,
            "calls": {name: count / operations for name, count in found["calls"].items()},
        }

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"The side {self.name} ended with {self.process.wait()}.")
        return json.loads(line)

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


@contextmanager
def sides(names: list[str], environment: dict[str, str]) -> Iterator[dict[str, Side]]:
    with ExitStack() as ending:
        started = {}
        for name in names:
            started[name] = Side(name, environment)
            ending.callback(started[name].end)
        yield started


class ColdStarts:
    """Starts processes that have nothing to import from but a bundle and Lambda's own boto3."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        code = folder / "code"
        code_for(code, HERE, "tokens")
        shutil.copy(ROOT / "bench" / "sides" / "naive_app.py", code)
        subprocess.run(
            [sys.executable, "-m", "compileall", "-q", str(code / "naive_app.py")], check=True
        )
        (folder / "runtime").mkdir()
        self.paths = [str(code), str(runtime_in(folder / "runtime"))]
        self.environment = environment

    def start(self, kind: str) -> Figures:
        task = {"task": "fetch", "params": {"url": "https://example.com/"}}
        ran = subprocess.run(
            [sys.executable, "-I", "-S", str(ROOT / "bench" / "cold.py"), kind, *self.paths],
            cwd="/",
            env=self.environment | {"EVENT": json.dumps(http("POST", "/jobs", body=task))},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if ran.returncode != 0:
            raise SystemExit(ran.stderr)
        figures: Figures = json.loads(ran.stdout)
        return figures
