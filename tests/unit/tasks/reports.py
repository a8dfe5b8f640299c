"""What tests of the report task share: run it on a CSV, and read what it made."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from chalicelib.tasks.report import report
from chalicelib.testing import Bench, Done

FLIGHTS = b"carrier,month,delay\nUA,10,5\nB6,9,\nUA,9,-2.5\nB6,10,late\nUA,10,7\n"


def run(data: bytes, group_by: str = "a", *metrics: str, **more: Any) -> Done:
    bench = Bench()
    interruptions = {name: more.pop(name) for name in list(more) if name.endswith("_after")}
    params = {"source": bench.upload(data), "group_by": group_by.split(",")}
    return bench.run(
        report, {**params, "metrics": list(metrics) or ["count"], **more}, **interruptions
    )


def rows(done: Done) -> list[dict[str, Any]]:
    assert done.error is None, done.error
    found: list[dict[str, Any]] = json.loads(done.artifacts["report.json"])
    return found


def counts(done: Done) -> dict[str, int]:
    """How many records ended where; those that are none are left out."""
    assert done.error is None, done.error
    kinds = ("rows", "filtered", "ragged", "blank", "undecodable")
    return {kind: done.result[kind] for kind in kinds if done.result[kind]}


def detail(done: Done) -> str:
    """Why it failed, once and for all."""
    assert (done.status, done.attempts) == ("failed", 1)
    assert done.error is not None
    return done.error.detail


def as_csv(table: list[tuple[str, ...]], *header: str, **dialect: Any) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, **dialect).writerows([header or ("a", "n"), *table])
    return text.getvalue().encode()
