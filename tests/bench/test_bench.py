"""A small form of `make bench`: it fails on counts only, never on times."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from bench.report import table
from bench.stand import Side, local_aws, sides
from tests.aws import ENVIRONMENT, ROOT

CALLS = {
    "submit": {"PutItem": 1, "SendMessage": 1},
    "replay": {"PutItem": 1, "SendMessage": 1},
    "read": {"GetItem": 1},
    "304": {"GetItem": 1},
    "list": {"Query": 1, "BatchGetItem": 1},
    "run": {"UpdateItem": 2},
    "work": {"UpdateItem": 2, "DeleteMessage": 1, "ReceiveMessage": 0.5},
}


@pytest.fixture(scope="module")
def overtime() -> Iterator[Side]:
    with local_aws() as environment, sides(["overtime"], environment) as started:
        yield started["overtime"]


@pytest.mark.parametrize("measure", CALLS)
def test_an_operation_makes_these_calls_to_aws(overtime: Side, measure: str) -> None:
    assert overtime.measure(measure, 2)["calls"] == CALLS[measure]


def test_the_table_shows_medians_and_ratios_round_by_round() -> None:
    ours = [{"cpu": cpu, "wall": 0.004, "calls": {"GetItem": 1}} for cpu in (0.001, 0.002, 0.003)]
    theirs = [{"cpu": 0.002, "wall": 0.002} for _ in ours]
    _, _, first, second = table({"read": {"overtime": ours, "raw": theirs}}).splitlines()
    assert "| read | overtime | 2.00 (1.00-3.00) | 4.00" in first
    assert "1 GetItem |" in first
    assert "| 1.00 (0.50-1.50) | 2.00 (2.00-2.00) |" in second


LATER = ("answers", "moments", "run", "schedules", "subscribe", "sweeper", "worker")
"""Use cases that their own route or function loads."""


def test_a_start_of_the_api_imports_only_what_most_requests_need() -> None:
    program = f"""
import os, sys
os.environ.update({ENVIRONMENT | {"STAGE": "dev", "AUTH": "tokens"}!r})
import app
app.system().tasks()
print(*sys.modules)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    )
    modules = set(ran.stdout.split())
    ours = {one for one in modules if one.startswith("chalicelib.")} - {
        one for one in modules if one.startswith("chalicelib.tasks.")
    }
    assert "chalicelib.service.submit" in ours
    assert not ours & {f"chalicelib.service.{name}" for name in LATER}
    assert not modules & {"boto3", "cryptography", "difflib", "jwt", "PIL"}
    assert len(ours) <= 115  # each takes some 0.2 ms of CPU time; raise this only for a reason
