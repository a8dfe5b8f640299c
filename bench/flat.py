"""Measures whether the cost stays the same as jobs accumulate: python -m bench.flat

Submit, read and list while one owner has ever more stored jobs; then job after job in one worker
process, with its memory. Minutes pass between the first row and the last. So `raw` makes its calls
in turn with ours, always on a small table: compare the ratios, since other load slows both alike.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import boto3

from bench.participant import TABLE
from bench.report import calls
from bench.stand import Side, local_aws, sides
from chalicelib.aws.batches import write_many
from chalicelib.aws.items import Shards, item_of
from chalicelib.http.auth import LOCAL_OWNER
from tests.records import queued

STORED = (0, 10_000, 50_000)
MEASURES = ("submit", "read", "list")
ROUNDS, OPERATIONS = 20, 2  # few: the local AWS takes 3 s for a list of 50,000
JOBS, ROW, IN_TURN = 5_000, 500, 50


def main() -> None:
    with local_aws() as environment, sides(["overtime", "raw"], environment) as started:
        session = boto3.Session("test", "test", region_name="us-east-1")
        table = session.client("dynamodb", endpoint_url=environment["AWS_ENDPOINT_URL"])
        for measure in MEASURES:
            compared(started, measure, 1, ROUNDS)  # until both are warm
        heading("jobs stored", "measure", "CPU ms", "raw, CPU ms", "ours ÷ raw", "AWS calls")
        every, there = jobs(), 0
        for count in STORED:
            write_many(time.sleep, table, TABLE, islice(every, count - there))
            there = count
            for measure in MEASURES:
                row(f"{count:,}", measure, *compared(started, measure, ROUNDS, OPERATIONS))
        heading("jobs run", "CPU ms a job", "raw, CPU ms", "ours ÷ raw", "AWS calls", "memory MB")
        for done in range(ROW, JOBS + ROW, ROW):
            figures = compared(started, "work", ROW // IN_TURN, IN_TURN)
            row(f"{done:,}", *figures, megabytes(started["overtime"]))


def jobs() -> Iterator[dict[str, Any]]:
    while True:
        record = queued(owner=LOCAL_OWNER, task="bench")
        yield {"PutRequest": {"Item": item_of(record, Shards())}}


def compared(started: dict[str, Side], measure: str, rounds: int, operations: int) -> list[str]:
    """Medians of CPU ms, ours and raw; the median of the rounds' ratios; our calls to AWS."""
    pairs = []
    for _ in range(rounds):
        one, other = (started[side].measure(measure, operations) for side in ("overtime", "raw"))
        pairs.append((one["cpu"] * 1_000, other["cpu"] * 1_000))
    figures = [*map(median, zip(*pairs, strict=True)), median(one / other for one, other in pairs)]
    return [*(f"{figure:.2f}" for figure in figures), calls([one])]


def megabytes(side: Side) -> str:
    status = Path(f"/proc/{side.process.pid}/status").read_text()
    return f"{int(status.partition('VmRSS:')[2].split()[0]) / 1_024:.1f}"


def heading(*cells: str) -> None:
    print()
    row(*cells)
    row(*("---" for _ in cells))


def row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
